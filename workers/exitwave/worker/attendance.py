"""One attempt at a job, from claim to finish: what the agent does while the engine works."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import structlog

from exitwave.ledger import Ledger
from exitwave.schema.errors import JobNotFound, LedgerUnavailable, StaleAttempt
from exitwave.schema.job import Failure, Job, Outcome, Progress, Result
from exitwave.settings.service import WorkerSettings

from .handle import EngineDiedError, EngineHandle
from .messages import (
    EngineCancelled,
    EngineFailed,
    EngineFinished,
    EngineMessage,
    EngineProgress,
    EngineReady,
)

LOOK_EVERY_S = 0.2
"""Longest wait for the engine's next word: a signal to stop is seen within this."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ends; `outcome` None: it was replaced, nobody is to be told."""

    outcome: Outcome | None
    result: Result | None = None
    failure: Failure | None = None


class Attendance:
    """Watches the engine over one attempt.

    Parameters
    ----------
    ledger : Ledger
    engine : EngineHandle
        Ready and idle.
    job : Job
        As claimed.
    worker, device : str
        As told to the ledger.
    settings : WorkerSettings
    stopping : callable
        Whether the worker is to end.
    """

    def __init__(
        self,
        ledger: Ledger,
        engine: EngineHandle,
        job: Job,
        *,
        worker: str,
        device: str,
        settings: WorkerSettings,
        stopping: Callable[[], bool],
    ) -> None:
        self._ledger = ledger
        self._engine = engine
        self._job = job
        self._worker = worker
        self._device = device
        self._settings = settings
        self._stopping = stopping
        self._log = _log.bind(job_id=job.id, attempt=job.attempt)
        self._progress: Progress | None = None
        self._ledger_away = False
        self._next_beat_s = 0.0
        self._heard_s = time.monotonic()
        self._told_to_stop: Literal["cancel", "stale"] | None = None
        self._stop_by_s = 0.0

    def run(self) -> bool:
        """Attend to the end; returns whether the engine can take another job."""
        self._log.info("job.claimed", scan=self._job.spec.scan.uid)
        try:
            self._engine.begin(self._job)
            ending = self._watch()
        except EngineDiedError as death:
            self._log.error("engine.died", reason=str(death))
            self._engine.kill()
            ending = self._cut_short("engine-died", str(death))
        self._finish(ending)
        return self._engine.alive

    def _watch(self) -> Ending:
        """Until the engine says how it ended, or is ended."""
        while True:
            if self._stopping():
                self._engine.kill()
                return self._cut_short("worker-stopped", "the worker was told to stop")
            message = self._engine.next_message(LOOK_EVERY_S)
            if message is not None:
                self._heard_s = time.monotonic()
                ending = self._heard(message)
                if ending is not None:
                    return ending
            elif ending := self._overdue():
                return ending
            if time.monotonic() >= self._next_beat_s:
                self._next_beat_s = time.monotonic() + self._settings.beat_s
                self._beat()

    def _heard(self, message: EngineMessage) -> Ending | None:
        match message:
            case EngineProgress(progress):
                self._progress = progress
            case EngineFinished(result):
                self._beat()  # so that the record shows the last epoch
                return Ending("succeeded", result=result)
            case EngineFailed(failure):
                return Ending("failed", failure=failure)
            case EngineCancelled():
                return self._cut_short("cancelled", "cancelled while it ran")
            case EngineReady():
                pass
        return None

    def _overdue(self) -> Ending | None:
        """End an engine that does not stop, or that makes no progress."""
        now_s = time.monotonic()
        if self._told_to_stop is not None and now_s >= self._stop_by_s:
            self._log.warning("engine.does_not_stop", waited_s=self._settings.cancel_grace_s)
            self._engine.stop()
            return self._cut_short("cancelled", "cancelled; the engine had to be killed")
        silent_s = now_s - self._heard_s
        if silent_s > self._settings.stall_s:
            self._log.error("engine.stalled", silent_s=round(silent_s, 1))
            self._engine.kill()
            return self._cut_short("stalled", f"no progress for {silent_s:.0f} s")
        return None

    def _cut_short(self, slug: str, message: str) -> Ending:
        """An ending without the engine's own: what it means depends on what was asked."""
        if self._told_to_stop == "stale":
            return Ending(None)
        if self._told_to_stop == "cancel":
            return Ending("cancelled")
        return Ending("lost", failure=Failure(slug=slug, message=message))

    def _beat(self) -> None:
        try:
            signal = self._ledger.beat(
                self._job.id, self._job.attempt, self._worker, self._progress
            )
            self._ledger.presence(self._worker, self._device, "busy", self._job.id)
        except LedgerUnavailable as error:
            # The engine goes on: the queue's own absence never costs an attempt.
            if not self._ledger_away:
                self._log.warning("ledger.away", error=str(error))
            self._ledger_away = True
            return
        if self._ledger_away:
            self._log.info("ledger.back")
        self._ledger_away = False
        if signal != "go" and self._told_to_stop is None:
            self._log.info("job.stopping", because=signal)
            self._told_to_stop = signal
            self._stop_by_s = time.monotonic() + self._settings.cancel_grace_s
            self._engine.cancel()

    def _finish(self, ending: Ending) -> None:
        if ending.outcome is None:
            self._log.warning("job.attempt_replaced")
            return
        while True:
            try:
                job = self._ledger.finish(
                    self._job.id,
                    self._job.attempt,
                    ending.outcome,
                    result=ending.result,
                    failure=ending.failure,
                )
            except LedgerUnavailable as error:
                self._log.warning("ledger.away", error=str(error), outcome=ending.outcome)
                if self._stopping():
                    return  # the lease runs out, and the job is queued again
                time.sleep(min(self._settings.beat_s, 1.0))
            except (StaleAttempt, JobNotFound) as error:
                self._log.warning("job.finish_refused", error=str(error))
                return
            else:
                self._log.info("job.finished", outcome=ending.outcome, state=job.state)
                return
