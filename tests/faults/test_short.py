"""Chaos, zombies, outages, cut links, killed workers and jobs that crash, in short."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.harness import ROOT
from tests.faults.short import SHORT
from tests.support.stack import tail

from exitwave import processes

Runs = dict[str, tuple[subprocess.Popen[bytes], Path]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """All at once."""
    folder = tmp_path_factory.mktemp("faults")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    started: Runs = {}
    for name in SHORT:
        argv, log = [sys.executable, "-m", "tests.faults.short", name], folder / f"{name}.log"
        words = [*argv, str(folder / name)]
        started[name] = processes.start(words, owner=folder, env=env, log=log), log
    try:
        yield started
    finally:
        processes.stop([process for process, _ in started.values()], within_s=1.0)
        processes.kill_survivors(folder)


@pytest.mark.parametrize("name", SHORT)
def test_the_short_form_is_met(runs: Runs, name: str) -> None:
    process, log = runs[name]
    assert process.wait(timeout=280) == 0, tail(log)
