"""Files of named arrays: what is taken for what is said, what is not sure is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.files.made import (
    DETECTOR_PIXEL_M,
    DISTANCE_M,
    ENERGY_EV,
    GEOMETRY,
    GRID,
    PIXEL_M,
    SIDE,
    counts_nHW,
    positions_m,
    put,
    xyz_m,
)

from exitwave.files.scan_formats import format_of, open_measurement
from exitwave.files.stored import StoredCounts
from exitwave.schema.data import GeometryOverrides
from exitwave.schema.errors import DataError, GeometryError

GIVEN = GeometryOverrides(
    energy_eV=ENERGY_EV, distance_m=DISTANCE_M, detector_pixel_m=DETECTOR_PIXEL_M
)
NUMBERS = {
    "energy_keV": ENERGY_EV / 1e3,
    "det_dist": DISTANCE_M,
    "pixel_size_um": DETECTOR_PIXEL_M * 1e6,
}


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def is_the_scan(path: Path, **options: Any) -> None:
    measurement = open_measurement(path, **options)
    np.testing.assert_array_equal(measurement.counts_nHW[:], counts_nHW())
    np.testing.assert_allclose(measurement.positions_m, positions_m(), rtol=1e-6, atol=1e-15)
    assert measurement.geometry.wavelength_m == pytest.approx(GEOMETRY.wavelength_m)


@pytest.mark.parametrize(
    "arrays",
    [
        {"patterns": counts_nHW(), "positions": positions_m()},
        {"dp": counts_nHW().astype(">i4"), "xyz": xyz_m()},
        {"anything": counts_nHW().astype(float), "pos_um": positions_m() * 1e6},
        {"data": counts_nHW(), "positions_px": positions_m() / PIXEL_M},
        {"data": counts_nHW(), "scan_xy": positions_m()[:, ::-1]},
        {"data": counts_nHW(), "trans": xyz_m().T},
        {"data": counts_nHW(), "x_nm": xyz_m()[:, 0] * 1e9, "y_nm": xyz_m()[:, 1] * 1e9},
        {"data": counts_nHW().reshape(*GRID, SIDE, SIDE), "positions": positions_m()},
    ],
)
def test_arrays_by_name_and_shape(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    path = npz(tmp_path / "a.npz", **arrays, **NUMBERS)
    assert format_of(path).name == "npz"
    is_the_scan(path)
    told = open_measurement(path).notes[-1].text
    assert told.startswith("Taken by name and shape: frames /")
    assert "/energy_keV" in told and "/det_dist" in told
    h5 = put(tmp_path / "a.h5", {**arrays, **NUMBERS})
    assert format_of(h5).name == "HDF5"
    is_the_scan(h5)
    assert isinstance(open_measurement(h5).counts_nHW, StoredCounts), "left in the file"


def test_names_that_are_asked_for(tmp_path: Path) -> None:
    path = put(
        tmp_path / "a.hdf5",
        {
            "run/ccd": counts_nHW(),
            "run/dark_frames": counts_nHW() * 0,
            "run/ccd2": counts_nHW() + 1,
            "run/motors": xyz_m() * 1e9,
            "run/other": xyz_m(),
        },
        {"run/motors": "nm"},
    )
    with pytest.raises(DataError, match=r"several: .*/run/ccd .*/run/ccd2 .*--dataset"):
        open_measurement(path, geometry=GIVEN)
    with pytest.raises(DataError, match=r"positions: found no such dataset.*--positions"):
        open_measurement(path, "run/ccd", geometry=GIVEN)
    is_the_scan(path, dataset="/run/ccd", positions="run/motors", geometry=GIVEN)
    with pytest.raises(DataError, match="run/none: found neither"):
        open_measurement(path, "run/ccd", "run/none", geometry=GIVEN)
    with pytest.raises(DataError, match="/run/none: found no such dataset"):
        open_measurement(path, "run/none", "run/motors", geometry=GIVEN)


def test_what_the_file_lacks_of_the_geometry_is_asked(tmp_path: Path) -> None:
    path = npz(
        tmp_path / "a.npz", data=counts_nHW(), positions=positions_m(), det_dist=DISTANCE_M
    )
    with pytest.raises(GeometryError) as caught:
        open_measurement(path)
    assert "--set geometry.energy_eV=" in str(caught.value)
    assert "--set geometry.detector_pixel_m=" in str(caught.value)
    assert "--set geometry.distance_m=" not in str(caught.value)
    is_the_scan(path, geometry=GIVEN)


def test_the_unit_of_positions_is_asked_where_metres_do_not_fit(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", data=counts_nHW(), positions=positions_m() * 1e6, **NUMBERS)
    with pytest.raises(DataError, match=r"no unit.*--positions-unit m, .*um would fit"):
        open_measurement(path)
    is_the_scan(path, positions_unit="um")
    with pytest.raises(DataError, match="the unit 'furlong'"):
        open_measurement(path, positions_unit="furlong")


def test_metres_that_fit_are_told_of(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", data=counts_nHW(), positions=positions_m(), **NUMBERS)
    texts = " ".join(note.text for note in open_measurement(path).notes)
    assert "taken for metres" in texts and "data.orientation=transpose" in texts


@pytest.mark.parametrize("suffix", ["npy", "txt", "csv"])
def test_positions_in_a_file_of_their_own(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"positions_um.{suffix}"
    if suffix == "npy":
        np.save(file, positions_m() * 1e6)
    else:
        np.savetxt(file, xyz_m() * 1e6, delimiter="," if suffix == "csv" else " ")
    np.save(tmp_path / "frames.npy", counts_nHW())
    is_the_scan(tmp_path / "frames.npy", positions=str(file), geometry=GIVEN)
    is_the_scan(tmp_path / "frames.npy", positions=file.name, geometry=GIVEN)
    file.write_text("1 2 3\n4 five 6\n")
    with pytest.raises(DataError, match=f"{file.name}: found"):
        open_measurement(tmp_path / "frames.npy", positions=str(file), geometry=GIVEN)


@pytest.mark.parametrize("good", [0, 1])
def test_a_mask_is_read_so_that_most_pixels_are_left(tmp_path: Path, good: int) -> None:
    mask = np.full((SIDE, SIDE), good)
    mask[4, 6] = 1 - good
    path = npz(
        tmp_path / "a.npz",
        data=counts_nHW(),
        positions=positions_m(),
        mask=mask.astype(bool),
        **NUMBERS,
    )
    measurement = open_measurement(path)
    assert np.argwhere(~measurement.mask_HW).tolist() == [[4, 6]]
    assert any(note.code == "mask" for note in measurement.notes)


def test_files_that_are_none(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", data=counts_nHW(), positions=positions_m(), **NUMBERS)
    cut = tmp_path / "cut.npz"
    cut.write_bytes(path.read_bytes()[:20000])
    for bad in (cut, tmp_path / "text.cxi", tmp_path / "none.h5"):
        if bad.name == "text.cxi":
            bad.write_text("a letter")
        with pytest.raises(DataError, match=bad.name):
            open_measurement(bad)
    empty = npz(tmp_path / "b.npz", things=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match=r"b\.npz"):
        open_measurement(empty)
