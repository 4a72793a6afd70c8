"""Looking at processes, through ``/proc``."""

from __future__ import annotations

from pathlib import Path


def children(pid: int) -> list[int]:
    return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def engine_of(agent_pid: int) -> int:
    """Of a worker's children the one that computes: the other is multiprocessing's own."""
    (pid,) = [pid for pid in children(agent_pid) if "spawn_main" in command_line(pid)]
    return pid


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
