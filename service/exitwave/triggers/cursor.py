"""How far a trigger has come: kept in the ledger, so that a restart goes on from there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

OVERLAP_S = 600.0
"""News of a scan's end may come after that of one that ended later; look back this far."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Unix times.

    Attributes
    ----------
    first_start : float
        When the trigger ran for the first time: what ended before is not its business.
    newest_stop : float
        End of the newest scan that was dealt with.
    """

    first_start: float
    newest_stop: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote."""
        first_start, newest_stop = map(float, text.split())
        return cls(first_start, newest_stop)

    def __str__(self) -> str:
        return f"{self.first_start!r} {self.newest_stop!r}"

    @property
    def look_from(self) -> float:
        """Scans that ended later are looked at, those already dealt with once more."""
        return max(self.first_start, self.newest_stop - OVERLAP_S)

    def past(self, stop_time: float) -> Cursor:
        """The cursor once a scan that ended at `stop_time` is dealt with."""
        return replace(self, newest_stop=max(self.newest_stop, stop_time))
