"""Short forms of the figures with a fake engine: the same faults, fewer of them, no speeds.

Each is a program (``python -m tests.faults.short F3 FOLDER``): they mostly wait, and run side
by side. That of F6 is in `tests/integration/test_worker_faults.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from tests.faults import (
    chaos_kill,
    crash_job,
    network_cut,
    server_outage,
    worker_killed,
    zombie_finish,
)
from tests.faults.figures import Measured

LEASE_S = 5.0
SEED = 1

SHORT: dict[str, Callable[[Path], Measured]] = {
    "F1a": lambda folder: chaos_kill.disturbed(
        folder,
        SEED,
        jobs=30,
        workers=3,
        kill_every_s=3.0,
        server_kills=2,
        jobs_per_s=6.0,
        lease_s=LEASE_S,
    ),
    "F3": lambda folder: zombie_finish.frozen(folder, leases=2.0, lease_s=LEASE_S),
    "F4": lambda folder: server_outage.outages_of(
        folder, SEED, (7.0,), lease_s=LEASE_S, remains_s=7.0
    ),
    "F5": lambda folder: network_cut.cut_off_for(
        folder, leases=2.0, lease_s=LEASE_S, limit_s=None
    ),
    "F7": lambda folder: worker_killed.killed(
        folder, SEED, lease_s=LEASE_S, workers=1, within_s=None
    ),
    "F8": lambda folder: crash_job.crashed(folder, jobs=12),
}


def main() -> None:
    name, folder = sys.argv[1:]
    measured = SHORT[name](Path(folder))
    print(measured.text)
    if measured.misses:
        sys.exit("missed: " + "; ".join(measured.misses))


if __name__ == "__main__":
    main()
