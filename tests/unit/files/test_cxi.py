"""CXI: what is written comes back, as the layout says, and bad files are named."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from exitwave.files.cxi import (
    COUNTS,
    read_reconstruction,
    write_measurement,
    write_reconstruction,
)
from exitwave.files.reconstruction import (
    Curve,
    Measurement,
    QualityFigures,
    Reconstruction,
    Truth,
    flat_numbers,
)
from exitwave.files.scan_formats import open_measurement, read_measurement
from exitwave.schema.errors import DataError, GeometryError
from exitwave.schema.geometry import Geometry

TRANSLATION = "entry_1/data_1/translation"
GEOMETRY = Geometry(energy_eV=9000.0, distance_m=2.05, detector_pixel_m=55e-6, sources={})


def complex_noise(*shape: int) -> np.ndarray:
    rng = np.random.default_rng(shape)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


@pytest.fixture
def measurement() -> Measurement:
    rng = np.random.default_rng(1)
    mask_HW = np.ones((16, 16), bool)
    mask_HW[3, 4] = False
    return Measurement(
        counts_nHW=rng.poisson(3, (5, 16, 16)).astype(np.uint16),
        positions_m=rng.random((5, 2)) * 1e-6,
        geometry=GEOMETRY,
        mask_HW=mask_HW,
        truth=Truth(object_YX=complex_noise(40, 40), probe_HW=complex_noise(16, 16)),
    )


@pytest.fixture
def result() -> Reconstruction:
    object_MYX = complex_noise(1, 40, 50)
    object_MYX[0, :3] = np.nan
    return Reconstruction(
        object_MYX=object_MYX,
        probe_NHW=complex_noise(2, 16, 16),
        positions_px=np.array([[0.0, 1.5], [20.25, 30.0]]),
        positions_m=np.array([[0.0, 1e-6], [2e-6, 3e-6]]),
        loss=np.array([3.0, 2.0, 1.5]),
        pixel_size_m=9.8e-9,
        geometry=GEOMETRY,
        box=(3, 40, 0, 50),
        quality=QualityFigures(
            numbers=flat_numbers(
                {
                    "raster_artefact": 0.02,
                    "overlap": None,
                    "held_out": {"poisson": 0.5, "patterns": 7},
                    "frc": {"halves": "counts", "half_period_nm": 14.5},
                }
            ),
            curves={
                name: Curve(
                    columns=("cycles_per_px", name), values=np.arange(6.0).reshape(3, 2)
                )
                for name in ("prtf", "frc")
            },
        ),
        metadata={"recipe": {"name": "default"}, "scan_id": 7},
    )


def test_measurement_round_trip(tmp_path: Path, measurement: Measurement) -> None:
    path = tmp_path / "a.cxi"
    write_measurement(path, measurement)
    back = read_measurement(path)
    assert back.counts_nHW.dtype == np.uint16
    np.testing.assert_array_equal(back.counts_nHW, measurement.counts_nHW)
    np.testing.assert_array_equal(back.positions_m, measurement.positions_m)
    np.testing.assert_array_equal(back.mask_HW, measurement.mask_HW)
    np.testing.assert_array_equal(back.truth.object_YX, measurement.truth.object_YX)
    np.testing.assert_array_equal(back.truth.probe_HW, measurement.truth.probe_HW)
    assert back.geometry.energy_eV == pytest.approx(9000.0, rel=1e-12)
    assert back.geometry.distance_m == 2.05
    assert back.geometry.detector_pixel_m == 55e-6
    assert [p.name for p in tmp_path.iterdir()] == ["a.cxi"]


def test_layout_on_disk(tmp_path: Path, measurement: Measurement) -> None:
    write_measurement(tmp_path / "a.cxi", measurement)
    with h5py.File(tmp_path / "a.cxi") as file:
        x_y_z = file[TRANSLATION][()]
        np.testing.assert_array_equal(x_y_z[:, 0], measurement.positions_m[:, 1])
        np.testing.assert_array_equal(x_y_z[:, 1], measurement.positions_m[:, 0])
        assert not x_y_z[:, 2].any()
        detector = file["entry_1/instrument_1/detector_1"]
        assert detector["x_pixel_size"][()] == detector["y_pixel_size"][()] == 55e-6
        assert detector["mask"][3, 4] != 0
        assert detector["mask"][0, 0] == 0
        energy_J = file["entry_1/instrument_1/source_1/energy"][()]
        assert energy_J == pytest.approx(9000 * 1.602176634e-19)
        assert file["entry_1/data_1/data"].compression == "gzip"


def test_result_round_trip_with_and_without_the_measurement(
    tmp_path: Path, measurement: Measurement, result: Reconstruction
) -> None:
    write_reconstruction(tmp_path / "lean.cxi", result)
    write_reconstruction(tmp_path / "full.cxi", result, measurement)
    for path in (tmp_path / "lean.cxi", tmp_path / "full.cxi"):
        back = read_reconstruction(path)
        assert back.object_MYX.dtype == np.complex64
        np.testing.assert_array_equal(back.object_MYX, result.object_MYX)
        np.testing.assert_array_equal(back.probe_NHW, result.probe_NHW)
        np.testing.assert_array_equal(back.positions_px, result.positions_px)
        np.testing.assert_array_equal(back.loss, result.loss)
        assert back.pixel_size_m == 9.8e-9
        assert back.box == result.box
        assert back.metadata == result.metadata
        assert back.geometry.distance_m == 2.05
    np.testing.assert_array_equal(
        read_reconstruction(tmp_path / "lean.cxi").positions_m, result.positions_m
    )
    assert read_measurement(tmp_path / "full.cxi").truth is not None
    with pytest.raises(DataError, match="/entry_1/data_1/data: found no such dataset"):
        read_measurement(tmp_path / "lean.cxi")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("entry_1/data_1/data", "data_1/data: found no such dataset"),
        (TRANSLATION, f"positions: found no such dataset.*{TRANSLATION}"),
        ("entry_1/instrument_1/detector_1/distance", r"--set geometry\.distance_m"),
        ("entry_1/instrument_1/source_1/energy", "looked at: .*/source_1/energy"),
    ],
)
def test_a_missing_dataset_is_named(
    tmp_path: Path, measurement: Measurement, name: str, says: str
) -> None:
    path = tmp_path / "a.cxi"
    write_measurement(path, measurement)
    with h5py.File(path, "r+") as file:
        del file[name]
    with pytest.raises((DataError, GeometryError), match=says):
        read_measurement(path)


def test_counts_that_differ(tmp_path: Path, measurement: Measurement) -> None:
    path = tmp_path / "a.cxi"
    write_measurement(path, measurement)
    with h5py.File(path, "r+") as file:
        shorter = file[TRANSLATION][:4]
        del file[TRANSLATION]
        file[TRANSLATION] = shorter
    with pytest.raises(DataError, match="4 positions for 5 frames"):
        read_measurement(path)


def test_nan_positions(tmp_path: Path, measurement: Measurement) -> None:
    path = tmp_path / "a.cxi"
    write_measurement(path, measurement)
    with h5py.File(path, "r+") as file:
        file[TRANSLATION][2, 0] = np.nan
    with pytest.raises(
        DataError, match="positions: found NaN or infinity in 1 entries, first 2"
    ):
        read_measurement(path)


def test_truncated_missing_and_foreign_files(tmp_path: Path, measurement: Measurement) -> None:
    path = tmp_path / "a.cxi"
    write_measurement(path, measurement)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"a\.cxi.*truncated"):
        read_measurement(path)
    path.write_text("not HDF5")
    with pytest.raises(DataError, match="expected a readable file, one of CXI, NeXus, HDF5"):
        read_measurement(path)
    with pytest.raises(DataError, match="no such file"):
        read_measurement(tmp_path / "none.cxi")


def test_absurd_geometry(tmp_path: Path, measurement: Measurement) -> None:
    path = tmp_path / "a.cxi"
    write_measurement(path, measurement)
    with h5py.File(path, "r+") as file:
        file["entry_1/instrument_1/source_1/energy"][...] = 9000.0  # eV where joules belong
    with pytest.raises(GeometryError, match="energy_eV"):
        read_measurement(path)


def test_a_failed_write_leaves_nothing(tmp_path: Path, result: Reconstruction) -> None:
    broken = replace(result, metadata={"unwritable": object()})
    with pytest.raises(TypeError):
        write_reconstruction(tmp_path / "b.cxi", broken)
    assert list(tmp_path.iterdir()) == []


def test_quality_round_trip(tmp_path: Path, result: Reconstruction) -> None:
    path = tmp_path / "a.cxi"
    write_reconstruction(path, result)
    back = read_reconstruction(path).quality
    assert back.numbers == {
        "raster_artefact": 0.02,
        "held_out_poisson": 0.5,
        "held_out_patterns": 7.0,
        "frc_half_period_nm": 14.5,
    }
    assert set(back.curves) == {"prtf", "frc"}
    assert back.curves["prtf"].columns == ("cycles_per_px", "prtf")
    np.testing.assert_array_equal(back.curves["frc"].values, [[0, 1], [2, 3], [4, 5]])
    with h5py.File(path, "r+") as file:
        assert file["exitwave/quality/prtf"].attrs["columns"] == "cycles_per_px, prtf"
        file["exitwave/quality/odd"] = "text"
    with pytest.raises(DataError, match="odd"):
        read_reconstruction(path)
    write_reconstruction(path, replace(result, quality=QualityFigures()))
    assert read_reconstruction(path).quality == QualityFigures()


def stored_as(path: Path, counts: np.ndarray, **how: object) -> None:
    """Replace the patterns of a CXI file by some that are stored in another way."""
    with h5py.File(path, "r+") as file:
        del file[COUNTS]
        file.create_dataset(COUNTS, data=counts, **how)


def test_patterns_can_stay_in_their_file(tmp_path: Path, measurement: Measurement) -> None:
    path = tmp_path / "a.cxi"
    write_measurement(path, measurement)
    stored = open_measurement(path)
    assert stored.counts_nHW.shape == (5, 16, 16) and len(stored.counts_nHW) == 5
    assert stored.counts_nHW.dtype == np.uint16
    np.testing.assert_array_equal(stored.counts_nHW[1:4], measurement.counts_nHW[1:4])
    np.testing.assert_array_equal(stored.positions_m, measurement.positions_m)
    assert stored.geometry.energy_eV == pytest.approx(GEOMETRY.energy_eV)
    assert stored.mask_HW is not None and not stored.mask_HW[3, 4]
    assert stored.truth is not None
    path.unlink()
    with pytest.raises(DataError, match=r"a.cxi:/entry_1/data_1/data"):
        stored.counts_nHW[:1]


def test_patterns_go_from_file_to_file_without_memory(
    tmp_path: Path, measurement: Measurement, result: Reconstruction
) -> None:
    source, copy = tmp_path / "a.cxi", tmp_path / "b.cxi"
    write_measurement(source, measurement)
    counts = np.random.default_rng(2).integers(0, 99, (500, 64, 64), dtype=np.uint32)
    large = replace(
        measurement, counts_nHW=counts, positions_m=np.zeros((500, 2)), mask_HW=None
    )
    write_measurement(source, large)
    stored_as(source, counts, chunks=(7, 64, 64), compression="lzf")
    tracemalloc.start()
    write_reconstruction(copy, result, open_measurement(source))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < counts.nbytes / 4
    np.testing.assert_array_equal(read_measurement(copy).counts_nHW, counts)
    with h5py.File(copy) as file:
        assert (file[COUNTS].chunks, file[COUNTS].compression) == ((7, 64, 64), "lzf")


def test_a_measurement_may_be_replaced_by_its_result(
    tmp_path: Path, measurement: Measurement, result: Reconstruction
) -> None:
    path = tmp_path / "a.cxi"
    write_measurement(path, measurement)
    write_reconstruction(path, result, open_measurement(path))
    np.testing.assert_array_equal(read_measurement(path).counts_nHW, measurement.counts_nHW)
    np.testing.assert_array_equal(read_reconstruction(path).probe_NHW, result.probe_NHW)


def test_patterns_that_lie_in_yet_other_files_are_copied_themselves(
    tmp_path: Path, measurement: Measurement, result: Reconstruction
) -> None:
    detector, master = tmp_path / "detector.h5", tmp_path / "master.cxi"
    write_measurement(master, measurement)
    with h5py.File(detector, "w") as file:
        file["counts"] = measurement.counts_nHW
    layout = h5py.VirtualLayout((5, 16, 16), np.uint16)
    layout[:] = h5py.VirtualSource(detector, "counts", (5, 16, 16))
    with h5py.File(master, "r+") as file:
        del file[COUNTS]
        file.create_virtual_dataset(COUNTS, layout)
    write_reconstruction(tmp_path / "b.cxi", result, open_measurement(master))
    detector.unlink()
    back = read_measurement(tmp_path / "b.cxi").counts_nHW
    np.testing.assert_array_equal(back, measurement.counts_nHW)


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        (np.ones((5, 16)), r"no patterns, float64 \(5, 16\)"),
        (np.ones((5, 8, 8)), "mask: found shape"),
        (np.ones((5, 16, 16), complex), "complex numbers, complex128"),
    ],
)
def test_patterns_that_do_not_fit_are_refused_unread(
    tmp_path: Path, measurement: Measurement, counts: np.ndarray, says: str
) -> None:
    path = tmp_path / "a.cxi"
    write_measurement(path, measurement)
    stored_as(path, counts)
    with pytest.raises(DataError, match=says):
        open_measurement(path)
