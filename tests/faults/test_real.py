"""Short form of the figure about the real engine: killed once, on a scan that Tiled holds."""

from __future__ import annotations

from pathlib import Path

from tests.faults import f6
from tests.faults.real import site


def test_f6_a_killed_engine_costs_few_epochs(tmp_path: Path) -> None:
    with site(tmp_path / "tiled") as place:
        measured = f6.killed(
            tmp_path / "rig", place, 1, kills=1, checkpoints=2, checkpoint_s=1.0, within=None
        )
    assert measured.misses == (), measured
