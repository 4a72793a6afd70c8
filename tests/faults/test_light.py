"""Short forms of the figures with a light body: the same faults, fewer of them, no speeds."""

from __future__ import annotations

from pathlib import Path

from tests.faults import f1a, f3, f4, f5, f7, f8
from tests.faults.figures import Measured

LEASE_S = 3.0


def met(measured: Measured) -> None:
    assert measured.misses == (), measured


def test_f1a_chaos_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    met(f1a.disturbed(tmp_path / "rig", 1, jobs=40, server_kills=2, lease_s=LEASE_S))


def test_f3_a_zombie_is_refused(tmp_path: Path) -> None:
    met(f3.frozen(tmp_path / "rig", leases=3.0, lease_s=LEASE_S))


def test_f4_an_outage_costs_no_attempt(tmp_path: Path) -> None:
    met(f4.outages_of(tmp_path, 1, (4.0,), lease_s=LEASE_S, remains_s=5.0))


def test_f5_a_worker_that_was_cut_off_stops(tmp_path: Path) -> None:
    met(f5.cut_off_for(tmp_path, leases=3.0, lease_s=LEASE_S, limit_s=None))


def test_f7_a_killed_workers_job_goes_on(tmp_path: Path) -> None:
    met(f7.killed(tmp_path / "rig", 1, lease_s=LEASE_S, workers=1, within_s=None))


def test_f8_a_poison_job_dies_alone(tmp_path: Path) -> None:
    met(f8.poisoned(tmp_path / "rig", jobs=12))
