"""What ``exitwave trigger`` runs."""

from __future__ import annotations

import time

from exitwave.client import Client
from exitwave.ledger import BlockingServiceLedger
from exitwave.runtime.logs import configure_logging
from exitwave.schema.errors import LedgerUnavailable
from exitwave.settings.service import Settings

from .registry import make_source
from .submitter import Submitter
from .trigger import Trigger

LEDGER_RETRY_S = 0.25


def run_trigger(settings: Settings) -> None:
    """Submit jobs for finished scans until a signal ends the process.

    Raises
    ------
    UsageError
        The settings name no event source that there is, or its options are not valid.
    """
    configure_logging(settings.log_level)
    source = make_source(settings)
    with Client() as client:
        ledger = _connect(settings)
        name = settings.trigger.source
        Trigger(name, source, Submitter(client), ledger).run_for_ever()


def _connect(settings: Settings) -> BlockingServiceLedger:
    """Wait for the queue, so that the first cursor is set as early as can be."""
    ledger = BlockingServiceLedger(settings.ledger)
    while True:
        try:
            ledger.ping()
        except LedgerUnavailable:
            time.sleep(LEDGER_RETRY_S)
        else:
            return ledger
