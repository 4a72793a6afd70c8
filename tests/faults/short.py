"""Short forms of the figures with a light body: the same faults, fewer of them, no speeds.

Each is a program (``python -m tests.faults.short F3 FOLDER``): they mostly wait, and run side
by side. That of F6 is in `tests/integration/test_worker_faults.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from tests.faults import f1a, f3, f4, f5, f7, f8
from tests.faults.figures import Measured

LEASE_S = 5.0
SEED = 1

SHORT: dict[str, Callable[[Path], Measured]] = {
    "F1a": lambda folder: f1a.disturbed(
        folder, SEED, jobs=24, workers=3, server_kills=2, jobs_per_s=3.0, lease_s=LEASE_S
    ),
    "F3": lambda folder: f3.frozen(folder, leases=2.0, lease_s=LEASE_S),
    "F4": lambda folder: f4.outages_of(folder, SEED, (7.0,), lease_s=LEASE_S, remains_s=7.0),
    "F5": lambda folder: f5.cut_off_for(folder, leases=2.0, lease_s=LEASE_S, limit_s=None),
    "F7": lambda folder: f7.killed(folder, SEED, lease_s=LEASE_S, workers=1, within_s=None),
    "F8": lambda folder: f8.poisoned(folder, jobs=12),
}


def main() -> None:
    name, folder = sys.argv[1:]
    measured = SHORT[name](Path(folder))
    print(measured.text)
    if measured.misses:
        sys.exit("missed: " + "; ".join(measured.misses))


if __name__ == "__main__":
    main()
