"""The trigger on Tiled: one job for each run whose stop document has arrived.

Tiled's stream only wakes the trigger; what to do is always read from the catalogue. So a
message that was missed, a restart of Tiled or of the trigger all end in the same place.
"""

from __future__ import annotations

import time

import structlog

from exitwave.client import Client
from exitwave.ledger import BlockingServiceLedger
from exitwave.schema.errors import (
    AccessDenied,
    ExitwaveError,
    LedgerUnavailable,
    Unavailable,
)
from exitwave.settings.logs import configure_logging
from exitwave.settings.service import Settings

from .point import Point
from .runs import FinishedRun, Runs

NAME = "tiled"
RECIPE = "default"
LIVE_PRIORITY = 0
TAG = "trigger"
POLL_S = 10.0
"""Between two looks at the catalogue while Tiled's stream is silent."""
SETTLE_S = 1.0
"""Before the second look, when the stream had yet to be opened at the first."""
RETRY_S = 1.0

_log = structlog.get_logger(__name__)


class TiledTrigger:
    """Submits one job with recipe ``default`` for each run that ended well.

    Parameters
    ----------
    runs : Runs
        Where they are.
    ledger : BlockingServiceLedger
        Keeps the remembered point.
    client : Client
        Submits.
    """

    def __init__(self, runs: Runs, ledger: BlockingServiceLedger, client: Client) -> None:
        self._runs = runs
        self._ledger = ledger
        self._client = client
        self._done: dict[str, float] = {}

    def run_for_ever(self) -> None:
        """Until the process ends; it may be killed at any time."""
        _log.info("trigger.started")
        away = False
        while True:
            self._runs.news.clear()
            try:
                self.catch_up()
            except Unavailable as error:
                if not away:
                    _log.warning("trigger.waiting", reason=str(error))
                away = True
                time.sleep(RETRY_S)
                continue
            away = False
            self._runs.news.wait(SETTLE_S if self._runs.listen() else POLL_S)

    def catch_up(self) -> None:
        """Deal with every run that ended since the remembered point.

        Raises
        ------
        Unavailable
            Tiled, the queue or the API is away. The point stays before what was not done.
        """
        point = self._point()
        self._done = {u: stop for u, stop in self._done.items() if stop > point.look_from}
        for run in self._runs.finished_after(point.look_from):
            if run.uid not in self._done:
                self._deal_with(run)
                self._done[run.uid] = run.stop_time
                point = point.past(run.stop_time)
                self._ledger.set_trigger_cursor(NAME, str(point))

    def _point(self) -> Point:
        saved = self._ledger.trigger_cursor(NAME)
        if saved is not None:
            return Point.parse(saved)
        now = time.time()
        point = Point(first_start=now, newest_stop=now)
        self._ledger.set_trigger_cursor(NAME, str(point))
        return point

    def _deal_with(self, run: FinishedRun) -> None:
        log = _log.bind(scan=run.uid)
        if run.exit_status != "success":
            log.info("run.skipped", exit_status=run.exit_status, reason=run.reason)
            return
        try:
            job = self._client.submit(
                run.uid,
                recipe=RECIPE,
                priority=LIVE_PRIORITY,
                tags=[TAG],
                idempotency_key=f"trigger:{run.uid}:{RECIPE}",
            )
        except (Unavailable, AccessDenied):
            raise
        except ExitwaveError as error:
            # It cannot be reconstructed, and asking again will not change that.
            log.warning("run.skipped", kind=error.slug, reason=str(error))
            return
        log.info("job.submitted", job=job.id, seconds=round(time.time() - run.stop_time, 2))


def run_trigger(settings: Settings) -> None:
    """Watch Tiled until a signal ends the process."""
    configure_logging(settings.log_level)
    with Client() as client:
        ledger = _connect(settings)
        TiledTrigger(Runs(settings.tiled), ledger, client).run_for_ever()


def _connect(settings: Settings) -> BlockingServiceLedger:
    """Wait for the queue, so that the first point is set as early as can be."""
    ledger = BlockingServiceLedger(settings.ledger)
    while True:
        try:
            ledger.ping()
        except LedgerUnavailable:
            time.sleep(RETRY_S / 4)
        else:
            return ledger
