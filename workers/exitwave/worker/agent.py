"""The agent: claims jobs, keeps a warm engine process, and is never slow to answer.

It imports neither torch nor Tiled's client: when memory runs out, a GPU hangs or a driver
crashes, it is the engine process that dies, and the agent reports it within a second.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from types import FrameType

import structlog

from exitwave.ledger import Ledger
from exitwave.schema.errors import EngineError, LedgerUnavailable
from exitwave.schema.job import Job
from exitwave.schema.worker import WorkerState
from exitwave.settings.logs import configure_logging
from exitwave.settings.service import Settings

from .attendance import LOOK_EVERY_S, Attendance
from .handle import EngineDiedError, EngineHandle
from .messages import EngineFailed, EngineReady

STOP_WITHIN_S = 2.5
"""After a signal to stop the agent ends within this, whatever hangs."""

RESTART_PAUSE_S = (1.0, 30.0)
"""First and longest pause before an engine that died while starting is started again."""

_log = structlog.get_logger(__name__)


def run_worker(settings: Settings) -> None:
    """Work on jobs until SIGTERM or SIGINT. Call it in the main thread.

    Raises
    ------
    EngineError
        No engine can run here, for example because there is no such device.
    """
    configure_logging(settings.log_level)
    Agent(settings).run()


class Agent:
    """One worker's agent.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = settings.worker.name or f"{socket.gethostname()}-{os.getpid()}"
        self._ledger = Ledger(settings.ledger)
        self._engine: EngineHandle | None = None
        self._device = ""
        self._stopping = False
        self._ledger_away = False
        self._said_at_s = 0.0

    def run(self) -> None:
        """Until a signal to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        _log.info("worker.started", worker=self._name)
        try:
            while not self._stopping:
                engine = self._ready_engine()
                if engine is not None and (job := self._claim()) is not None:
                    self._attend(engine, job)
        finally:
            if self._engine is not None:
                self._engine.kill()
            self._say("stopped")
            _log.info("worker.stopped", worker=self._name)

    def _ready_engine(self) -> EngineHandle | None:
        """An engine that waits for a job; starts one where there is none."""
        if self._engine is not None and not self._engine.alive:
            _log.error("engine.died", reason="it ended while idle")
            self._engine.kill()
            self._engine = None
        if self._engine is None:
            self._engine = self._start_engine()
        return self._engine

    def _start_engine(self) -> EngineHandle | None:
        pause_s = RESTART_PAUSE_S[0]
        while not self._stopping:
            engine = EngineHandle(self._settings)
            try:
                device = self._wait_until_ready(engine)
            except EngineDiedError as death:
                _log.error("engine.died_starting", reason=str(death), pause_s=pause_s)
                self._sleep(pause_s)
                pause_s = min(2 * pause_s, RESTART_PAUSE_S[1])
            else:
                if device is None:
                    break
                self._device = device
                return engine
        return None

    def _wait_until_ready(self, engine: EngineHandle) -> str | None:
        """The engine's device; None, and no engine, where the worker is to stop."""
        try:
            while not self._stopping:
                match engine.next_message(LOOK_EVERY_S):
                    case EngineReady(device):
                        return device
                    case EngineFailed(failure):
                        raise EngineError(failure.message)
                self._say_now_and_then("starting")
        except BaseException:
            engine.kill()
            raise
        engine.kill()
        return None

    def _claim(self) -> Job | None:
        """The next job, or None after a beat's time without one."""
        try:
            self._say_now_and_then("idle")
            job = self._ledger.claim(
                self._name, self._device, min(self._settings.worker.beat_s, 1.0)
            )
        except LedgerUnavailable as error:
            if not self._ledger_away:
                _log.warning("ledger.away", error=str(error))
            self._ledger_away = True
            self._sleep(min(self._settings.worker.beat_s, 1.0))
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
            stopping=lambda: self._stopping,
        )
        if not attendance.run():
            self._engine = None
        self._said_at_s = 0.0

    def _say_now_and_then(self, state: WorkerState) -> None:
        if time.monotonic() - self._said_at_s >= self._settings.worker.beat_s:
            self._said_at_s = time.monotonic()
            self._say(state)

    def _say(self, state: WorkerState) -> None:
        try:
            self._ledger.presence(self._name, self._device, state)
        except LedgerUnavailable as error:
            _log.debug("ledger.away", error=str(error))

    def _sleep(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < until_s:
            time.sleep(LOOK_EVERY_S)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
        # The unhandled alarm ends this process, and the kernel the engine with it, should
        # a call to the queue hang.
        signal.setitimer(signal.ITIMER_REAL, STOP_WITHIN_S)
