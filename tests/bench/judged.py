"""Verdicts of stored rows, by the rules as they are now.

A row keeps the figures that the rules looked at, so that a threshold can be moved without
reconstructing anything again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from tests.bench.rows import Row, digest_of_files

from exitwave.schema.verdict import Finding, Verdict
from exitwave.verdict import Figures, judge_run
from exitwave.verdict.rules import RULES

CODE = (
    "configs/recipes",
    "service/exitwave/files",
    "service/exitwave/schema",
    "workers/exitwave/commands",
    "workers/exitwave/engine",
    "workers/exitwave/prepare",
    "workers/exitwave/quality",
    "workers/exitwave/verdict",
    "workers/exitwave/run_quality",
)
"""What a run and its figures depend on."""

JUDGING = frozenset(
    Path("workers/exitwave/verdict") / name for name in ("rules.py", "judge.py")
)
"""Files of the verdict that only weigh figures."""


def figures_from(numbers: Mapping[str, float]) -> Figures:
    """The figures of a row; what it does not know is nan."""
    known = {field.name: numbers.get(field.name, math.nan) for field in fields(Figures)}
    known |= {"frames": int(known["frames"]), "counted": bool(known["counted"])}
    return Figures(**known)


def extra_findings(
    rules: Iterable[Mapping[str, Any]], numbers: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Of all findings of a run, those of tests beside the rules."""
    figures = figures_from(numbers)
    spoken = {found.rule for rule in RULES if (found := rule(figures)) is not None}
    return [dict(finding) for finding in rules if finding["rule"] not in spoken]


def judged(row: Row) -> Verdict:
    """The verdict of a row."""
    findings = [Finding.model_validate(found) for found in row["findings"]]
    return judge_run(figures_from(row["figures"]), findings)


@cache
def product_code() -> str:
    """Digest of all source that a run's picture and figures come from."""
    files: list[Path] = []
    for root in map(Path, CODE):
        below = sorted([*root.rglob("*.py"), *root.rglob("*.yaml")])
        files += [root] if root.is_file() else below
    return digest_of_files(path for path in files if path not in JUDGING)
