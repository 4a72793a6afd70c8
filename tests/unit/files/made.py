"""Small scans as files of many kinds: 5 x 5 views of 32 px whose numbers are known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from exitwave.schema.geometry import Geometry

SIDE = 32
GRID = (5, 5)
ENERGY_EV = 8000.0
DETECTOR_PIXEL_M = 75e-6
DISTANCE_M = 0.31
GEOMETRY = Geometry(
    energy_eV=ENERGY_EV,
    distance_m=DISTANCE_M,
    detector_pixel_m=DETECTOR_PIXEL_M,
    sources={},
)
PIXEL_M = GEOMETRY.pixel_size_m(SIDE)
STEP_M = 7 * PIXEL_M
JOULES = 1.602176634e-19

ENTRY = "entry_1"
DATA = "entry_1/data_1"
DETECTOR = "entry_1/instrument_1/detector_1"
SOURCE = "entry_1/instrument_1/source_1"


def counts_nHW(side: int = SIDE) -> NDArray[np.uint16]:
    """Patterns with nothing symmetric in them, each with a mark of its own."""
    rng = np.random.default_rng(5)
    frames = GRID[0] * GRID[1]
    values = rng.poisson(3.0, (frames, side, side))
    values[:, side // 2, side // 2] = 900
    values[:, side // 2 + 3, side // 2 + 5] = 100 + np.arange(frames)
    return values.astype(np.uint16)


def positions_m() -> NDArray[np.float64]:
    """(n, 2) as (y, x), row by row, a little off a raster; x and y differ."""
    rng = np.random.default_rng(6)
    lattice = np.argwhere(np.ones(GRID)).astype(np.float64)
    return (lattice + rng.uniform(-0.1, 0.1, lattice.shape)) * (STEP_M, 1.1 * STEP_M)


def xyz_m() -> NDArray[np.float64]:
    """The same as (x, y, z)."""
    positions = positions_m()
    return np.c_[positions[:, ::-1], np.zeros(len(positions))]


def put(path: Path, values: Mapping[str, Any], units: Mapping[str, Any] | None = None) -> Path:
    """Datasets of an HDF5 file, and attributes ``units`` of some of them."""
    with h5py.File(path, "a") as file:
        for name, value in values.items():
            if name in file:
                del file[name]
            if value is not None:
                file[name] = value
        for name, unit in (units or {}).items():
            file[name].attrs["units"] = unit
    return path


def cxi(
    path: Path, changes: Mapping[str, Any] | None = None, units: Mapping[str, Any] | None = None
) -> Path:
    """A CXI file in SI without attributes; None in `changes` leaves a dataset out."""
    plain = {
        "cxi_version": 160,
        f"{DATA}/data": counts_nHW(),
        f"{DATA}/translation": xyz_m(),
        f"{DETECTOR}/distance": DISTANCE_M,
        f"{DETECTOR}/x_pixel_size": DETECTOR_PIXEL_M,
        f"{DETECTOR}/y_pixel_size": DETECTOR_PIXEL_M,
        f"{SOURCE}/energy": ENERGY_EV * JOULES,
    }
    return put(path, {**plain, **(changes or {})}, units)


def classes(path: Path, kinds: Mapping[str, str]) -> None:
    """Give groups their ``NX_class``."""
    with h5py.File(path, "a") as file:
        for name, kind in kinds.items():
            file.require_group(name).attrs["NX_class"] = kind


def nexus(path: Path, *, raster: bool = False) -> Path:
    """A NeXus file with names of its own: what is what only its classes say."""
    patterns = counts_nHW()
    positions = positions_m()
    y, x = positions.T
    put(
        path,
        {
            "scan7/eiger/image": patterns.reshape(*GRID, SIDE, SIDE) if raster else patterns,
            "scan7/beamline/eiger/distance": DISTANCE_M * 1e3,
            "scan7/beamline/eiger/x_pixel_size": DETECTOR_PIXEL_M * 1e6,
            "scan7/beamline/eiger/y_pixel_size": DETECTOR_PIXEL_M * 1e6,
            "scan7/beamline/eiger/data": patterns.sum(axis=(1, 2)),
            "scan7/beamline/beam/incident_wavelength": GEOMETRY.wavelength_m * 1e10,
            "scan7/beamline/ring/energy": 3.0,
            "scan7/probe/stage/sy": y * 1e6,
            "scan7/probe/stage/sx": -x * 1e6,
        },
        {
            "scan7/beamline/eiger/distance": "mm",
            "scan7/beamline/eiger/x_pixel_size": "um",
            "scan7/beamline/eiger/y_pixel_size": "um",
            "scan7/beamline/beam/incident_wavelength": "angstrom",
            "scan7/beamline/ring/energy": "GeV",
            "scan7/probe/stage/sy": "um",
            "scan7/probe/stage/sx": "um",
        },
    )
    classes(
        path,
        {
            "scan7": "NXentry",
            "scan7/eiger": "NXdata",
            "scan7/beamline": "NXinstrument",
            "scan7/beamline/eiger": "NXdetector",
            "scan7/beamline/beam": "NXbeam",
            "scan7/beamline/ring": "NXsource",
            "scan7/probe": "NXsample",
            "scan7/probe/stage": "NXtransformations",
        },
    )
    with h5py.File(path, "r+") as file:
        file.attrs["default"] = "scan7"
        file["scan7"].attrs["default"] = "eiger"
        file["scan7/eiger"].attrs["signal"] = "image"
        for name, vector in (("sy", (0, 1, 0)), ("sx", (-1, 0, 0))):
            axis = file[f"scan7/probe/stage/{name}"]
            axis.attrs["vector"] = vector
            axis.attrs["transformation_type"] = "translation"
    return path


def stored_by(
    seen_nHW: NDArray[Any], slow_xy: tuple[int, int], fast_xy: tuple[int, int]
) -> NDArray[Any]:
    """Patterns as a detector with these axes would store them, pixel by pixel.

    `seen_nHW` are square, as seen along the beam, rows down and columns right. Axes are unit
    steps (x, y), x to the left and y up. What a centred even array has no place for goes
    round its edge.
    """
    side = seen_nHW.shape[1]
    centre = side // 2
    stored = np.empty_like(seen_nHW)
    for i in range(side):
        for j in range(side):
            left = (i - centre) * slow_xy[0] + (j - centre) * fast_xy[0]
            up = (i - centre) * slow_xy[1] + (j - centre) * fast_xy[1]
            stored[:, i, j] = seen_nHW[:, (centre - up) % side, (centre - left) % side]
    return stored
