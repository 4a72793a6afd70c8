"""Child processes that never outlive their supervisor. Linux: ``prctl`` and ``/proc``.

Every child runs in a session of its own, so that Ctrl-C in the terminal reaches the supervisor
alone, which then stops the children in order. The kernel kills a child whose supervisor dies.
Grandchildren are found by a mark in the environment they inherit.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

OWNER_VARIABLE = "EXITWAVE_SUPERVISED_BY"
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


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
            preexec_fn=_die_with(os.getpid()),
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
    mark = f"{OWNER_VARIABLE}={owner}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:  # it ended meanwhile, or is another user's
            continue
        if mark in environment.split(b"\0"):
            found.append(int(entry.name))
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


def _die_with(parent: int) -> Callable[[], None]:
    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return prepare
