"""Tiled away in mid-run and at the end, in short."""

from __future__ import annotations

from pathlib import Path

from tests.faults.f15 import away
from tests.faults.real import site_at
from tests.stack import TiledServer


def test_a_run_outlasts_an_absence_of_tiled(tmp_path: Path, tiled_server: TiledServer) -> None:
    place = site_at(tiled_server, tmp_path)
    found = away(tmp_path, place, away_s=4.0, around_s=1.5, at_end_s=1.0)
    assert not found.misses, found
