"""Rate limits: one token bucket for each key or address, in the memory of the API process.

The package `limits` counts hits in windows: the ten failed log-ins of an address would then
come back together after a minute, not one every six seconds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from cachetools import LRUCache

from exitwave.schema.errors import TooManyRequests

MAX_BUCKETS = 10_000
"""Beyond this the least recently used bucket is dropped: it is most likely full."""


class TokenBuckets:
    """Token buckets by name.

    A bucket is kept as the time at which it will be full again (the generic cell rate
    algorithm): one number, and nothing to refill.

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
        self._full_at: LRUCache[str, float] = LRUCache(MAX_BUCKETS)

    def check(self, name: str) -> None:
        """Raise `TooManyRequests` unless the bucket has a token; takes none."""
        wait_s = self._full_at.get(name, 0.0) - self._clock() - self._slack_s
        if wait_s > 0:
            raise TooManyRequests(
                f"{self._what}: found too many; expected at most {1 / self._token_s:.3g} a "
                f"second in the long run; wait {wait_s:.1f} s",
                retry_after_s=math.ceil(wait_s),
            )

    def spend(self, name: str) -> None:
        """Take a token, even from an empty bucket: the wait gets longer."""
        began = max(self._full_at.get(name, 0.0), self._clock())
        self._full_at[name] = began + self._token_s

    def take(self, name: str) -> None:
        """Take a token, or raise `TooManyRequests`."""
        self.check(name)
        self.spend(name)
