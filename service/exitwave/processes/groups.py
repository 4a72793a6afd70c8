"""Child processes that never outlive their supervisor, in groups that are stopped together.

Every child runs in a session of its own, so that Ctrl-C in the terminal reaches the supervisor
alone, which then stops the children in order. The kernel kills a child whose supervisor dies.
Grandchildren are found by a mark in the environment they inherit.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import psutil

from .parent_death import die_with_parent

OWNER_VARIABLE = "EXITWAVE_SUPERVISED_BY"


def start(
    argv: Sequence[str | Path], *, owner: Path, env: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Start a child that dies with the calling *thread*; call it from the main one.

    Parameters
    ----------
    argv : sequence
        Program and arguments.
    owner : Path
        Data directory on whose behalf it runs; `survivors` finds it by this.
    env : mapping
        Its whole environment.
    log : Path
        File to which both its outputs are appended.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(word) for word in argv],
            env={**env, OWNER_VARIABLE: str(owner)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=partial(die_with_parent, os.getpid()),
        )


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a child and to everything in its process group."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def stop(processes: Sequence[subprocess.Popen[bytes]], within_s: float) -> None:
    """Ask the children to end together; after `within_s` seconds kill their groups."""
    for process in processes:
        if process.poll() is None:
            signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + within_s
    while any(process.poll() is None for process in processes):
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    for process in processes:
        signal_group(process, signal.SIGKILL)  # also what a child left in its group
        process.wait()


def survivors(owner: Path) -> list[int]:
    """Ids of the living processes that were started on behalf of this data directory."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            environment = process.environ()
        except (psutil.Error, OSError):  # it ended meanwhile, or is another user's
            continue
        if environment.get(OWNER_VARIABLE) == str(owner):
            found.append(process.pid)
    return found


def kill_survivors(owner: Path, within_s: float = 2.0) -> list[int]:
    """Kill what an earlier supervisor of this data directory left; return what was found."""
    first = left = survivors(owner)
    deadline = time.monotonic() + within_s
    while left and time.monotonic() < deadline:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)
        left = survivors(owner)
    return first
