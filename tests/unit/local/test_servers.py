"""The embedded servers, as real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest
import redis
from tests.support.stack import TiledServer, clean_environment, running_valkey, wait_until

from exitwave import processes
from exitwave.local.valkey import LONGEST_SOCKET_PATH, prepare_valkey


def test_valkey_keeps_every_write_and_opens_no_port(valkey_uri: str) -> None:
    with redis.Redis.from_url(valkey_uri, decode_responses=True) as client:
        wanted = {
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            "port": "0",
            "save": "",
        }
        assert client.config_get(*wanted) == wanted


def test_valkey_comes_back_with_its_data_after_kill(tmp_path: Path) -> None:
    with running_valkey(tmp_path / "v") as uri, redis.Redis.from_url(uri) as client:
        client.set("accepted", "yes")
        (pid,) = processes.survivors(tmp_path / "v")
        os.kill(pid, signal.SIGKILL)
    with running_valkey(tmp_path / "v") as uri, redis.Redis.from_url(uri) as client:
        assert client.get("accepted") == b"yes"


def test_valkey_in_a_deep_directory_gets_a_short_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    short = tempfile.TemporaryDirectory()
    request.addfinalizer(short.cleanup)
    monkeypatch.setenv("XDG_RUNTIME_DIR", short.name)
    deep = tmp_path / ("d" * LONGEST_SOCKET_PATH)
    with running_valkey(deep) as uri, redis.Redis.from_url(uri) as client:
        assert client.ping()
        assert len(uri) < LONGEST_SOCKET_PATH
        assert Path(uri.removeprefix("unix://").split("?")[0]).parent.stat().st_mode & 0o77 == 0
    assert prepare_valkey(deep).uri == uri


@pytest.mark.parametrize("path", ["raw", "ptycho"])
def test_tiled_has_its_containers_for_those_with_the_key(
    tiled_server: TiledServer, path: str
) -> None:
    url = f"{tiled_server.uri}/api/v1/metadata/{path}"
    headers = {"Authorization": f"Apikey {tiled_server.api_key}"}
    attributes = httpx.get(url, headers=headers).raise_for_status().json()["data"]["attributes"]
    assert attributes["structure_family"] == "container"
    specs = [(spec["name"], spec["version"]) for spec in attributes["specs"]]
    assert specs == ([("CatalogOfBlueskyRuns", "3.0")] if path == "raw" else [])
    assert httpx.get(url).status_code == 401


def test_a_child_dies_with_its_supervisor(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from exitwave import processes; "
        f"d = Path({str(tmp_path)!r}); "
        "processes.start(['sleep', '60'], owner=d, env={'PATH': '/bin'}, log=d / 'log'); "
        "print('up', flush=True); time.sleep(60)"
    )
    argv = [sys.executable, "-c", program]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=clean_environment()) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        assert len(processes.survivors(tmp_path)) == 1
        parent.kill()
    wait_until(
        lambda: not processes.survivors(tmp_path), "child of a killed parent", within_s=5
    )


def test_a_child_that_ignores_the_request_is_killed_with_its_children(tmp_path: Path) -> None:
    argv = ["sh", "-c", "trap '' TERM; sleep 60 & wait; sleep 60"]
    process = processes.start(
        argv, owner=tmp_path, env={"PATH": "/bin:/usr/bin"}, log=tmp_path / "log"
    )
    wait_until(lambda: len(processes.survivors(tmp_path)) == 2, "shell and its child")
    began = time.monotonic()
    processes.stop([process], within_s=0.3)
    assert time.monotonic() - began > 0.25
    wait_until(lambda: not processes.survivors(tmp_path), "the whole group", within_s=5)
