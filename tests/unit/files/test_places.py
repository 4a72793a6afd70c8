"""Patterns and positions at any of the places in use, in any shape and type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.unit.files.made import (
    DATA,
    DETECTOR,
    GRID,
    SIDE,
    counts_nHW,
    cxi,
    positions_m,
    put,
    xyz_m,
)

from exitwave.files.scan_formats import open_measurement, read_measurement
from exitwave.files.stored import StoredMeasurement
from exitwave.schema.errors import DataError, GeometryError

PATTERNS = f"{DATA}/data"
TRANSLATION = f"{DATA}/translation"


def is_the_scan(measurement: StoredMeasurement) -> None:
    np.testing.assert_array_equal(measurement.counts_nHW[:], counts_nHW())
    np.testing.assert_allclose(measurement.positions_m, positions_m(), rtol=1e-9)


@pytest.mark.parametrize(
    "place", [f"{DETECTOR}/data", "entry_1/image_1/data", "entry_1/data_2/data"]
)
def test_patterns_anywhere(tmp_path: Path, place: str) -> None:
    is_the_scan(
        open_measurement(cxi(tmp_path / "a.cxi", {PATTERNS: None, place: counts_nHW()}))
    )


@pytest.mark.parametrize(
    "place",
    [
        "entry_1/sample_1/geometry_1/translation",
        "entry_1/sample_2/geometry_3/translation",
        f"{DETECTOR}/translation",
        "entry_1/image_1/translation",
        "entry_1/sample_1/translation",
    ],
)
def test_positions_anywhere(tmp_path: Path, place: str) -> None:
    is_the_scan(open_measurement(cxi(tmp_path / "a.cxi", {TRANSLATION: None, place: xyz_m()})))


def test_positions_of_two_motors(tmp_path: Path) -> None:
    y, x = positions_m().T
    names = [f"entry_1/sample_1/transformations/{axis}" for axis in "yx"]
    path = cxi(tmp_path / "a.cxi", {TRANSLATION: None, names[0]: y, names[1]: x})
    is_the_scan(open_measurement(path))


def test_an_entry_of_another_number(tmp_path: Path) -> None:
    path = cxi(tmp_path / "a.cxi")
    with h5py.File(path, "r+") as file:
        file.move("entry_1", "entry_12")
    is_the_scan(open_measurement(path))


def test_another_scan_in_the_file_is_told_of_and_can_be_asked_for(tmp_path: Path) -> None:
    path = cxi(tmp_path / "a.cxi")
    with h5py.File(path, "r+") as file:
        file.copy("entry_1", "entry_2")
        del file["entry_2/data_1/data"], file["entry_2/data_1/translation"]
    other = counts_nHW()[:9] + 1
    put(path, {"entry_2/data_1/data": other, "entry_2/data_1/translation": xyz_m()[:9]})
    first = open_measurement(path)
    is_the_scan(first)
    assert any("/entry_2/data_1/data" in note.text for note in first.notes)
    second = open_measurement(path, "entry_2/data_1/data")
    np.testing.assert_array_equal(second.counts_nHW[:], other)
    assert len(second.positions_m) == 9


def test_the_detector_of_the_patterns_counts(tmp_path: Path) -> None:
    """Of two detectors that one is taken whose patterns are linked."""
    second = DETECTOR.replace("detector_1", "detector_2")
    path = cxi(
        tmp_path / "a.cxi",
        {
            PATTERNS: None,
            f"{DETECTOR}/data": np.zeros((25, 4, 4)),
            f"{DETECTOR}/distance": 9.0,
            f"{second}/data": counts_nHW(),
            f"{second}/distance": 0.31,
            f"{second}/x_pixel_size": 75e-6,
        },
    )
    with h5py.File(path, "r+") as file:
        file[PATTERNS] = h5py.SoftLink(f"/{second}/data")
    measurement = open_measurement(path)
    is_the_scan(measurement)
    assert measurement.geometry.distance_m == 0.31


def test_what_is_missing_is_said_with_all_places(tmp_path: Path) -> None:
    path = cxi(tmp_path / "a.cxi", {PATTERNS: None})
    with pytest.raises(DataError) as caught:
        open_measurement(path)
    for place in (PATTERNS, f"{DETECTOR}/data", "entry_1/image_1/data", "--dataset"):
        assert place in str(caught.value)
    put(path, {PATTERNS: counts_nHW(), TRANSLATION: None})
    with pytest.raises(DataError) as caught:
        open_measurement(path)
    for place in ("sample_1/geometry_1", "detector_1/translation", "--positions"):
        assert place in str(caught.value)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.zeros((SIDE, SIDE)), "a single pattern"),
        (np.zeros((0, SIDE, SIDE)), "empty"),
        (np.zeros(7), "no patterns"),
        (np.zeros((5, SIDE, SIDE), np.complex64), "complex numbers"),
        (np.zeros((5, SIDE, SIDE), [("a", "f4"), ("b", "i4")]), "compound values"),
        (np.full((5, SIDE, SIDE), b"text"), "texts"),
        (np.zeros((2, 2, 2, SIDE, SIDE)), "no patterns"),
    ],
)
def test_what_is_no_patterns_is_named(tmp_path: Path, values: Any, says: str) -> None:
    path = cxi(tmp_path / "a.cxi", {PATTERNS: values})
    with pytest.raises(DataError, match=f"{PATTERNS}: found .*{says}"):
        open_measurement(path)


@pytest.mark.parametrize(
    "dtype", ["<u2", ">u2", ">u4", "<i4", "<i8", "<f2", ">f4", "<f8", "u1"]
)
def test_types_and_byte_orders(tmp_path: Path, dtype: str) -> None:
    values = np.minimum(counts_nHW(), 250).astype(dtype)
    measurement = open_measurement(cxi(tmp_path / "a.cxi", {PATTERNS: values}))
    read = measurement.counts_nHW[3:20]
    assert read.dtype == measurement.counts_nHW.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(read, values[3:20])


def test_a_raster_is_read_row_by_row(tmp_path: Path) -> None:
    raster = counts_nHW().reshape(*GRID, SIDE, SIDE)
    path = cxi(tmp_path / "a.cxi", {PATTERNS: raster})
    measurement = open_measurement(path)
    is_the_scan(measurement)
    for part in (slice(0, 3), slice(3, 14), slice(14, 25), slice(24, 25), slice(25, 25)):
        np.testing.assert_array_equal(measurement.counts_nHW[part], counts_nHW()[part])
    put(path, {TRANSLATION: xyz_m().reshape(*GRID, 3)})
    is_the_scan(open_measurement(path))


def test_positions_of_one_row_an_axis(tmp_path: Path) -> None:
    measurement = open_measurement(cxi(tmp_path / "a.cxi", {TRANSLATION: xyz_m().T}))
    is_the_scan(measurement)
    assert "one row an axis" in measurement.notes[0].text


def test_positions_that_contradict_each_other_are_told_of(tmp_path: Path) -> None:
    other = "entry_1/sample_1/geometry_1/translation"
    path = cxi(tmp_path / "a.cxi", {other: xyz_m()})
    assert open_measurement(path).notes == ()
    put(path, {other: 2 * xyz_m()})
    measurement = open_measurement(path)
    is_the_scan(measurement)
    assert other in measurement.notes[0].text
    np.testing.assert_allclose(
        open_measurement(path, positions=other).positions_m, 2 * positions_m()
    )


@pytest.mark.parametrize("frames", [22, 28])
def test_other_numbers_of_frames_and_positions(tmp_path: Path, frames: int) -> None:
    patterns = np.concatenate([counts_nHW(), counts_nHW()])[:frames]
    measurement = open_measurement(cxi(tmp_path / "a.cxi", {PATTERNS: patterns}))
    assert len(measurement.counts_nHW) == frames and len(measurement.positions_m) == 25
    text = measurement.notes[0].text
    assert f"25 positions for {frames} frames" in text
    assert f"data.frames={min(frames, 25)}" in text
    with pytest.raises(DataError, match=f"25 positions for {frames} frames"):
        read_measurement(tmp_path / "a.cxi")


def test_unknown_positions_are_passed_on(tmp_path: Path) -> None:
    some = xyz_m()
    some[3] = np.nan
    measurement = open_measurement(cxi(tmp_path / "a.cxi", {TRANSLATION: some}))
    assert np.isnan(measurement.positions_m[3]).all()
    assert np.isfinite(measurement.positions_m).all(axis=1).sum() == 24


def test_a_monitor_comes_along(tmp_path: Path) -> None:
    reading = np.linspace(1, 2, 25)
    path = cxi(tmp_path / "a.cxi", {f"{DATA}/monitor": reading})
    np.testing.assert_array_equal(open_measurement(path).monitor_n, reading)
    put(path, {f"{DATA}/monitor": reading[:7]})
    assert open_measurement(path).monitor_n is None


def test_names_and_axes_that_speak_against_it_are_told_of(tmp_path: Path) -> None:
    path = cxi(tmp_path / "a.cxi", {"entry_1/data_1/amplitudes": counts_nHW()})
    (note,) = open_measurement(path, "entry_1/data_1/amplitudes").notes
    assert "square roots" in note.text
    for axes, told in (("translation:y:x", 0), (b"translation:x:y", 1)):
        with h5py.File(path, "r+") as file:
            file[PATTERNS].attrs["axes"] = axes
        notes = open_measurement(path).notes
        assert [note.code for note in notes] == ["orientation"] * told


def test_damage_anywhere_is_an_error_of_ours(tmp_path: Path) -> None:
    whole = cxi(tmp_path / "a.cxi").read_bytes()
    broken = tmp_path / "b.cxi"
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, 9000, 20):
            damaged[place] = rng.integers(256)
        broken.write_bytes(damaged)
        try:
            open_measurement(broken).counts_nHW[:]
        except (DataError, GeometryError):
            refused += 1
    assert refused > 30


def test_a_dataset_that_holds_nothing(tmp_path: Path) -> None:
    path = cxi(tmp_path / "a.cxi", {PATTERNS: h5py.Empty("u2")})
    with pytest.raises(DataError, match=f"{PATTERNS}: found an empty dataset"):
        open_measurement(path)
    path = cxi(tmp_path / "b.cxi", {}, {TRANSLATION: h5py.Empty("S1")})
    is_the_scan(open_measurement(path))
