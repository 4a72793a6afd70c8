"""Whether other work ran on the machine beside a measurement."""

from __future__ import annotations

import os
import time
from pathlib import Path

QUIET_CORES = 0.2
"""So many cores, in the mean, may be busy with other things: a desktop, a scheduler."""
STAT = Path("/proc/stat")
IDLE = (3, 4)
"""Columns of idle time and waiting for disks."""
COUNTED = 8
"""Columns of Linux's table before guests, whose time is counted once already."""


class Company:
    """Counts the processor time of everybody else from its making on.

    Ours is that of this process and of all children that ended and were waited for.
    """

    def __init__(self) -> None:
        self._since = time.perf_counter()
        self._busy_s, self._own_s = _busy_s(), _own_s()

    def cores(self) -> float | None:
        """Cores that others kept busy, in the mean; None where the system does not tell."""
        busy_s = _busy_s()
        if busy_s is None or self._busy_s is None:
            return None
        others_s = busy_s - self._busy_s - (_own_s() - self._own_s)
        return max(0.0, others_s / (time.perf_counter() - self._since))


def disturbed(cores: float | None) -> bool:
    """Whether times taken beside so much other work are upper bounds only."""
    return cores is None or cores > QUIET_CORES


def _own_s() -> float:
    return sum(os.times()[:4])


def _busy_s() -> float | None:
    if not STAT.exists():
        return None
    columns = STAT.read_text().splitlines()[0].split()[1 : COUNTED + 1]
    ticks = sum(int(value) for i, value in enumerate(columns) if i not in IDLE)
    return float(ticks / os.sysconf("SC_CLK_TCK"))
