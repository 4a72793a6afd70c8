"""Submissions while the API dies, in short."""

from __future__ import annotations

from pathlib import Path

from tests.faults.f2 import submitted_meanwhile
from tests.stack import TiledServer


def test_every_key_makes_one_job_whenever_the_api_dies(
    tmp_path: Path, tiled_server: TiledServer
) -> None:
    found = submitted_meanwhile(tmp_path, tiled_server, 1, submissions=150, kills=2)
    assert not found.misses, found
