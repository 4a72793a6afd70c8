"""One worker for each GPU: starts them, starts again what ends, passes signals on."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import FrameType

import structlog

from exitwave.runtime.logs import configure_logging
from exitwave.schema.errors import UsageError
from exitwave.settings.service import Settings

from .leaving import END_WITHIN_S
from .lifeline import die_with

PAUSE_S = (1.0, 30.0)
"""First and longest pause before a worker that ended is started again."""

SOUND_AFTER_S = 30.0
"""A worker that lived so long is started again as if it had never failed."""

_LOOK_EVERY_S = 0.1
_GPU_LINE = re.compile(r"GPU (\d+): (.+) \(UUID: (\S+)\)")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU of this machine."""

    index: int
    uuid: str
    name: str = ""


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
        workers.append(Child(name, command, {**os.environ, **pinned}))
    tend(workers, settings.worker.drain_s)


def gpus_here() -> list[Gpu]:
    """All GPUs, as the driver's own tool lists them.

    Raises
    ------
    UsageError
        There is no driver, or no GPU.
    """
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(
            f"--gpus: found no NVIDIA driver that answers ({error}); without --gpus a worker "
            "runs on the CPU"
        ) from error
    return gpus_in(listed)


def gpus_in(listed: str) -> list[Gpu]:
    """The GPUs that ``nvidia-smi -L`` names."""
    matches = map(_GPU_LINE.match, listed.splitlines())
    return [Gpu(int(match[1]), match[3], match[2]) for match in matches if match is not None]


def choose(chosen: str, gpus: Sequence[Gpu]) -> list[Gpu]:
    """Those of the GPUs that a user named; each once.

    Raises
    ------
    UsageError
        One is not there.
    """
    there = ", ".join(f"{gpu.index} ({gpu.uuid})" for gpu in gpus) or "no GPU"
    if chosen == "all" and gpus:
        return list(gpus)
    found: dict[int, Gpu] = {}
    for word in map(str.strip, chosen.split(",")):
        named = [gpu for gpu in gpus if word in {str(gpu.index), gpu.uuid}]
        if not named:
            raise UsageError(
                f"--gpus: found {word!r}; expected all, indices or UUIDs; there is {there}"
            )
        found[named[0].index] = named[0]
    return list(found.values())


@dataclass
class Child:
    """One worker process that is started again when it ends.

    Parameters
    ----------
    name : str
    argv : sequence of str
    env : mapping
        Its whole environment.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _failures: int = field(default=0, init=False)
    _started_at_s: float = field(default=0.0, init=False)
    _due_at_s: float = field(default=0.0, init=False)

    def tend(self) -> None:
        """Start it when it is due; notice when it has ended."""
        now_s = time.monotonic()
        if self.process is None:
            if now_s >= self._due_at_s:
                self._start(now_s)
            return
        code = self.process.poll()
        if code is None:
            return
        self.process = None
        sound = now_s - self._started_at_s > SOUND_AFTER_S
        self._failures = 0 if sound else min(self._failures + 1, 10)
        pause_s = min(PAUSE_S[0] * 2 ** max(0, self._failures - 1), PAUSE_S[1])
        self._due_at_s = now_s + pause_s
        _log.error("worker.ended", worker=self.name, code=code, pause_s=pause_s)

    def send(self, number: int) -> None:
        """Pass a signal on."""
        if self.process is not None:
            self.process.send_signal(number)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None

    def _start(self, now_s: float) -> None:
        self._started_at_s = now_s
        # In a group of its own, so that Ctrl-C reaches it once, from here; and should this
        # process be killed, the worker drains.
        self.process = subprocess.Popen(
            self.argv,
            env=dict(self.env),
            process_group=0,
            preexec_fn=partial(die_with, os.getpid(), signal.SIGTERM),
        )
        _log.info("worker.started", worker=self.name, pid=self.process.pid)


def tend(children: Sequence[Child], drain_s: float) -> None:
    """Keep the children running until SIGTERM or SIGINT, pass it on, wait for their ends.

    Every further signal is passed on, too: a second SIGTERM ends workers at once.
    """
    received: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        received.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    while not received:
        for child in children:
            child.tend()
        time.sleep(_LOOK_EVERY_S)
    until_s = time.monotonic() + drain_s + 2 * END_WITHIN_S
    while any(child.alive for child in children) and time.monotonic() < until_s:
        for passed_on in [received.pop(0) for _ in range(len(received))]:
            for child in children:
                child.send(passed_on)
        time.sleep(_LOOK_EVERY_S)
    for child in children:
        child.send(signal.SIGKILL)
