"""The agent: claims jobs, keeps a warm engine process, and is never slow to answer.

It imports neither torch nor Tiled's client: when memory runs out, a GPU hangs or a driver
crashes, it is the engine process that dies, and the agent reports it within a second.
"""

from __future__ import annotations

import os
import socket
import threading
import time

import structlog

from exitwave.ledger import WorkerLedger
from exitwave.processes import Backoff
from exitwave.runtime.logs import configure_logging
from exitwave.schema.errors import EngineError, LedgerUnavailable
from exitwave.schema.job import Job
from exitwave.schema.worker import WorkerState
from exitwave.settings.service import Settings

from ..protocol.messages import EngineReady, EngineUnavailable, EngineUnhealthy
from .attempt_supervisor import POLL_S, AttemptSupervisor
from .cleanup import remove_files_of, remove_orphaned_files
from .engine_handle import EngineDiedError, EngineHandle
from .ledger_outage import LedgerOutage
from .shutdown import Shutdown

RESTART_PAUSE_S = (1.0, 30.0)
"""First and longest pause before an engine that died while starting is started again."""

LISTEN_S = 5.0
"""Longest wait for a notification of the ledger at a time."""

_log = structlog.get_logger(__name__)


def run_worker(settings: Settings) -> None:
    """Work on jobs until SIGTERM or SIGINT. Call it in the main thread.

    After SIGTERM a running job has `worker.drain_s` to write a checkpoint; then, after a
    second signal, or after SIGINT, it goes back to the queue with the newest one there is.

    Raises
    ------
    EngineError
        No engine can run here, for example because there is no such device.
    """
    configure_logging(settings.log_level)
    Agent(settings).run()


class Agent:
    """One worker's agent. To be made in the main thread.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = settings.worker.name or f"{socket.gethostname()}-{os.getpid()}"
        self._ledger = WorkerLedger(settings.ledger)
        self._shutdown = Shutdown(settings.worker.drain_s)
        self._notified = threading.Event()
        self._engine: EngineHandle | None = None
        self._device = ""
        self._engine_lost = False
        self._restarts = Backoff(*RESTART_PAUSE_S)
        self._unhealthy = 0
        self._state: WorkerState = "starting"
        self._note = ""
        self._outage = LedgerOutage(_log)
        self._registered_at_s = float("-inf")

    def run(self) -> None:
        """Until a signal to end."""
        _log.info("worker.started", worker=self._name)
        threading.Thread(target=self._listen, name="control", daemon=True).start()
        threading.Thread(target=self._clean_up, name="cleanup", daemon=True).start()
        try:
            while not self._shutdown.requested:
                if self._engine is None:
                    self._engine = EngineHandle(self._settings)
                # What an engine that was killed had in hand is claimed again at once: a new
                # one takes seconds to start, and the lease is kept meanwhile.
                if self._engine_lost or self._ready(self._engine):
                    self._engine_lost = False
                    job = self._claim()
                    if job is not None:
                        self._supervise(self._engine, job)
        finally:
            if self._engine is not None:
                self._engine.kill()
            self._register("stopped")
            _log.info("worker.stopped", worker=self._name)

    def _ready(self, engine: EngineHandle) -> bool:
        """Whether the engine waits for a job; while it starts, take its next message."""
        if engine.device is not None and engine.alive:
            return True
        self._register_if_due()
        try:
            match engine.next_message(POLL_S):
                case EngineReady(device):
                    self._device = device
                    self._restarts.reset()
                    self._unhealthy = 0
                    self._state, self._note = "idle", ""
                    return True
                case EngineUnhealthy(device, reason):
                    self._unhealthy += 1
                    self._device = device
                    self._restart_engine(f"health probe: {reason}")
                case EngineUnavailable(failure) if not self._device:
                    raise EngineError(failure.message)
                case EngineUnavailable(failure):  # there was such a device
                    self._unhealthy += 1
                    self._restart_engine(failure.message)
        except EngineDiedError as death:
            self._restart_engine(str(death))
        return False

    def _restart_engine(self, reason: str) -> None:
        """Give up an engine that did not start; after a pause there will be another."""
        if self._engine is not None:
            self._engine.kill()
        self._engine = None
        self._state = "starting"
        if self._unhealthy >= self._settings.worker.unhealthy_after:
            self._state = "quarantined"
            self._note = f"{self._unhealthy} times in a row: {reason}"
        pause_s = self._restarts.pause_s()
        _log.error("engine.not_started", reason=reason, state=self._state, pause_s=pause_s)
        self._registered_at_s = float("-inf")
        self._sleep(pause_s)

    def _claim(self) -> Job | None:
        """The next job, or None after a heartbeat's time without one."""
        wait_s = min(self._settings.worker.heartbeat_interval_s, 1.0)
        try:
            self._register_if_due()
            job = self._ledger.claim(self._name, self._device, wait_s)
        except LedgerUnavailable as error:
            self._outage.notice(error)
            self._sleep(wait_s)
            return None
        self._outage.over()
        return job

    def _supervise(self, engine: EngineHandle, job: Job) -> None:
        supervisor = AttemptSupervisor(
            self._ledger,
            engine,
            job,
            worker=self._name,
            device=self._device,
            settings=self._settings.worker,
            shutdown=self._shutdown,
            notified=self._notified,
        )
        ending, after = supervisor.run()
        if after is not None and after.state.terminal:
            remove_files_of(self._settings, job.id)
        if not engine.alive:
            engine.kill()
            self._engine = None
            self._state = "starting"
            self._engine_lost = ending.outcome == "lost"
        elif engine.device is not None:
            self._state = "idle"
        self._registered_at_s = float("-inf")

    def _listen(self) -> None:
        """Notice at once when the ledger notifies this worker."""
        while True:
            try:
                if self._ledger.wait_for_control(self._name, LISTEN_S):
                    self._notified.set()
            except LedgerUnavailable:
                time.sleep(1.0)  # heartbeats say that it is away

    def _clean_up(self) -> None:
        """Remove what jobs that have ended left here."""
        try:
            remove_orphaned_files(self._settings, self._ledger)
        except LedgerUnavailable as error:
            _log.info("cleanup.skipped", error=str(error))

    def _register_if_due(self) -> None:
        interval_s = self._settings.worker.heartbeat_interval_s
        if time.monotonic() >= self._registered_at_s + interval_s:
            self._registered_at_s = time.monotonic()
            self._register(self._state)

    def _register(self, state: WorkerState) -> None:
        try:
            self._ledger.register_worker(self._name, self._device, state, note=self._note)
        except LedgerUnavailable as error:
            _log.debug("ledger.away", error=str(error))

    def _sleep(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while not self._shutdown.requested and time.monotonic() < until_s:
            self._register_if_due()
            time.sleep(POLL_S)
