"""The engine process's own side. Its heavy imports are made after it has started."""

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

from exitwave.runtime.logs import configure_logging
from exitwave.schema.errors import ExitwaveError
from exitwave.schema.job import Job, Progress
from exitwave.settings.service import Settings

from .classify import failure_of, verdict
from .control import (
    Body,
    Control,
    JobCancelledError,
    JobPreemptedError,
    JobStoppedError,
    Order,
    load_body,
)
from .devices import pin_device
from .lifeline import die_with
from .messages import (
    EngineBroken,
    EngineCancelled,
    EngineFinished,
    EngineMessage,
    EnginePreempted,
    EngineProgress,
    EngineReady,
    EngineSick,
    EngineUnusable,
    RunJob,
)

_log = structlog.get_logger(__name__)


def run_engine(pipe: Connection, order: c_int, settings: Settings, agent_pid: int) -> None:
    """Body of the engine process: jobs come through `pipe` until it is closed.

    Parameters
    ----------
    pipe : Connection
        Takes `RunJob`, gives `EngineMessage`.
    order : c_int
        Shared with the agent: an `Order` for the present job.
    settings : Settings
    agent_pid : int
        The engine does not outlive this process.
    """
    die_with(agent_pid)
    _listen_to_the_agent_alone(order)
    configure_logging(settings.log_level)
    try:
        body = _made(pipe, settings)
        while body is not None:
            message: RunJob = pipe.recv()
            outcome = _outcome(body, message.job, pipe, order)
            pipe.send(outcome)
            if isinstance(outcome, EngineBroken):
                return
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the agent is gone


def _made(pipe: Connection, settings: Settings) -> Body | None:
    """The body, once its device has proved sound; None where it has not, and said so."""
    began_s = time.monotonic()
    try:
        pin_device(settings.worker.device)
        _leave_a_core_free()
        # Read by Tiled's client at its import. It would try for 45 s on its own, deaf to the
        # agent; what must not fail is tried again here.
        os.environ.setdefault("TILED_RETRY_TIMEOUT", "5")
        body = load_body(settings.worker.body)(settings)  # heavy: torch, Tiled's client, HDF5
    except ExitwaveError as error:
        pipe.send(EngineUnusable(failure_of(error)))
        return None
    try:
        body.probe()
    except Exception as error:  # noqa: BLE001 - whatever it is, the device is not to be trusted
        pipe.send(EngineSick(body.device, f"{type(error).__name__}: {error}"))
        return None
    _log.info("engine.ready", device=body.device, seconds=round(time.monotonic() - began_s, 2))
    pipe.send(EngineReady(body.device))
    return body


def _outcome(body: Body, job: Job, pipe: Connection, order: c_int) -> EngineMessage:
    def say(progress: Progress) -> None:
        pipe.send(EngineProgress(progress))

    log = _log.bind(job_id=job.id, attempt=job.attempt)
    try:
        return EngineFinished(body.run(job, Control(lambda: order.value, say)))
    except (JobCancelledError, JobStoppedError):
        return EngineCancelled()
    except JobPreemptedError:
        return EnginePreempted()
    except (BrokenPipeError, ConnectionResetError):
        raise
    except ExitwaveError as error:
        log.warning("job.failed", slug=error.slug, error=str(error))
        return verdict(error, body.device)
    except Exception as error:
        log.exception("job.failed")
        return verdict(error, body.device)


def _listen_to_the_agent_alone(order: c_int) -> None:
    """Ctrl-C and a supervisor's SIGTERM reach the whole group; stopping is the agent's.

    When the agent itself has cancelled and then sends SIGTERM, it means it.
    """

    def end(number: int, frame: FrameType | None) -> None:
        if order.value == Order.CANCEL:
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
