"""The engine process's entry: jobs in, outcomes out. Imports heavy modules once it runs."""

from __future__ import annotations

import os
import signal
import sys
import time
from ctypes import c_int
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType

import structlog

from exitwave.processes import die_with_parent
from exitwave.runtime.logs import configure_logging
from exitwave.schema.errors import ExitwaveError
from exitwave.schema.job import Job, Progress
from exitwave.settings.service import Settings

from ..protocol import (
    Command,
    Control,
    JobCancelledError,
    JobPreemptedError,
    JobStoppedError,
)
from ..protocol.messages import (
    EngineCancelled,
    EngineCrashed,
    EngineFinished,
    EngineMessage,
    EnginePreempted,
    EngineProgress,
    EngineReady,
    EngineUnavailable,
    EngineUnhealthy,
    RunJob,
)
from .devices import pin_device
from .error_classification import classify_error, failure_of
from .runner import JobRunner, load_runner

_log = structlog.get_logger(__name__)


def run_engine(pipe: Connection, command: c_int, settings: Settings, agent_pid: int) -> None:
    """Run jobs that come through `pipe` until it is closed.

    Parameters
    ----------
    pipe : Connection
        Takes `RunJob`, gives `EngineMessage`.
    command : c_int
        Shared with the agent: a `Command` for the present job.
    settings : Settings
    agent_pid : int
        The engine does not outlive this process.
    """
    die_with_parent(agent_pid)
    _leave_signals_to_the_agent(command)
    configure_logging(settings.log_level)
    try:
        runner = _make_runner(pipe, settings)
        while runner is not None:
            message: RunJob = pipe.recv()
            outcome = _outcome(runner, message.job, pipe, command)
            pipe.send(outcome)
            if isinstance(outcome, EngineCrashed):
                return
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the agent is gone


def _make_runner(pipe: Connection, settings: Settings) -> JobRunner | None:
    """The runner, once its device has proved healthy; None where it has not, and said so."""
    began_s = time.monotonic()
    try:
        pin_device(settings.worker.device)
        _leave_a_core_free()
        # Read by Tiled's client at its import. By itself it retries for 45 s and hears no
        # command meanwhile; what must not fail is tried again here.
        os.environ.setdefault("TILED_RETRY_TIMEOUT", "5")
        # Heavy: torch, Tiled's client, HDF5.
        runner = load_runner(settings.worker.runner)(settings)
    except ExitwaveError as error:
        pipe.send(EngineUnavailable(failure_of(error)))
        return None
    try:
        runner.probe()
    except Exception as error:  # noqa: BLE001 - whatever it is, the device is not to be trusted
        pipe.send(EngineUnhealthy(runner.device, f"{type(error).__name__}: {error}"))
        return None
    _log.info(
        "engine.ready", device=runner.device, seconds=round(time.monotonic() - began_s, 2)
    )
    pipe.send(EngineReady(runner.device))
    return runner


def _outcome(runner: JobRunner, job: Job, pipe: Connection, command: c_int) -> EngineMessage:
    def send(progress: Progress) -> None:
        pipe.send(EngineProgress(progress))

    log = _log.bind(job_id=job.id, attempt=job.attempt)
    try:
        return EngineFinished(runner.run(job, Control(lambda: command.value, send)))
    except (JobCancelledError, JobStoppedError):
        return EngineCancelled()
    except JobPreemptedError:
        return EnginePreempted()
    except (BrokenPipeError, ConnectionResetError):
        raise
    except ExitwaveError as error:
        log.warning("job.failed", slug=error.slug, error=str(error))
        return classify_error(error, runner.device)
    except Exception as error:
        log.exception("job.failed")
        return classify_error(error, runner.device)


def _leave_signals_to_the_agent(command: c_int) -> None:
    """Ctrl-C and a supervisor's SIGTERM reach the whole group; stopping is the agent's.

    When the agent itself has cancelled and then sends SIGTERM, it means it.
    """

    def end(number: int, frame: FrameType | None) -> None:
        if command.value == Command.CANCEL:
            sys.exit(128 + number)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end)
    if sys.platform == "linux":
        # When memory runs out the kernel is to take the engine, never the agent.
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _leave_a_core_free() -> None:
    """Queue, Tiled and API share the machine; threads that wait for a core slow all down.

    Read by torch at its import.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) - 1)))
