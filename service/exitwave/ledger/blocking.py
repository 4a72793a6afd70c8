"""The few commands that the service's parts without an event loop send."""

from __future__ import annotations

from .commands import Workers
from .connection import Connection


class BlockingServiceLedger(Connection):
    """What the command line, `up` and the trigger call; `ServiceLedger` is the API's.

    Every method raises `LedgerUnavailable` while the server is away.
    """

    def workers(self) -> Workers:
        """Workers heard of within three leases."""
        return self.run(self._commands.workers())

    def trigger_cursor(self, name: str) -> str | None:
        """How far the trigger of that name has come; None before its first start."""
        return self.run(self._commands.trigger_cursor(name))

    def set_trigger_cursor(self, name: str, value: str) -> None:
        """Remember how far the trigger of that name has come."""
        self.run(self._commands.set_trigger_cursor(name, value))
