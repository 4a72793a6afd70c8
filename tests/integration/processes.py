"""Looking at processes."""

from __future__ import annotations

import psutil


def children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children()]


def command_line(pid: int) -> str:
    return " ".join(psutil.Process(pid).cmdline())


def engine_of(agent_pid: int) -> int:
    """Of a worker's children the one that computes: the other is multiprocessing's own."""
    (pid,) = [pid for pid in children(agent_pid) if "spawn_main" in command_line(pid)]
    return pid


def is_there(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
