"""Real servers for the tests: what the fixtures of `conftest.py` hand out."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from exitwave.local import processes
from exitwave.local.valkey import prepare_valkey
from exitwave.settings.service import TiledSettings


@dataclass(frozen=True)
class TiledServer:
    """A running `exitwave tiled`; detector files under `scans` can be registered."""

    uri: str
    api_key: str
    scans: Path
    data_dir: Path
    settings: TiledSettings


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


@contextmanager
def running_valkey(directory: Path) -> Iterator[str]:
    """An embedded Valkey; gives its URI."""
    import redis

    server = prepare_valkey(directory)
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
    program = (
        "from exitwave.settings.service import load_settings; "
        "from exitwave.local.tiled import serve_tiled; serve_tiled(load_settings())"
    )
    log = data_dir / "tiled.log"
    argv = [sys.executable, "-c", program]
    with running(argv, owner=data_dir, env=env, log=log) as process:
        wait_until(
            lambda: answers(f"{uri}/healthz") or process.poll() is not None, "tiled", log=log
        )
        if process.poll() is not None:
            raise RuntimeError(f"tiled ended with {process.returncode}\n{tail(log)}")
        settings = TiledSettings.model_validate({"uri": uri, "api_key": key})
        yield TiledServer(uri, key, data_dir / "scans", data_dir, settings)
