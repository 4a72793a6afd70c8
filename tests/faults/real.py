"""Real reconstructions: a real Tiled that holds the beginning of the real star."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.support.stack import TiledServer, running_tiled, short_scan
from tiled.client import from_uri

from exitwave.recipes.loading import load_recipe
from exitwave.scans import TiledScans, load_profile
from exitwave.schema.data import data_from_mapping, geometry_from_mapping
from exitwave.schema.job import Result, ScanRef
from exitwave.settings.service import Settings
from exitwave.simulated_beamline.play import play

FRAMES = 52
ARRAYS = ("object", "probe", "positions_m")


@dataclass(frozen=True)
class Site:
    """A Tiled with one scan in it."""

    tiled: TiledServer
    scan: ScanRef

    def final(self, result: Result | None) -> dict[str, NDArray[Any]]:
        """The arrays of a final result, as everybody reads them."""
        assert result is not None, "the job has no result"
        root = from_uri(self.tiled.uri, api_key=self.tiled.api_key)
        node = root[result.node]
        return {name: np.asarray(node[name].read()) for name in ARRAYS}

    def complete(self, job_id: str, attempt: int) -> bool:
        """Whether an attempt has delivered its whole result."""
        root = from_uri(self.tiled.uri, api_key=self.tiled.api_key)
        try:
            node = root[f"ptycho/{self.scan.uid}/{job_id}/a{attempt}"]
        except KeyError:
            return False
        return bool(node.metadata["complete"])


@contextmanager
def site(folder: Path, frames: int = FRAMES) -> Iterator[Site]:
    """For as long as the block lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    with running_tiled(folder) as tiled:
        yield site_at(tiled, folder, frames)


def site_at(tiled: TiledServer, folder: Path, frames: int = FRAMES) -> Site:
    """The same in a Tiled that runs."""
    settings = Settings(data_dir=tiled.data_dir, tiled=tiled.settings)
    file = short_scan(folder / "star.cxi", frames)
    uid = play(settings, scan_file=file, rate_hz=500).uid
    scans = TiledScans(tiled.settings, load_profile("hxn"))
    checked = scans.check(uid, data_from_mapping({}), geometry_from_mapping({}))
    return Site(tiled, checked)


def recipe(epochs: int, seed: int = 0, share: float = 0.1) -> dict[str, Any]:
    """The default recipe for so many epochs, in batches of that share of the scan."""
    stages = [{"epochs": epochs, "batches": [share]}]
    return {**load_recipe("default"), "stages": stages, "seed": seed}


def same(one: dict[str, NDArray[Any]], other: dict[str, NDArray[Any]]) -> bool:
    """Bit for bit."""
    return all(one[name].tobytes() == other[name].tobytes() for name in ARRAYS)
