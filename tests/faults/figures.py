"""The figures that `make faults` measures, and what a measurement of one says.

A figure is a function ``(seed: int) -> Measured`` in a module of its own, named in `FIGURES`;
its docstring is the demand, in one line. What a short form in `test_*.py` needs smaller is an
argument of a function beside it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Measured:
    """What came of a figure. Without misses it is met."""

    text: str
    misses: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        return "missed" if self.misses else "met"


class Findings:
    """Collects what a figure finds.

    >>> found = Findings()
    >>> found.check(3 <= 2, "3 jobs lost, at most 2 wanted")
    >>> found.say("3 lost")
    >>> found.measured().verdict
    'missed'
    """

    def __init__(self) -> None:
        self._said: list[str] = []
        self._misses: list[str] = []
        self.details: dict[str, Any] = {}

    def say(self, text: str) -> None:
        """Part of what the table shows as measured."""
        self._said.append(text)

    def check(self, holds: bool, otherwise: str) -> None:
        """What must hold; `otherwise` says what was found and what was wanted."""
        if not holds:
            self._misses.append(otherwise)

    def measured(self) -> Measured:
        return Measured("; ".join(self._said), tuple(self._misses), self.details)


Figure = Callable[[int], Measured]

FIGURES: dict[str, str] = {
    "F1a": "tests.faults.chaos_kill:chaos",
    "F1b": "tests.faults.chaos_real_runs:chaos_of_real_runs",
    "F2": "tests.faults.api_dies:submissions_while_the_api_dies",
    "F3": "tests.faults.zombie_finish:zombie_finish",
    "F4": "tests.faults.server_outage:outages",
    "F5": "tests.faults.network_cut:cut_off",
    "F6": "tests.faults.engine_killed:engine_killed",
    "F7": "tests.faults.worker_killed:worker_killed",
    "F8": "tests.faults.crash_job:crash_job",
    "F9": "tests.faults.live_preempts_batch:live_before_batch",
    "F11": "tests.faults.cancel_in_any_phase:cancel",
    "F14": "tests.faults.stream_drops:events_without_a_gap",
    "F15": "tests.faults.tiled_outage:tiled_away",
    "F16": "tests.faults.api_contract:contract",
    "F17": "tests.faults.model_with_kills:model",
    "F20": "tests.faults.submission_latency:open_loop",
}
"""Where each is, in the order of the table."""


def figure(name: str) -> Figure:
    module, _, function = FIGURES[name].partition(":")
    found: Figure = getattr(importlib.import_module(module), function)
    return found


def demand_of(name: str) -> str:
    """The first paragraph of its docstring, as one line."""
    text = figure(name).__doc__ or ""
    return " ".join(text.strip().split("\n\n")[0].split())
