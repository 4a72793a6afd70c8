"""Real servers for the tests: what the fixtures of `conftest.py` hand out."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import httpx
import yaml
from tests.ledger_client import Ledger

from exitwave import processes
from exitwave.client import Client
from exitwave.local.valkey import ValkeyServer, prepare_valkey
from exitwave.schema.worker import WorkerInfo
from exitwave.settings.service import Settings, TiledSettings
from exitwave.simulated_beamline.recorded import DEMO_SCAN


@dataclass(frozen=True)
class TiledServer:
    """A running `exitwave tiled`; detector files under `scans` can be registered."""

    uri: str
    api_key: str
    scans: Path
    data_dir: Path
    settings: TiledSettings


@dataclass(frozen=True)
class Stack:
    """A running `exitwave up`, ready and with a worker that can claim."""

    url: str
    api_key: str
    data_dir: Path
    settings: Settings
    process: subprocess.Popen[bytes]
    env: dict[str, str]
    """For commands in another shell: they find this service as a user's would."""

    def client(self) -> Client:
        return Client(self.url, self.api_key)

    def cli(self, *words: str, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
        return run_cli(*words, env=self.env, timeout=timeout)

    def workers(self) -> list[WorkerInfo]:
        with Ledger(self.settings.ledger) as ledger:
            return ledger.workers()

    def pids(self, command: str) -> list[int]:
        """Processes of this service that run `exitwave <command>`, and their children."""
        found = []
        for pid in processes.survivors(self.data_dir):
            session = os.getsid(pid)
            words = Path(f"/proc/{session}/cmdline").read_bytes().split(b"\0")
            if command.encode() in words:
                found.append(pid)
        return found

    def logs(self) -> str:
        logs = sorted((self.data_dir / "logs").glob("*.log"))
        return "\n".join(f"--- {log.name}\n{tail(log, 25)}" for log in logs)


def exitwave(*words: str) -> list[str]:
    return [sys.executable, "-m", "exitwave.cli", *words]


def run_cli(
    *words: str, env: dict[str, str], timeout: float = 120.0
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        exitwave(*words), env=env, timeout=timeout, capture_output=True, text=True
    )


def short_scan(path: Path, n_frames: int = 52) -> Path:
    """The beginning of the real Siemens-star scan, as a CXI file."""
    shutil.copyfile(DEMO_SCAN, path)
    with h5py.File(path, "r+") as file:
        for name in ("data", "translation"):
            values = file[f"entry_1/data_1/{name}"][:n_frames]
            del file[f"entry_1/data_1/{name}"]
            file[f"entry_1/data_1/{name}"] = values
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(**extra: str) -> dict[str, str]:
    """This process's environment without anything that configures exitwave or Tiled."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("EXITWAVE", "TILED"))}
    return {**kept, **extra}


def wait_until(
    condition: Callable[[], object],
    what: str,
    *,
    within_s: float = 60.0,
    log: Path | None = None,
) -> None:
    """Poll; on time-out fail with the end of the log."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within_s} s\n{tail(log)}")
        time.sleep(0.05)


def tail(log: Path | None, lines: int = 40) -> str:
    if log is None or not log.is_file():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def running(
    argv: list[str], *, owner: Path, env: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A child process, with whatever it started, for as long as the block lasts."""
    process = processes.start(argv, owner=owner, env=env, log=log)
    try:
        yield process
    finally:
        processes.stop([process], within_s=5.0)
        processes.kill_survivors(owner)


def prepare_server(directory: Path) -> ValkeyServer:
    """An embedded Valkey, or the machine's Redis if ``EXITWAVE_TEST_SERVER=redis``."""
    server = prepare_valkey(directory)
    if os.environ.get("EXITWAVE_TEST_SERVER") == "redis":
        return replace(server, argv=["redis-server", *server.argv[1:]])
    return server


@contextmanager
def running_valkey(directory: Path) -> Iterator[str]:
    """An embedded Valkey; gives its URI."""
    import redis

    server = prepare_server(directory)
    log = directory / "valkey.log"
    with running(server.argv, owner=directory, env=clean_environment(), log=log):
        client = redis.Redis.from_url(server.uri)

        def ready() -> bool:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

        wait_until(ready, "valkey", within_s=20, log=log)
        client.close()
        yield server.uri


@contextmanager
def running_tiled(data_dir: Path) -> Iterator[TiledServer]:
    """A real Tiled process with its own catalogue on a free port."""
    uri, key = f"http://127.0.0.1:{free_port()}", "a1" * 16
    env = clean_environment(
        EXITWAVE__DATA_DIR=str(data_dir), EXITWAVE__TILED__URI=uri, EXITWAVE__TILED__API_KEY=key
    )
    log = data_dir / "tiled.log"
    argv = exitwave("tiled")
    with running(argv, owner=data_dir, env=env, log=log) as process:
        wait_until(
            lambda: answers(f"{uri}/healthz") or process.poll() is not None, "tiled", log=log
        )
        if process.poll() is not None:
            raise RuntimeError(f"tiled ended with {process.returncode}\n{tail(log)}")
        settings = TiledSettings.model_validate({"uri": uri, "api_key": key})
        yield TiledServer(uri, key, data_dir / "scans", data_dir, settings)


@contextmanager
def running_up(
    folder: Path, *, wait_for_worker: bool = True, **settings: str
) -> Iterator[Stack]:
    """A real `exitwave up`; what it keeps is in `folder`, which may be used again.

    `settings` go into its environment, as in ``EXITWAVE__LEDGER__LEASE_S="4"``.
    """
    data_dir, log, port = folder / "data", folder / "up.log", free_port()
    env = clean_environment(XDG_STATE_HOME=str(folder / "state"), **settings)
    log.unlink(missing_ok=True)
    argv = exitwave("up", "--data-dir", str(data_dir), "--port", str(port))
    process = processes.start(argv, owner=folder, env=env, log=log)
    sign = "worker on" if wait_for_worker else "key   "
    try:
        wait_until(
            lambda: sign in log.read_text() or process.poll() is not None,
            "up",
            within_s=120,
            log=log,
        )
        if process.poll() is not None:
            raise RuntimeError(f"`up` ended with {process.returncode}\n{tail(log)}")
        settings = Settings.model_validate(
            yaml.safe_load((data_dir / "service.yaml").read_text())
        )
        key = (data_dir / "api.key").read_text().strip()
        yield Stack(f"http://127.0.0.1:{port}", key, data_dir, settings, process, env)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        left = processes.kill_survivors(data_dir)
        if left:
            raise AssertionError(f"`up` left {left} behind\n{tail(log)}")
