"""One worker for each GPU: who is chosen, and real children that die and are told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.stack import run_cli, wait_until

from exitwave.schema.errors import UsageError
from exitwave.worker.agent import gpus as gpu_list
from exitwave.worker.agent.gpus import Gpu, choose, gpus_here

GPUS = [
    Gpu(0, "GPU-5d1e", "NVIDIA H100 80GB HBM3"),
    Gpu(1, "GPU-9c44", "NVIDIA H100 80GB HBM3"),
]

CHILD = """
import os, signal, sys, time
def end(*_):
    open(sys.argv[1] + ".told", "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
with open(sys.argv[1], "a") as file:
    file.write(f"{os.getpid()} {os.environ['PIN']}\\n")
time.sleep(600)
"""

PROGRAM = """
import os, sys
from exitwave.worker.agent.launcher import supervise, supervised_worker
names, folder, child = ("one", "two"), sys.argv[1], sys.argv[2]
supervise(
    [
        supervised_worker(
            n, [sys.executable, "-c", child, f"{folder}/{n}"], {**os.environ, "PIN": n}
        )
        for n in names
    ],
    30.0,
)
"""


def test_gpus_are_chosen_by_index_or_uuid() -> None:
    assert choose("all", GPUS) == GPUS
    assert choose("1, GPU-5d1e,1", GPUS) == [GPUS[1], GPUS[0]]
    with pytest.raises(UsageError, match=r"found '7'; expected .* there is 0 \(GPU-5d1e\)"):
        choose("0,7", GPUS)
    with pytest.raises(UsageError, match="there is no GPU"):
        choose("all", [])


class Driver:
    """Stands in for NVML: two GPUs that answer and, between them, one that has fallen off."""

    class NVMLError(Exception):
        pass

    def __init__(self) -> None:
        self.calls: list[str] = []

    def nvmlInit(self) -> None:
        self.calls.append("init")

    def nvmlShutdown(self) -> None:
        self.calls.append("shutdown")

    def nvmlDeviceGetCount(self) -> int:
        return 3

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index == 1:
            raise self.NVMLError("GPU is lost")
        return index

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return {0: "GPU-5d1e", 2: "GPU-9c44"}[handle]

    def nvmlDeviceGetName(self, handle: int) -> str:
        return "NVIDIA H100 80GB HBM3"


def test_gpus_that_answer_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver()
    monkeypatch.setattr(gpu_list, "pynvml", driver)
    first, second = GPUS
    assert gpus_here() == [first, replace(second, index=2)]
    assert driver.calls == ["init", "shutdown"]


def test_without_a_driver_the_command_says_so(tmp_path: Path) -> None:
    env = {**os.environ, "PATH": str(tmp_path), "EXITWAVE__DATA_DIR": str(tmp_path)}
    done = run_cli("worker", "--gpus", "all", env=env)
    assert done.returncode == 2 and "found no NVIDIA driver" in done.stderr
    assert "Traceback" not in done.stderr


def test_children_are_started_again_and_told_to_end(tmp_path: Path) -> None:
    def starts(name: str) -> list[list[str]]:
        file = tmp_path / name
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    argv = [sys.executable, "-c", PROGRAM, str(tmp_path), CHILD]
    with subprocess.Popen(argv) as launcher:
        wait_until(lambda: starts("one") and starts("two"), "children")
        ((first, pin),) = starts("one")
        assert pin == "one"
        os.kill(int(first), signal.SIGKILL)
        wait_until(lambda: len(starts("one")) == 2, "second start")
        assert len(starts("two")) == 1
        launcher.terminate()
        assert launcher.wait(20) == 0
    assert (tmp_path / "one.told").exists() and (tmp_path / "two.told").exists()


def test_children_of_a_killed_launcher_are_told_to_end(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path), CHILD]) as launcher:
        for name in ("one", "two"):
            wait_until(lambda name=name: (tmp_path / name).exists(), "child")
        launcher.kill()
    wait_until(lambda: (tmp_path / "one.told").exists(), "end", within_s=20)
    wait_until(lambda: (tmp_path / "two.told").exists(), "end", within_s=20)
