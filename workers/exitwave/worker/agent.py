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
from exitwave.runtime.logs import configure_logging
from exitwave.schema.errors import EngineError, LedgerUnavailable
from exitwave.schema.job import Job
from exitwave.schema.worker import WorkerState
from exitwave.settings.service import Settings

from .attendance import LOOK_EVERY_S, Attendance
from .handle import EngineDiedError, EngineHandle
from .leaving import Leaving
from .leftovers import forget, sweep
from .messages import EngineReady, EngineSick, EngineUnusable

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
        self._leaving = Leaving(settings.worker.drain_s)
        self._notified = threading.Event()
        self._engine: EngineHandle | None = None
        self._device = ""
        self._lost_an_engine = False
        self._failed_starts = 0
        self._sick = 0
        self._state: WorkerState = "starting"
        self._note = ""
        self._ledger_away = False
        self._said_at_s = float("-inf")

    def run(self) -> None:
        """Until a signal to end."""
        _log.info("worker.started", worker=self._name)
        threading.Thread(target=self._listen, name="control", daemon=True).start()
        threading.Thread(target=self._sweep, name="leftovers", daemon=True).start()
        try:
            while not self._leaving.asked:
                if self._engine is None:
                    self._engine = EngineHandle(self._settings)
                # What an engine that was killed had in hand is claimed again at once: a new
                # one takes seconds to start, and the lease is kept meanwhile.
                if self._lost_an_engine or self._ready(self._engine):
                    self._lost_an_engine = False
                    job = self._claim()
                    if job is not None:
                        self._attend(self._engine, job)
        finally:
            if self._engine is not None:
                self._engine.kill()
            self._say("stopped")
            _log.info("worker.stopped", worker=self._name)

    def _ready(self, engine: EngineHandle) -> bool:
        """Whether the engine waits for a job; otherwise hears how its start goes."""
        if engine.device is not None and engine.alive:
            return True
        self._say_now_and_then()
        try:
            match engine.next_message(LOOK_EVERY_S):
                case EngineReady(device):
                    self._device = device
                    self._failed_starts = self._sick = 0
                    self._state, self._note = "idle", ""
                    return True
                case EngineSick(device, reason):
                    self._sick += 1
                    self._device = device
                    self._start_again(f"health probe: {reason}")
                case EngineUnusable(failure) if not self._device:
                    raise EngineError(failure.message)
                case EngineUnusable(failure):  # there was such a device
                    self._sick += 1
                    self._start_again(failure.message)
        except EngineDiedError as death:
            self._start_again(str(death))
        return False

    def _start_again(self, reason: str) -> None:
        """Give an engine up that did not start; after a pause there will be another."""
        if self._engine is not None:
            self._engine.kill()
        self._engine = None
        self._state = "starting"
        if self._sick >= self._settings.worker.sick_after:
            self._state = "quarantined"
            self._note = f"{self._sick} times in a row: {reason}"
        first_s, longest_s = RESTART_PAUSE_S
        pause_s = min(first_s * 2**self._failed_starts, longest_s)
        self._failed_starts = min(self._failed_starts + 1, 10)
        _log.error("engine.not_started", reason=reason, state=self._state, pause_s=pause_s)
        self._said_at_s = float("-inf")
        self._sleep(pause_s)

    def _claim(self) -> Job | None:
        """The next job, or None after a heartbeat's time without one."""
        wait_s = min(self._settings.worker.heartbeat_interval_s, 1.0)
        try:
            self._say_now_and_then()
            job = self._ledger.claim(self._name, self._device, wait_s)
        except LedgerUnavailable as error:
            if not self._ledger_away:
                _log.warning("ledger.away", error=str(error))
            self._ledger_away = True
            self._sleep(wait_s)
            return None
        if self._ledger_away:
            _log.info("ledger.back")
        self._ledger_away = False
        return job

    def _attend(self, engine: EngineHandle, job: Job) -> None:
        attendance = Attendance(
            self._ledger,
            engine,
            job,
            worker=self._name,
            device=self._device,
            settings=self._settings.worker,
            leaving=self._leaving,
            notified=self._notified,
        )
        ending, after = attendance.run()
        if after is not None and after.state.terminal:
            forget(self._settings, job.id)
        if not engine.alive:
            engine.kill()
            self._engine = None
            self._state = "starting"
            self._lost_an_engine = ending.outcome == "lost"
        elif engine.device is not None:
            self._state = "idle"
        self._said_at_s = float("-inf")

    def _listen(self) -> None:
        """Notice at once when the ledger notifies this worker."""
        while True:
            try:
                if self._ledger.wait_for_control(self._name, LISTEN_S):
                    self._notified.set()
            except LedgerUnavailable:
                time.sleep(1.0)  # heartbeats say that it is away

    def _sweep(self) -> None:
        """Remove what jobs that have ended left here."""
        try:
            sweep(self._settings, self._ledger)
        except LedgerUnavailable as error:
            _log.info("leftovers.not_looked_at", error=str(error))

    def _say_now_and_then(self) -> None:
        if time.monotonic() - self._said_at_s >= self._settings.worker.heartbeat_interval_s:
            self._said_at_s = time.monotonic()
            self._say(self._state)

    def _say(self, state: WorkerState) -> None:
        try:
            self._ledger.register_worker(self._name, self._device, state, note=self._note)
        except LedgerUnavailable as error:
            _log.debug("ledger.away", error=str(error))

    def _sleep(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while not self._leaving.asked and time.monotonic() < until_s:
            self._say_now_and_then()
            time.sleep(LOOK_EVERY_S)
