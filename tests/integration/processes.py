"""Looking at processes."""

from __future__ import annotations

import psutil


def children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children()]


def command_line(pid: int) -> str:
    return " ".join(psutil.Process(pid).cmdline())


def is_there(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
