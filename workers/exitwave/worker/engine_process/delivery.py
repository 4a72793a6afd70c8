"""The end of an attempt: its result goes to all sinks, and then leaves the spool.

Imports Tiled's client.
"""

from __future__ import annotations

import time
from dataclasses import replace

import structlog

from exitwave.results import AttemptRecord, FinalArrays, Sink, Spool, Spooled
from exitwave.results.registry import make_sinks
from exitwave.schema.errors import Diverged, SinkError
from exitwave.schema.job import Job, Result, ResumePoint
from exitwave.schema.result import attempt_node
from exitwave.settings.service import Settings

from ..protocol import JobCancelledError, JobPreemptedError, JobStoppedError
from .attempt_progress import AttemptProgress
from .spooled_result import LastEpoch

CHECK_EVERY_S = 0.25
"""While the last pictures go out, commands are looked at this often."""

PREEMPTION_WAITS_S = 5.0
"""A preemption does not interrupt the writing of a result, unless it takes longer."""


class Delivery:
    """Delivers the result of one attempt.

    Parameters
    ----------
    job : Job
    progress : AttemptProgress
    settings : Settings
    spool : Spool
    """

    def __init__(
        self, job: Job, progress: AttemptProgress, *, settings: Settings, spool: Spool
    ) -> None:
        self._job, self._progress = job, progress
        self._settings, self._spool = settings, spool
        self._log = structlog.get_logger(__name__).bind(job_id=job.id, attempt=job.attempt)

    def deliver(self, spooled: Spooled, record: AttemptRecord, sinks: Sink) -> Result:
        """Wait until all sinks have pictures and result; nothing is left in the spool then.

        Raises
        ------
        SinkError
            One refuses it; it is kept on disk.
        Diverged
            The run did; its last good epoch is delivered.
        JobCancelledError, JobPreemptedError
        """
        self._progress.update(phase="writing")
        until_s = time.monotonic() + PREEMPTION_WAITS_S

        def go_on() -> None:
            waits = time.monotonic() < until_s
            self._progress.check(JobStoppedError, *([JobPreemptedError] if waits else []))

        sinks.end()
        try:
            while not sinks.done(CHECK_EVERY_S):
                go_on()
            sinks.deliver(spooled.final, go_on)
        except SinkError as error:
            raise SinkError(
                f"{error}; the arrays are kept in {self._spool.keep_refused(spooled)}"
            ) from error
        except JobCancelledError:
            spooled.path.unlink(missing_ok=True)
            raise
        spooled.path.unlink(missing_ok=True)
        return self._result(record, spooled.final)

    def deliver_earlier(self, spooled: Spooled) -> Result:
        """Deliver what an earlier attempt had computed and spooled, below an own node."""
        found = ResumePoint(attempt=spooled.record.attempt, epoch=spooled.final.epochs)
        self._log.info("spool.found", of_attempt=found.attempt, epoch=found.epoch)
        last = LastEpoch(spooled)
        self._progress.update(
            phase="writing",
            epoch=last.epoch,
            epochs=last.epoch,
            loss=last.loss.total,
            resumed_from=found,
            note=f"attempt {found.attempt} had computed the result; it is only delivered",
        )
        record = replace(spooled.record, attempt=self._job.attempt)
        sinks = make_sinks(self._settings, record, spooled.rows[:-1])
        try:
            sinks.offer(last)
            return self.deliver(spooled, record, sinks)
        finally:
            sinks.abandon()

    def _result(self, record: AttemptRecord, final: FinalArrays) -> Result:
        node = attempt_node(
            self._settings.tiled.results, record.scan.uid, record.job_id, record.attempt
        )
        if final.diverged:
            raise Diverged(
                f"{final.diverged}; epoch {final.epochs}, the last good one, is kept in {node}"
            )
        return Result(
            node=node,
            attempt=self._job.attempt,
            complete=final.complete,
            epochs=final.epochs,
            loss=final.loss,
            quality=final.quality,
            verdict=final.verdict,
            preparation=final.preparation,
            start=final.start,
        )
