"""Every call of the ledger as data: a command for the server and how to read its reply.

The sync and the async face run the same calls; they differ only in how they wait.
"""

from __future__ import annotations

from .call import LONGEST_BLOCK_S, Call
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


def ping() -> Call[bool]:
    """Whether the server answers."""
    return Call(("PING",), bool)
