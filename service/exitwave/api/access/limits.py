"""How often: one token bucket for each key or address, in the memory of the API process."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from exitwave.schema.errors import TooManyRequests

MOST_BUCKETS = 10_000
"""The bucket unused for longest is forgotten beyond this: it is most likely full."""


class TokenBuckets:
    """Token buckets by name.

    A bucket is kept as the time at which it will be full again: one number, and nothing to
    refill.

    Parameters
    ----------
    per_s : float
        Tokens that come back each second.
    burst : float
        Tokens a full bucket holds.
    what : str
        Names what is counted in the error.
    clock : callable
        Seconds, never going back.
    """

    def __init__(
        self,
        per_s: float,
        burst: float,
        what: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token_s = 1 / per_s
        self._slack_s = max(burst - 1, 0) / per_s
        self._what = what
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def require(self, name: str) -> None:
        """Raise `TooManyRequests` unless the bucket has a token; it stays there."""
        wait_s = self._full_at.get(name, 0.0) - self._clock() - self._slack_s
        if wait_s > 0:
            raise TooManyRequests(
                f"{self._what}: found too many; expected at most {1 / self._token_s:.3g} a "
                f"second in the long run; wait {wait_s:.1f} s",
                retry_after_s=math.ceil(wait_s),
            )

    def spend(self, name: str) -> None:
        """Take a token, even one that is not there yet."""
        full_at = max(self._full_at.get(name, 0.0), self._clock()) + self._token_s
        self._full_at[name] = full_at
        self._full_at.move_to_end(name)
        if len(self._full_at) > MOST_BUCKETS:
            self._full_at.popitem(last=False)

    def take(self, name: str) -> None:
        """Take a token, or raise `TooManyRequests`."""
        self.require(name)
        self.spend(name)
