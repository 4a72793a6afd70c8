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
    >>> found.demand(3 <= 2, "3 jobs lost, at most 2 wanted")
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

    def demand(self, holds: bool, otherwise: str) -> None:
        """What must hold; `otherwise` says what was found and what was wanted."""
        if not holds:
            self._misses.append(otherwise)

    def measured(self) -> Measured:
        return Measured("; ".join(self._said), tuple(self._misses), self.details)


Figure = Callable[[int], Measured]

FIGURES: dict[str, str] = {
    "F1a": "tests.faults.f1a:chaos",
    "F1b": "tests.faults.f1b:chaos_of_real_runs",
    "F2": "tests.faults.f2:submissions_while_the_api_dies",
    "F3": "tests.faults.f3:zombie",
    "F4": "tests.faults.f4:outages",
    "F5": "tests.faults.f5:cut_off",
    "F6": "tests.faults.f6:engine_killed",
    "F7": "tests.faults.f7:worker_killed",
    "F8": "tests.faults.f8:poison",
    "F9": "tests.faults.f9:live_before_batch",
    "F11": "tests.faults.f11:cancel",
    "F14": "tests.faults.f14:events_without_a_gap",
    "F15": "tests.faults.f15:tiled_away",
    "F16": "tests.faults.f16:contract",
    "F17": "tests.faults.f17:model",
    "F20": "tests.faults.f20:open_loop",
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
