"""Says once that the ledger is away, and once that it is back, however often it is asked."""

from __future__ import annotations

import structlog

from exitwave.schema.errors import LedgerUnavailable


class LedgerOutage:
    """Whether the ledger is away, as far as is known.

    Parameters
    ----------
    log : structlog logger
    """

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        self._log = log
        self._away = False

    def notice(self, error: LedgerUnavailable) -> None:
        """Take note that it did not answer."""
        if not self._away:
            self._log.warning("ledger.away", error=str(error))
        self._away = True

    def over(self) -> None:
        """Take note that it answered."""
        if self._away:
            self._log.info("ledger.back")
        self._away = False
