"""NeXus: groups are known by their class, whatever they are called."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.unit.files.made import (
    DATA,
    DETECTOR_PIXEL_M,
    DISTANCE_M,
    ENERGY_EV,
    GRID,
    SIDE,
    STEP_M,
    classes,
    counts_nHW,
    cxi,
    nexus,
    positions_m,
    put,
    xyz_m,
)

from exitwave.files.scan_formats import format_of, open_measurement
from exitwave.schema.errors import DataError


@pytest.mark.parametrize("raster", [False, True])
def test_a_scan_known_by_its_classes(tmp_path: Path, raster: bool) -> None:
    path = nexus(tmp_path / "a.nxs", raster=raster)
    assert format_of(path).name == "NeXus"
    measurement = open_measurement(path)
    np.testing.assert_array_equal(measurement.counts_nHW[:], counts_nHW())
    np.testing.assert_allclose(measurement.positions_m, positions_m(), rtol=1e-9)
    geometry = measurement.geometry
    assert geometry.energy_eV == pytest.approx(ENERGY_EV)
    assert geometry.distance_m == pytest.approx(DISTANCE_M)
    assert geometry.detector_pixel_m == pytest.approx(DETECTOR_PIXEL_M)


def test_a_stage_that_moves_the_other_way(tmp_path: Path) -> None:
    """The sample down brings the beam up on it."""
    path = nexus(tmp_path / "a.nxs")
    with h5py.File(path, "r+") as file:
        file["scan7/probe/stage/sy"].attrs["vector"] = (0, -1, 0)
    np.testing.assert_allclose(open_measurement(path).positions_m, positions_m() * (-1, 1))


def test_a_stage_under_an_angle_moves_less_across_the_beam(tmp_path: Path) -> None:
    path = nexus(tmp_path / "a.nxs")
    with h5py.File(path, "r+") as file:
        file["scan7/probe/stage/sx"].attrs["vector"] = (-0.8, 0, 0.6)
    np.testing.assert_allclose(open_measurement(path).positions_m, positions_m() * (1, 0.8))


def test_axes_with_different_units(tmp_path: Path) -> None:
    path = nexus(tmp_path / "a.nxs")
    with h5py.File(path, "r+") as file:
        file["scan7/probe/stage/sx"].attrs["units"] = "mm"
    with pytest.raises(DataError, match="one unit"):
        open_measurement(path)


def test_the_sides_of_a_raster(tmp_path: Path) -> None:
    """One value a row and one a column, as axes of the plot; capitals begin a word."""
    path = nexus(tmp_path / "a.nxs", raster=True)
    rows, columns = STEP_M * 1e6 * np.arange(5), 1.2 * STEP_M * 1e6 * np.arange(5)
    values = {"scan7/eiger/SampleY_value": rows, "scan7/eiger/SampleX_value": columns}
    put(path, {"scan7/probe": None, **values}, dict.fromkeys(values, "um"))
    with h5py.File(path, "r+") as file:
        file["scan7/eiger"].attrs["axes"] = ["SampleY_value", "SampleX_value", ".", "."]
    expected = np.argwhere(np.ones(GRID)) * (STEP_M, 1.2 * STEP_M)
    np.testing.assert_allclose(open_measurement(path).positions_m, expected, rtol=1e-9)


def test_the_signal_as_older_files_mark_it(tmp_path: Path) -> None:
    path = nexus(tmp_path / "a.nxs")
    with h5py.File(path, "r+") as file:
        del file.attrs["default"], file["scan7"].attrs["default"]
        del file["scan7/eiger"].attrs["signal"]
        file["scan7/eiger/image"].attrs["signal"] = "1"
    np.testing.assert_array_equal(open_measurement(path).counts_nHW[:], counts_nHW())


def test_data_of_a_detector_and_its_mask(tmp_path: Path) -> None:
    path = nexus(tmp_path / "a.nxs")
    mask = np.zeros((SIDE, SIDE), np.uint32)
    mask[2, 3], mask[4, 5] = 2, 0x10000
    detector = "scan7/beamline/eiger"
    put(path, {f"{detector}/data": counts_nHW(), f"{detector}/pixel_mask": mask})
    with h5py.File(path, "r+") as file:
        del file["scan7/eiger"]
    measurement = open_measurement(path)
    np.testing.assert_array_equal(measurement.counts_nHW[:], counts_nHW())
    assert np.argwhere(~measurement.mask_HW).tolist() == [[2, 3]]


def test_a_broken_group_is_named_where_nothing_is_found(tmp_path: Path) -> None:
    path = nexus(tmp_path / "a.nxs")
    with h5py.File(path, "r+") as file:
        del file["scan7/eiger"], file["scan7/beamline/eiger"]
        file["scan7/eiger"] = h5py.ExternalLink("elsewhere.h5", "/frames")
    with pytest.raises(DataError, match=r"lead nowhere: /scan7/eiger .*elsewhere\.h5"):
        open_measurement(path)


def test_ptychography_of_both_formats(tmp_path: Path) -> None:
    """NXcxi_ptycho: names of CXI, classes of NeXus, a raster, and the ring's energy."""
    detector = "entry_1/instrument_1/detector_1"
    path = cxi(
        tmp_path / "a.cxi",
        {
            "entry_1/definition": "NXcxi_ptycho",
            f"{DATA}/data": None,
            f"{DATA}/translation": None,
            f"{detector}/data": counts_nHW().reshape(*GRID, SIDE, SIDE),
            f"{detector}/translation": xyz_m() * 1e6,
            "entry_1/instrument_1/source_1/energy": 3.0,
            "entry_1/instrument_1/beam_1/energy": ENERGY_EV,
        },
        {f"{detector}/translation": "um", "entry_1/instrument_1/source_1/energy": "GeV"},
    )
    classes(path, {"entry_1": "NXentry", detector: "NXdetector"})
    measurement = open_measurement(path)
    np.testing.assert_array_equal(measurement.counts_nHW[:], counts_nHW())
    np.testing.assert_allclose(measurement.positions_m, positions_m(), rtol=1e-9)
    assert measurement.geometry.energy_eV == pytest.approx(ENERGY_EV)
