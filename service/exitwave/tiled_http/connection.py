"""Address, key and time limits of a Tiled server, and what its failures mean. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import stamina

from exitwave.schema.errors import DataError, TiledUnavailable
from exitwave.settings.service import TiledSettings

from .queries import Query

_UNREADABLE = {httpx.codes.INTERNAL_SERVER_ERROR, httpx.codes.GONE}
"""What Tiled answers where it has a node but cannot read the file behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long an answer is waited for, and how often a question is asked."""

    timeout_s: float
    connect_timeout_s: float
    metadata_attempts: int = 1
    data_attempts: int = 1


PERSISTENT = RetryPolicy(
    timeout_s=60.0, connect_timeout_s=5.0, metadata_attempts=3, data_attempts=5
)
"""For who reads a scan: a busy server answers in the end."""

ONCE = RetryPolicy(timeout_s=30.0, connect_timeout_s=30.0)
"""For who asks again anyway, or must say soon that Tiled is away."""


class Connection:
    """One server, seen by one client.

    Parameters
    ----------
    settings : TiledSettings
        Address and key.
    policy : RetryPolicy
    """

    def __init__(self, settings: TiledSettings, policy: RetryPolicy) -> None:
        self.uri = settings.uri.rstrip("/")
        self.api = f"{self.uri}/api/v1"
        key = settings.api_key.get_secret_value()
        self.headers = {"Authorization": f"Apikey {key}"} if key else {}
        self.timeout = httpx.Timeout(policy.timeout_s, connect=policy.connect_timeout_s)
        self._policy = policy

    def attempts(self, query: Query[Any]) -> int:
        """How often a query is asked at most."""
        policy = self._policy
        return policy.data_attempts if query.is_data else policy.metadata_attempts

    def failure(
        self, error: httpx.HTTPError, query: Query[Any]
    ) -> TiledUnavailable | DataError:
        """What the last attempt's failure means; it does not show the key."""
        if not isinstance(error, httpx.HTTPStatusError):
            reason = str(error) or type(error).__name__
            return TiledUnavailable(f"Tiled at {self.uri} does not answer: {reason}")
        status = error.response.status_code
        if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            return TiledUnavailable(
                f"Tiled at {self.uri} refuses the key ({status}); expected a key that may "
                "read scans in setting tiled.api_key"
            )
        if query.blamed and status in _UNREADABLE:
            return DataError(
                query.blamed,
                f"Tiled cannot read the data ({status}): {_detail(error.response)}",
                "a complete file that Tiled can read",
            )
        return TiledUnavailable(f"Tiled at {self.uri} answers {status} to {error.request.url}")


def is_missing(answer: httpx.Response) -> bool:
    """Whether there is no such node; raises `httpx.HTTPStatusError` for other refusals."""
    if answer.status_code == httpx.codes.NOT_FOUND:
        return True
    answer.raise_for_status()
    return False


def _may_pass(error: Exception) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return status >= 500 or status == httpx.codes.TOO_MANY_REQUESTS
    return isinstance(error, httpx.TransportError)


retries = partial(
    stamina.retry_context,
    on=_may_pass,
    wait_initial=0.1,
    wait_jitter=0.2,
    wait_max=3.0,
    timeout=60.0,
)
"""Attempts, for ``for`` and ``async for``; takes their number, ``attempts``."""


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase
