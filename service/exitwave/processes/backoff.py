"""How long to wait before something that failed is tried again."""

from __future__ import annotations

from dataclasses import dataclass, field

_MOST_DOUBLINGS = 16
"""Further ones would only make large numbers: `longest_s` has long been reached."""


@dataclass
class Backoff:
    """A pause that doubles with every failure in a row.

    Parameters
    ----------
    first_s, longest_s : float
        First and longest pause.
    healthy_after_s : float
        What lived so long before it failed counts as if it had never failed.

    Examples
    --------
    >>> backoff = Backoff(first_s=1.0, longest_s=3.0)
    >>> [backoff.pause_s() for _ in range(4)]
    [1.0, 2.0, 3.0, 3.0]
    """

    first_s: float
    longest_s: float
    healthy_after_s: float = float("inf")
    _failures: int = field(default=0, init=False)

    def pause_s(self, lived_s: float = 0.0) -> float:
        """Count a failure; the pause that follows it."""
        healthy = lived_s > self.healthy_after_s
        self._failures = 0 if healthy else min(self._failures + 1, _MOST_DOUBLINGS)
        return min(self.first_s * 2.0 ** max(self._failures - 1, 0), self.longest_s)

    def reset(self) -> None:
        """Forget all failures: it works."""
        self._failures = 0
