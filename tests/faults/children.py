"""Processes that a test may kill, freeze and start again, with all that they started."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import httpx
from tests.integration.api_process import KEY, PROGRAM
from tests.integration.processes import engine_of
from tests.support.stack import answers, tail, wait_until

from exitwave import processes
from exitwave.client import Client


class Child:
    """A process that can be killed and started again, with all it started."""

    def __init__(self, argv: list[str], env: dict[str, str], owner: Path, name: str) -> None:
        self.name = name
        self.log = owner / f"{name}.log"
        self._argv, self._env, self._owner = argv, env, owner
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        self._process = processes.start(
            self._argv, owner=self._owner, env=self._env, log=self.log
        )

    def signal(self, number: signal.Signals) -> None:
        """To the whole tree."""
        if self._process is not None:
            processes.signal_group(self._process, number)

    def kill(self) -> None:
        """SIGKILL to the whole tree."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP to the whole tree."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)


class Worker(Child):
    """`exitwave worker`: agent and engine."""

    def engine_pid(self) -> int:
        return engine_of(self.pid)


class Api(Child):
    """The API on a port that it keeps."""

    def __init__(self, env: dict[str, str], owner: Path, port: int) -> None:
        super().__init__([sys.executable, "-c", PROGRAM], env, owner, "api")
        self.url = f"http://127.0.0.1:{port}"
        self.key = KEY

    def start(self, *, wait: bool = True) -> None:
        super().start()
        if wait:
            wait_until(
                lambda: answers(f"{self.url}/livez") or not self.alive, "API", log=self.log
            )
            assert self.alive, tail(self.log)

    def http(self, timeout_s: float = 60) -> httpx.Client:
        headers = {"Authorization": f"Apikey {self.key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=timeout_s)

    def client(self) -> Client:
        return Client(self.url, self.key)


class Nemesis:
    """Kills workers one after the other, chosen by a seed; a supervisor starts them again."""

    def __init__(self, workers: list[Worker], seed: int) -> None:
        self._workers = workers
        self._random = random.Random(seed)
        self.kills = 0

    def strike(self) -> Worker:
        worker = self._random.choice(self._workers)
        worker.kill()
        self.kills += 1
        worker.start()
        return worker
