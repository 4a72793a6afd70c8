"""F16: what strangers may send."""

from __future__ import annotations

from tests.faults.contract import run
from tests.faults.figures import Findings, Measured

CASES = 2000


def contract(seed: int) -> Measured:
    """Schemathesis, 2,000 cases: no 5xx, no undocumented code, every error a problem+json"""
    said = run(CASES, seed, with_tiled=True)
    found = Findings()
    statuses = ", ".join(f"{count} x {status}" for status, count in said["statuses"].items())
    found.say(f"{said['cases']} cases, {len(said['failures'])} failed checks; {statuses}")
    found.demand(said["cases"] >= CASES, f"{said['cases']} cases, {CASES} wanted")
    for name, what in (
        ("failures", "answers against the description"),
        ("server_errors", "5xx"),
        ("not_problems", "errors that are no problem+json"),
    ):
        shown = "; ".join(said[name][:3])
        found.demand(not said[name], f"{len(said[name])} {what}: {shown}")
    return found.measured()
