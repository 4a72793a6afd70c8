"""Scans for real reconstructions, played into a real Tiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.stack import TiledServer

from exitwave.beamline.play import play
from exitwave.beamline.simulate import simulate
from exitwave.files.cxi import write_measurement
from exitwave.files.reconstruction import Measurement
from exitwave.scans import TiledScans, load_profile
from exitwave.schema.data import data_from_mapping, geometry_from_mapping
from exitwave.schema.geometry import Geometry
from exitwave.schema.job import ScanRef
from exitwave.settings.recipes import load_recipe
from exitwave.settings.service import Settings


def played_scan(tiled: TiledServer, folder: Path, *, grid: int = 9) -> ScanRef:
    """A simulated raster of `grid` x `grid` patterns that a RunEngine has played into Tiled."""
    folder.mkdir(parents=True, exist_ok=True)
    simulated = simulate(0.6, 1e5, 1, grid=grid)
    write_measurement(
        folder / "simulated.cxi",
        Measurement(
            counts_nHW=simulated.patterns_nHW,
            positions_m=simulated.positions_px * simulated.pixel_size_m,
            geometry=Geometry(
                energy_eV=simulated.energy_eV,
                distance_m=simulated.distance_m,
                detector_pixel_m=simulated.detector_pixel_m,
                sources={},
            ),
        ),
    )
    settings = Settings(data_dir=tiled.data_dir, tiled=tiled.settings)
    uid = play(settings, scan_file=folder / "simulated.cxi", rate_hz=500).uid
    scans = TiledScans(tiled.settings, load_profile("hxn"))
    return scans.check(uid, data_from_mapping({}), geometry_from_mapping({}))


def recipe_of(epochs: int) -> dict[str, Any]:
    """The default recipe with one stage of small batches: deterministic on one thread."""
    return {**load_recipe("default"), "stages": [{"epochs": epochs, "batches": [0.1]}]}
