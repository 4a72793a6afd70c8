"""`exitwave up`: everything on one machine, started together, stopped together."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import httpx

from exitwave import processes
from exitwave.filesystem.directories import data_directory
from exitwave.processes import Backoff, SupervisedProcess
from exitwave.runtime.threads import BRIEFLY_SPINNING
from exitwave.schema.errors import ExitwaveError, LedgerUnavailable, UsageError
from exitwave.settings.connection import KEY_VARIABLE, URL_VARIABLE, save_connection
from exitwave.settings.service import CONFIG_VARIABLE

from . import layout as layouts
from .valkey import prepare_valkey

SERVERS = ("valkey", "tiled")
"""Stopped last: the others still write to them while they end."""
PYTHON = ("tiled", "api", "trigger", "worker")
STOP_S = {"others": 2.5, "servers": 1.2}
RESTART_PAUSE_S = (0.5, 10.0)
"""First and longest pause before a process that ended is started again."""
HEALTHY_AFTER_S = 30.0
"""A process that lived so long is started again as if it had never failed."""
LARGEST_LOG_BYTES = 10_000_000
_PAUSE_S = 0.15
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Say = Callable[[str], None]


class Stopped(Exception):  # noqa: N818  # not an error: the user asked for it
    """A signal asked for the end."""


class System:
    """The supervised processes of one data directory. Use it in the main thread.

    Parameters
    ----------
    data_dir : Path
        Created where it is missing.
    port : int, optional
        Of API and dashboard; default from the settings.
    say : callable
        Gets lines for the user.

    Raises
    ------
    UsageError
        The directory or the port cannot be used; nothing has been started then.
    """

    def __init__(self, data_dir: Path, port: int | None, say: Say) -> None:
        self.say = say
        self.layout = layouts.claim_data_dir(data_dir)
        try:
            self._left_behind = processes.kill_survivors(self.layout.root)
            valkey = prepare_valkey(self.layout.valkey)
            self.settings = layouts.prepare_settings(self.layout, port, valkey.uri)
            layouts.require_free_port(self.settings.api.host, self.settings.api.port)
        except BaseException:
            self.layout.release()
            raise
        self.url = layouts.api_url(self.settings)
        self.key = layouts.access_key(self.layout)
        self._children = {"valkey": self._supervised("valkey", valkey.argv)}
        for name in PYTHON:
            self._children[name] = self._supervised(name, self.command(name))
        self._signalled = False
        self._before: list[Any] = []  # handlers, of a type that signal keeps to itself
        self.began = time.monotonic()
        self.ready_s: float | None = None

    def __enter__(self) -> Self:
        """Start everything at once: each part waits for those it needs."""
        self._before = [signal.signal(number, self._on_signal) for number in _SIGNALS]
        save_connection(self.url, self.layout.key_file, self.layout.config_file)
        if self._left_behind:
            self.say(f"ended {len(self._left_behind)} processes that an earlier run had left")
        for child in self._children.values():
            child.supervise()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything; nothing is left behind."""
        running = {
            name: child.process
            for name, child in self._children.items()
            if child.process is not None
        }
        servers = [process for name, process in running.items() if name in SERVERS]
        others = [process for name, process in running.items() if name not in SERVERS]
        processes.stop(others, STOP_S["others"])
        processes.stop(servers, STOP_S["servers"])
        processes.kill_survivors(self.layout.root)
        for number, before in zip(_SIGNALS, self._before, strict=True):
            signal.signal(number, before)
        self.layout.release()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    def command(self, *words: str) -> list[str]:
        """The argument list of an exitwave command."""
        return [sys.executable, "-m", "exitwave.cli", *words]

    def run(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        """Start a command beside the services. It is stopped with them, not started again."""
        return self._start(name, self.command(*words))

    def supervise(self) -> None:
        """Start again what has ended.

        Raises
        ------
        Stopped
            A signal has come.
        """
        if self._signalled:
            raise Stopped
        for child in self._children.values():
            child.supervise()

    def wait_until(
        self, condition: Callable[[], object], what: str, within_s: float | None = None
    ) -> None:
        """Supervise the processes until the condition holds.

        Raises
        ------
        ExitwaveError
            It took longer than `within_s` seconds.
        """
        deadline = None if within_s is None else time.monotonic() + within_s
        while True:
            self.supervise()
            if condition():
                return
            if deadline is not None and time.monotonic() > deadline:
                raise ExitwaveError(
                    f"{what}: not within {within_s:.0f} s; see {self.layout.root / 'logs'}"
                )
            time.sleep(_PAUSE_S)

    def api_ready(self) -> bool:
        """Whether the API and what it needs answer.

        Raises
        ------
        UsageError
            This machine does not trust the certificate that the settings name.
        """
        try:
            return httpx.get(f"{self.url}/readyz", timeout=1.0).is_success
        except httpx.TransportError as error:
            if "CERTIFICATE_VERIFY_FAILED" not in str(error):
                return False
            raise UsageError(
                f"api.tls_certificate: found {self.settings.api.tls_certificate}, which is not "
                f"trusted for {self.url} ({error}); expected one that is: SSL_CERT_FILE names "
                "its authority, or itself if it is self-signed"
            ) from error

    def idle_workers(self) -> list[str]:
        """Devices of the workers that could take a job now."""
        from exitwave.ledger import BlockingServiceLedger

        try:
            with BlockingServiceLedger(self.settings.ledger) as ledger:
                return [w.device for w in ledger.workers() if w.state in {"idle", "busy"}]
        except LedgerUnavailable:
            return []

    def dashboard_url(self) -> str:
        """The dashboard's address with a one-time code in its fragment."""
        headers = {"Authorization": f"Apikey {self.key}"}
        answer = httpx.post(f"{self.url}/api/v1/session/code", headers=headers, timeout=10.0)
        return f"{self.url}/#code={answer.raise_for_status().json()['code']}"

    def _supervised(self, name: str, argv: Sequence[str | Path]) -> SupervisedProcess:
        def on_exit(code: int, pause_s: float) -> None:
            reason = f"signal {-code}" if code < 0 else f"exit code {code}"
            self.say(
                f"{name} ended ({reason}), starting it again; its log: {self.layout.log(name)}"
            )

        first_s, longest_s = RESTART_PAUSE_S
        backoff = Backoff(first_s, longest_s, HEALTHY_AFTER_S)
        return SupervisedProcess(partial(self._start, name, argv), on_exit, backoff)

    def _start(self, name: str, argv: Sequence[str | Path]) -> subprocess.Popen[bytes]:
        """Start a process, with a fresh log if the old one has grown large."""
        log = self.layout.log(name)
        if log.is_file() and log.stat().st_size > LARGEST_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        env = self._environment(name)
        return processes.start(argv, owner=self.layout.root, env=env, log=log)

    def _environment(self, name: str) -> dict[str, str]:
        env = layouts.child_environment() | {
            CONFIG_VARIABLE: str(self.layout.config_file),
            "PYTHONUNBUFFERED": "1",
        }
        # Threads that spin long while they wait make torch several times slower when the cores
        # are shared, as they are here.
        env = BRIEFLY_SPINNING | env
        if name == "worker":  # its job must be back in the queue before its group is killed
            env["EXITWAVE__WORKER__DRAIN_S"] = str(STOP_S["others"] - 1)
        if name == "trigger":  # a client like any other
            env |= {URL_VARIABLE: self.url, KEY_VARIABLE: self.key}
        return env

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signalled = True


def announce(system: System, within_s: float | None = None) -> None:
    """Wait for the API, then for the worker, and tell the user about both."""
    system.say(f"exitwave is starting; everything it keeps is in {system.layout.root}")
    system.wait_until(system.api_ready, "the API", within_s)
    system.ready_s = system.elapsed_s
    system.say(f"ready after {system.ready_s:.1f} s")
    system.say(f"  dashboard  {system.dashboard_url()}")
    system.say(f"  key        {system.layout.key_file}")
    devices: list[str] = []

    def worker_ready() -> bool:
        devices[:] = system.idle_workers()
        return bool(devices)

    system.wait_until(worker_ready, "the worker", within_s)
    system.say(
        f"worker on {', '.join(devices)} after {system.elapsed_s:.1f} s; Ctrl-C stops all"
    )


def up(data_dir: Path | None, port: int | None, say: Say) -> None:
    """Run everything until a signal comes.

    Raises
    ------
    UsageError
        The directory or the port cannot be used.
    """
    try:
        with System(data_dir or data_directory(), port, say) as system:
            announce(system)
            system.wait_until(lambda: False, "the end")
    except Stopped:
        say("stopped")
