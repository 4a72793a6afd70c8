"""Submissions while the API dies, in short."""

from __future__ import annotations

from pathlib import Path

from tests.faults.api_dies import submitted_meanwhile
from tests.faults.real import site_at
from tests.support.stack import TiledServer


def test_every_key_makes_one_job_whenever_the_api_dies(
    tmp_path: Path, tiled_server: TiledServer
) -> None:
    place = site_at(tiled_server, tmp_path)
    found = submitted_meanwhile(tmp_path / "service", place, 1, submissions=50, kills=2)
    assert not found.misses, found
