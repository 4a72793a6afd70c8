"""The engine process's own side. Its heavy imports are made after it has started."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path

import structlog

from exitwave.schema.errors import ExitwaveError
from exitwave.schema.job import Failure, Job, Progress, Result
from exitwave.settings.logs import configure_logging
from exitwave.settings.service import Settings

from .devices import pin_device
from .messages import (
    EngineCancelled,
    EngineFailed,
    EngineFinished,
    EngineMessage,
    EngineProgress,
    EngineReady,
    RunJob,
)

REPORT_EVERY_S = 0.25
"""While the queue hangs the agent may not read for half a minute: the pipe must hold that."""

INTERNAL_ERROR = "internal-error"
"""Kind of a failure that is a defect of ours; the log has the traceback."""

_PR_SET_PDEATHSIG = 1

_log = structlog.get_logger(__name__)


class JobCancelledError(Exception):
    """The agent wants the job stopped."""


def run_engine(pipe: Connection, cancel: Event, settings: Settings, agent_pid: int) -> None:
    """Body of the engine process: jobs come through `pipe` until it is closed.

    Parameters
    ----------
    pipe : Connection
        Takes `RunJob`, gives `EngineMessage`.
    cancel : Event
        Up when the present job is to be stopped.
    settings : Settings
    agent_pid : int
        The engine does not outlive this process.
    """
    _die_with(agent_pid)
    configure_logging(settings.log_level)
    try:
        _serve(pipe, cancel, settings)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the agent is gone


def _serve(pipe: Connection, cancel: Event, settings: Settings) -> None:
    began_s = time.monotonic()
    try:
        pin_device(settings.worker.device)
        # Read by Tiled's client at its import. It would try for 45 s on its own, deaf to the
        # agent; what must not fail is tried again here.
        os.environ.setdefault("TILED_RETRY_TIMEOUT", "5")
        # Heavy: torch, Tiled's client, HDF5.
        from .run import JobRunner, leave_a_core_free

        leave_a_core_free()
        runner = JobRunner(settings)
    except ExitwaveError as error:
        pipe.send(EngineFailed(_failure(error)))
        return
    _log.info(
        "engine.ready", device=runner.device, seconds=round(time.monotonic() - began_s, 2)
    )
    pipe.send(EngineReady(runner.device))
    while True:
        message: RunJob = pipe.recv()
        pipe.send(_outcome(message.job, runner.run, _Reporter(pipe, cancel)))


class _Reporter:
    """What a running job may use of the pipe and the flag."""

    def __init__(self, pipe: Connection, cancel: Event) -> None:
        self._pipe = pipe
        self._cancel = cancel
        self._said_at_s = -REPORT_EVERY_S
        self._phase = ""

    def __call__(self, progress: Progress) -> None:
        """Tell the agent; raises `JobCancelledError` when the flag is up."""
        if self._cancel.is_set():
            raise JobCancelledError
        now_s = time.monotonic()
        if now_s - self._said_at_s >= REPORT_EVERY_S or progress.phase != self._phase:
            self._pipe.send(EngineProgress(progress))
            self._said_at_s, self._phase = now_s, progress.phase


def _outcome(
    job: Job, run: Callable[[Job, Callable[[Progress], None]], Result], report: _Reporter
) -> EngineMessage:
    log = _log.bind(job_id=job.id, attempt=job.attempt)
    try:
        return EngineFinished(run(job, report))
    except JobCancelledError:
        return EngineCancelled()
    except (BrokenPipeError, ConnectionResetError):
        raise
    except ExitwaveError as error:
        log.warning("job.failed", slug=error.slug, error=str(error))
        return EngineFailed(_failure(error))
    except Exception as error:
        log.exception("job.failed", slug=INTERNAL_ERROR)
        message = f"{type(error).__name__}: {error}"
        return EngineFailed(Failure(slug=INTERNAL_ERROR, message=message))


def _failure(error: ExitwaveError) -> Failure:
    return Failure(slug=error.slug, message=str(error))


def _die_with(agent_pid: int) -> None:
    # Ctrl-C reaches the whole process group; stopping is the agent's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != agent_pid:  # it died before the line above
        os._exit(1)
    # When memory runs out the kernel is to take the engine, never the agent.
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
