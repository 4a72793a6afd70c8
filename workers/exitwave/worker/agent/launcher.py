"""One worker for each GPU: starts them, starts again what ends, passes signals on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from types import FrameType

import structlog

from exitwave.processes import Backoff, SupervisedProcess, die_with_parent
from exitwave.runtime.logs import configure_logging
from exitwave.settings.service import Settings

from .gpus import choose, gpus_here
from .shutdown import END_WITHIN_S

RESTART_PAUSE_S = (1.0, 30.0)
"""First and longest pause before a worker that ended is started again."""

HEALTHY_AFTER_S = 30.0
"""A worker that lived so long is started again as if it had never failed."""

_POLL_S = 0.1

_log = structlog.get_logger(__name__)


def run_workers(settings: Settings, chosen: str) -> None:
    """A worker on each GPU chosen, until SIGTERM or SIGINT. Call it in the main thread.

    Parameters
    ----------
    settings : Settings
    chosen : str
        ``all``, or indices and UUIDs with commas between them.

    Raises
    ------
    UsageError
        There is no such GPU.
    """
    configure_logging(settings.log_level)
    host = settings.worker.name or socket.gethostname()
    command = [sys.executable, "-m", "exitwave.cli", "worker"]
    workers = []
    for gpu in choose(chosen, gpus_here()):
        name = f"{host}-gpu{gpu.index}"
        pinned = {
            "CUDA_VISIBLE_DEVICES": gpu.uuid,
            "EXITWAVE__WORKER__DEVICE": gpu.uuid,
            "EXITWAVE__WORKER__NAME": name,
        }
        workers.append(supervised_worker(name, command, {**os.environ, **pinned}))
    supervise(workers, settings.worker.drain_s)


def supervised_worker(
    name: str, argv: Sequence[str], env: Mapping[str, str]
) -> SupervisedProcess:
    """One worker that is started again when it ends.

    Parameters
    ----------
    name : str
        For the log.
    argv : sequence of str
    env : mapping
        Its whole environment.
    """

    def start() -> subprocess.Popen[bytes]:
        # In a group of its own, so that Ctrl-C reaches it once, from here; and should this
        # process be killed, the worker drains.
        process = subprocess.Popen(
            argv,
            env=dict(env),
            process_group=0,
            preexec_fn=partial(die_with_parent, os.getpid(), signal.SIGTERM),
        )
        _log.info("worker.started", worker=name, pid=process.pid)
        return process

    def on_exit(code: int, pause_s: float) -> None:
        _log.error("worker.ended", worker=name, code=code, pause_s=pause_s)

    return SupervisedProcess(start, on_exit, Backoff(*RESTART_PAUSE_S, HEALTHY_AFTER_S))


def supervise(workers: Sequence[SupervisedProcess], drain_s: float) -> None:
    """Keep the workers running until SIGTERM or SIGINT, pass it on, wait for their ends.

    Every further signal is passed on, too: a second SIGTERM ends workers at once.
    """
    received: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        received.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    while not received:
        for worker in workers:
            worker.supervise()
        time.sleep(_POLL_S)
    until_s = time.monotonic() + drain_s + 2 * END_WITHIN_S
    while any(worker.alive for worker in workers) and time.monotonic() < until_s:
        for passed_on in [received.pop(0) for _ in range(len(received))]:
            for worker in workers:
                worker.send(passed_on)
        time.sleep(_POLL_S)
    for worker in workers:
        worker.send(signal.SIGKILL)
