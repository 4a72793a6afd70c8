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
    spoken = sorted([*spoken, *findings], key=lambda found: -RANK[found.says])
    worst = spoken[0].says if spoken else "good"
    return Verdict(verdict=worst, rules=spoken, figures=figures.numbers())
