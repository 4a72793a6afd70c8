"""What the API does beside answering requests: the queue's clock, metrics, the Tiled client."""

from __future__ import annotations

import asyncio
import signal

import structlog

from exitwave.ledger import ServiceLedger
from exitwave.schema.errors import ExitwaveError, LedgerUnavailable, UsageError

from .jobs.scan_lookup import ScanLookup
from .observability.metrics import Metrics

TICK_S = 1.0
TICKS_PER_LEASE = 8
"""At least: a clock slower than half a lease would seem to have stopped."""

RETRY_S = 1.0
EVENTS_WAIT_S = 5.0

_log = structlog.get_logger(__name__)


async def run_clock(ledger: ServiceLedger, lease_s: float) -> None:
    """Tick the queue's clock, which requeues jobs of silent workers; an outage stops it.

    The API ends if the server, away at its start, turns out to lose what it accepts or to hold
    records of another release.
    """
    reachable, checked = True, False
    while True:
        try:
            if not checked:
                await ledger.check_layout()
                await ledger.check_durability()
                checked = True
            await ledger.tick()
        except UsageError as error:
            _log.critical("ledger.refused", reason=str(error))
            signal.raise_signal(signal.SIGTERM)
            return
        except LedgerUnavailable as error:
            if reachable:
                _log.error("ledger.away", reason=str(error))
            reachable = False
        else:
            if not reachable:
                _log.info("ledger.back")
            reachable = True
        await asyncio.sleep(min(TICK_S, lease_s / TICKS_PER_LEASE))


async def follow_events(ledger: ServiceLedger, metrics: Metrics) -> None:
    """Give each event to the metrics that measure the time between two events."""
    after = "$"
    while True:
        try:
            if after == "$":
                after = await ledger.last_event_id()
            for event in await ledger.events(after, wait_s=EVENTS_WAIT_S):
                metrics.note(event)
                after = event.id
        except LedgerUnavailable:  # the clock logs it
            await asyncio.sleep(RETRY_S)


async def open_scans(scans: ScanLookup) -> None:
    """Import the Tiled client before the first submission needs it."""
    try:
        await scans.open()
    except ExitwaveError as error:
        # The next submission tries again, and says so if it is not Tiled that is away.
        _log.warning("scans.not_open", reason=str(error))
