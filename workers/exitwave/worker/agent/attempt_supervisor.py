"""One attempt at a job, from claim to finish: what the agent does while the engine works."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import structlog

from exitwave.ledger import WorkerLedger
from exitwave.ledger.commands import Signal
from exitwave.schema.errors import (
    JobNotFound,
    LedgerCorrupt,
    LedgerUnavailable,
    StaleAttempt,
)
from exitwave.schema.job import Failure, Job, Outcome, Progress, Result
from exitwave.schema.worker import WorkerState
from exitwave.settings.service import WorkerSettings

from ..protocol import Command
from ..protocol.messages import (
    EngineCancelled,
    EngineCrashed,
    EngineFailed,
    EngineFinished,
    EngineMessage,
    EnginePreempted,
    EngineProgress,
    EngineReady,
    EngineUnavailable,
    EngineUnhealthy,
)
from .engine_handle import EngineDiedError, EngineHandle
from .ledger_outage import LedgerOutage
from .shutdown import Shutdown

POLL_S = 0.1
"""Longest wait for the engine's next message: a signal is seen within this."""

STARTED_WITHIN_S = 120.0
"""An engine that is starting may be silent for so long: torch may come over a network."""

STALL_EPOCHS = 10
"""An engine may be silent for so many of its epochs: on a CPU one can take minutes."""

_log = structlog.get_logger(__name__)

_COMMANDS: dict[Signal, Command] = {
    "go": Command.GO,
    "preempt": Command.PREEMPT,
    "stop": Command.STOP,
    "cancel": Command.CANCEL,
    "stale": Command.CANCEL,
}
_RANK: list[Signal] = ["go", "preempt", "stop", "cancel", "stale"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ends; `outcome` None: it was replaced, the ledger has no use for it."""

    outcome: Outcome | None
    result: Result | None = None
    failure: Failure | None = None


class AttemptSupervisor:
    """Supervises the engine over one attempt.

    Parameters
    ----------
    ledger : WorkerLedger
    engine : EngineHandle
        Idle, or still starting: then the lease is kept until it is ready.
    job : Job
        As claimed.
    worker, device : str
        As registered with the ledger.
    settings : WorkerSettings
    shutdown : Shutdown
        Whether the worker is to end.
    notified : threading.Event
        Set when the ledger has a signal for this worker.
    """

    def __init__(
        self,
        ledger: WorkerLedger,
        engine: EngineHandle,
        job: Job,
        *,
        worker: str,
        device: str,
        settings: WorkerSettings,
        shutdown: Shutdown,
        notified: threading.Event,
    ) -> None:
        self._ledger = ledger
        self._engine = engine
        self._job = job
        self._worker = worker
        self._device = device
        self._settings = settings
        self._shutdown = shutdown
        self._notified = notified
        self._log = _log.bind(job_id=job.id, attempt=job.attempt)
        self._progress: Progress | None = None
        self._outage = LedgerOutage(self._log)
        self._next_heartbeat_s = 0.0
        self._heard_s = time.monotonic()
        self._started = False
        self._wanted: Signal = "go"
        self._stop_by_s = float("inf")

    def run(self) -> tuple[Ending, Job | None]:
        """Supervise the attempt to its end.

        Returns
        -------
        Ending, Job or None
            How the attempt ended, and the job as the ledger then has it; None where it
            was not asked, or refused the outcome.
        """
        self._log.info("job.claimed", scan=self._job.spec.scan.uid)
        try:
            ending = self._watch()
        except EngineDiedError as death:
            self._log.error("engine.died", reason=str(death))
            self._engine.kill()
            ending = self._lost("engine-died", str(death))
        return ending, self._finish(ending)

    def _watch(self) -> Ending:
        """Supervise until the engine reports how the job ended, or is ended itself."""
        while True:
            if self._shutdown.immediate:
                self._engine.kill()
                return self._return_job()
            if self._shutdown.requested:
                self._want("preempt")
            if not self._started:
                if self._to_be_cancelled or self._wanted == "preempt":
                    return self._return_job()
                if self._engine.device is not None:
                    self._start_job()
            message = self._engine.next_message(POLL_S)
            if message is not None:
                self._heard_s = time.monotonic()
                ending = self._handle(message)
            else:
                ending = self._check_time_limits()
            if ending is not None:
                return ending
            if time.monotonic() >= self._next_heartbeat_s or self._notified.is_set():
                self._heartbeat()

    def _start_job(self) -> None:
        self._engine.send(_COMMANDS[self._wanted])
        self._engine.start_job(self._job)
        self._started = True

    def _handle(self, message: EngineMessage) -> Ending | None:
        match message:
            case EngineProgress(progress):
                self._progress = progress
            case EngineFinished(result):
                self._heartbeat()  # so that the record shows the last epoch
                return Ending("succeeded", result=result)
            case EngineFailed(failure):
                return Ending("failed", failure=failure)
            case EngineCrashed(failure):
                self._log.error("engine.crashed", reason=failure.message)
                self._engine.kill()
                return self._lost(failure.slug, failure.message)
            case EngineCancelled():
                self._heartbeat()
                return self._cancelled()
            case EnginePreempted():
                self._heartbeat()
                return self._return_job()
            case EngineUnhealthy() | EngineUnavailable():
                # It never came to the job. The next one to start tells the agent the same.
                self._engine.kill()
                return self._return_job()
            case EngineReady():
                pass
        return None

    def _check_time_limits(self) -> Ending | None:
        """End an engine that does not stop, or that makes no progress."""
        now_s = time.monotonic()
        if now_s >= self._stop_by_s:
            self._log.warning("engine.does_not_stop", waited_s=self._settings.cancel_grace_s)
            self._engine.terminate()
            return self._cancelled()
        silent_s = now_s - self._heard_s
        if silent_s > self._stall_limit_s():
            self._log.error("engine.stalled", silent_s=round(silent_s, 1))
            self._engine.kill()
            return self._lost("stalled", f"no progress for {silent_s:.0f} s")
        return None

    def _stall_limit_s(self) -> float:
        if not self._started:
            return max(self._settings.stall_s, STARTED_WITHIN_S)
        epoch_s = self._progress.seconds_per_epoch if self._progress else None
        return max(self._settings.stall_s, STALL_EPOCHS * (epoch_s or 0.0))

    def _lost(self, slug: str, message: str) -> Ending:
        """The engine is gone: the attempt is lost, unless it was to end without a result."""
        if not self._started or self._to_be_cancelled:
            return self._return_job()
        return Ending("lost", failure=Failure(slug=slug, message=message))

    def _return_job(self) -> Ending:
        """The job goes on with another attempt, unless it was cancelled."""
        return self._cancelled() if self._to_be_cancelled else Ending("preempted")

    def _cancelled(self) -> Ending:
        return Ending(None if self._wanted == "stale" else "cancelled")

    @property
    def _to_be_cancelled(self) -> bool:
        return _COMMANDS[self._wanted] == Command.CANCEL

    def _want(self, signal: Signal) -> None:
        """Pass a signal on to the engine, unless a stronger one came before."""
        if _RANK.index(signal) <= _RANK.index(self._wanted):
            return
        self._log.info("job.signalled", signal=signal)
        self._wanted = signal
        self._engine.send(_COMMANDS[signal])
        if self._to_be_cancelled:
            grace_s = self._settings.cancel_grace_s
            self._stop_by_s = min(self._stop_by_s, time.monotonic() + grace_s)

    def _heartbeat(self) -> None:
        self._next_heartbeat_s = time.monotonic() + self._settings.heartbeat_interval_s
        self._notified.clear()
        state: WorkerState = "draining" if self._shutdown.requested else "busy"
        try:
            signal = self._ledger.heartbeat(
                self._job.id, self._job.attempt, self._worker, self._progress
            )
            self._ledger.register_worker(self._worker, self._device, state, self._job.id)
        except LedgerUnavailable as error:
            # The engine goes on: the queue's own absence never costs an attempt.
            self._outage.notice(error)
            return
        self._outage.over()
        self._want(signal)

    def _finish(self, ending: Ending) -> Job | None:
        if ending.outcome is None:
            self._log.warning("job.attempt_replaced")
            return None
        while True:
            try:
                job = self._ledger.finish(
                    self._job.id,
                    self._job.attempt,
                    self._worker,
                    ending.outcome,
                    result=ending.result,
                    failure=ending.failure,
                )
            except LedgerUnavailable as error:
                self._log.warning("ledger.away", error=str(error), outcome=ending.outcome)
                if self._shutdown.immediate:
                    return None  # the lease runs out, and the job is queued again
                time.sleep(min(self._settings.heartbeat_interval_s, 1.0))
            except (StaleAttempt, JobNotFound, LedgerCorrupt) as error:
                self._log.warning("job.finish_refused", error=str(error))
                return None
            else:
                self._log.info("job.finished", outcome=ending.outcome, state=job.state)
                return job
