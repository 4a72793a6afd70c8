"""Every call of the ledger as data: a command for the server and how to read its reply.

The sync and the async face run the same calls; they differ only in how they wait.
"""

from __future__ import annotations

import secrets

from .call import LONGEST_BLOCK_S, Call, sha256
from .control import ControlCalls
from .reads import Events, QueueView, ReadCalls, Workers
from .work import Claimed, Signal, WorkCalls

__all__ = [
    "LONGEST_BLOCK_S",
    "Call",
    "Calls",
    "Claimed",
    "Events",
    "QueueView",
    "Signal",
    "Workers",
    "ping",
]


class Calls(WorkCalls, ControlCalls, ReadCalls):
    """Builds the calls of one queue."""

    def create_code(self, ttl_s: int) -> Call[str]:
        return self._create_secret("code", ttl_s)

    def redeem_code(self, code: str) -> Call[bool]:
        return Call(("GETDEL", self._secret_key("code", code)), lambda reply: reply is not None)

    def create_session(self, ttl_s: int) -> Call[str]:
        return self._create_secret("session", ttl_s)

    def session_valid(self, token: str) -> Call[bool]:
        return Call(("EXISTS", self._secret_key("session", token)), bool)

    def _create_secret(self, kind: str, ttl_s: int) -> Call[str]:
        secret = secrets.token_urlsafe(24)
        return Call(
            ("SET", self._secret_key(kind, secret), 1, "EX", ttl_s), lambda reply: secret
        )

    def _secret_key(self, kind: str, secret: str) -> str:
        # Only hashes are stored: who reads the queue cannot log in with what is there.
        return f"{self._root}:{kind}:{sha256(secret)}"


def ping() -> Call[bool]:
    """Whether the server answers."""
    return Call(("PING",), bool)
