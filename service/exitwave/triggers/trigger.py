"""One job for each finished scan: source, rule, submitter and cursor together.

News only wakes the trigger; what to do is always asked of the source from the cursor on. So a
message that was missed, a restart of the source or of the trigger all end in the same place.
"""

from __future__ import annotations

import time

import structlog

from exitwave.ledger import BlockingServiceLedger
from exitwave.schema.errors import Unavailable

from .cursor import Cursor
from .protocol import EventSource, FinishedScan
from .rules import Rule, ended_well
from .submitter import Submitter

RETRY_S = 1.0

_log = structlog.get_logger(__name__)


class Trigger:
    """Submits a job for each scan that finishes and that the rule lets through.

    Parameters
    ----------
    name : str
        Under which the cursor is kept: the source's.
    source : EventSource
        Tells of finished scans.
    submitter : Submitter
    ledger : BlockingServiceLedger
        Keeps the cursor.
    rule : callable
        Which scans become jobs.
    """

    def __init__(
        self,
        name: str,
        source: EventSource,
        submitter: Submitter,
        ledger: BlockingServiceLedger,
        rule: Rule = ended_well,
    ) -> None:
        self._name = name
        self._source = source
        self._submitter = submitter
        self._ledger = ledger
        self._rule = rule
        self._done: dict[str, float] = {}

    def run_for_ever(self) -> None:
        """Until the process ends; it may be killed at any time."""
        _log.info("trigger.started", source=self._name)
        away = False
        while True:
            try:
                self.catch_up()
            except Unavailable as error:
                if not away:
                    _log.warning("trigger.waiting", reason=str(error))
                away = True
                time.sleep(RETRY_S)
                continue
            away = False
            self._source.wait()

    def catch_up(self) -> None:
        """Deal with every scan that ended since the cursor.

        Raises
        ------
        Unavailable
            The source, the queue or the API is away. The cursor stays before what was not
            done.
        """
        cursor = self._cursor()
        self._done = {uid: stop for uid, stop in self._done.items() if stop > cursor.look_from}
        for scan in self._source.finished_after(cursor.look_from):
            if scan.uid not in self._done:
                self._deal_with(scan)
                self._done[scan.uid] = scan.stop_time
                cursor = cursor.past(scan.stop_time)
                self._ledger.set_trigger_cursor(self._name, str(cursor))

    def _cursor(self) -> Cursor:
        saved = self._ledger.trigger_cursor(self._name)
        if saved is not None:
            return Cursor.parse(saved)
        now = time.time()
        cursor = Cursor(first_start=now, newest_stop=now)
        self._ledger.set_trigger_cursor(self._name, str(cursor))
        return cursor

    def _deal_with(self, scan: FinishedScan) -> None:
        if self._rule(scan):
            self._submitter.submit(scan)
        else:
            _log.info(
                "run.skipped",
                scan=scan.uid,
                exit_status=scan.exit_status,
                reason=scan.reason,
            )
