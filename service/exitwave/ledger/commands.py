"""Every command of the ledger as data: what is sent and how to read the reply.

All clients run the same commands; they differ only in how they wait.
"""

from __future__ import annotations

from .command import LONGEST_BLOCK_S, Command
from .control import ControlCommands
from .reads import Events, QueueView, ReadCommands, Workers
from .work import Claimed, Signal, WorkCommands

__all__ = [
    "LONGEST_BLOCK_S",
    "Claimed",
    "Command",
    "Commands",
    "Events",
    "QueueView",
    "Signal",
    "Workers",
    "ping",
]


class Commands(WorkCommands, ControlCommands, ReadCommands):
    """Builds the commands of one queue."""


def ping() -> Command[bool]:
    """Whether the server answers."""
    return Command(("PING",), bool)
