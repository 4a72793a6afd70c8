"""All rules asked, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from exitwave.schema.verdict import Finding, Judgement, Verdict

from .figures import Figures
from .rules import RULES

RANK: dict[Judgement, int] = {word: place for place, word in enumerate(get_args(Judgement))}


def judge_run(figures: Figures, findings: Sequence[Finding] = ()) -> Verdict:
    """The verdict of a run: the worst that any rule says.

    Parameters
    ----------
    figures : Figures
    findings : sequence of Finding
        Of tests beside the rules, such as of positions against frames.
    """
    spoken = [found for rule in RULES if (found := rule(figures)) is not None]
    verdict = Verdict(verdict="good", rules=spoken, figures=figures.numbers())
    return with_findings(verdict, findings)


def with_findings(verdict: Verdict, findings: Sequence[Finding]) -> Verdict:
    """The same with more findings: the worst that any says, never better than it was."""
    spoken = sorted([*verdict.rules, *findings], key=lambda found: -RANK[found.says])
    says = (verdict.verdict, *(found.says for found in spoken))
    return verdict.model_copy(
        update={"verdict": max(says, key=RANK.__getitem__), "rules": spoken}
    )
