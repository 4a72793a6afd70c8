"""Frames come as seen along the beam, however the detector's axes ran."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.unit.files.made import (
    DATA,
    DETECTOR,
    DETECTOR_PIXEL_M,
    DISTANCE_M,
    SIDE,
    counts_nHW,
    cxi,
    positions_m,
    stored_by,
)

from exitwave.files.cxi import write_reconstruction
from exitwave.files.frame_orientation import FrameOrientation
from exitwave.files.reconstruction import Reconstruction
from exitwave.files.scan_formats import open_measurement, read_measurement
from exitwave.schema.errors import DataError

VECTORS = f"{DETECTOR}/basis_vectors"
CORNER = f"{DETECTOR}/corner_position"
DOWN, UP, RIGHT, LEFT = (0, -1), (0, 1), (-1, 0), (1, 0)
EIGHT = [
    *((slow, fast) for slow in (DOWN, UP) for fast in (RIGHT, LEFT)),
    *((slow, fast) for slow in (RIGHT, LEFT) for fast in (DOWN, UP)),
]


def vectors(
    slow: tuple[int, int], fast: tuple[int, int], pixel: float = DETECTOR_PIXEL_M
) -> np.ndarray:
    return np.array([[*slow, 0], [*fast, 0]]) * pixel


@pytest.mark.parametrize("side", [SIDE, SIDE + 1])
@pytest.mark.parametrize(("slow", "fast"), EIGHT)
def test_all_eight_ways(
    tmp_path: Path, slow: tuple[int, int], fast: tuple[int, int], side: int
) -> None:
    seen = counts_nHW(side)
    mask = np.zeros((1, side, side), np.uint32)
    mask[0, side // 2 + 4, side // 2 + 1] = 8
    path = cxi(
        tmp_path / "a.cxi",
        {
            f"{DATA}/data": stored_by(seen, slow, fast),
            f"{DETECTOR}/mask": stored_by(mask, slow, fast)[0],
            VECTORS: vectors(slow, fast),
        },
    )
    measurement = open_measurement(path)
    np.testing.assert_array_equal(measurement.counts_nHW[2:9], seen[2:9])
    np.testing.assert_array_equal(measurement.mask_HW, mask[0] == 0)
    np.testing.assert_array_equal(measurement.positions_m, positions_m())
    told = [note for note in measurement.notes if note.code == "orientation"]
    assert len(told) == ((slow, fast) != (DOWN, RIGHT))


def test_a_result_holds_the_frames_as_they_were_turned(tmp_path: Path) -> None:
    stored = stored_by(counts_nHW(), RIGHT, UP)
    path = cxi(tmp_path / "a.cxi", {f"{DATA}/data": stored, VECTORS: vectors(RIGHT, UP)})
    result = Reconstruction(
        object_MYX=np.ones((1, 40, 40), np.complex64),
        probe_NHW=np.ones((1, SIDE, SIDE), np.complex64),
        positions_px=np.zeros((25, 2)),
        positions_m=positions_m(),
        loss=np.ones(1),
        pixel_size_m=1e-8,
    )
    write_reconstruction(tmp_path / "b.cxi", result, open_measurement(path))
    again = read_measurement(tmp_path / "b.cxi")
    np.testing.assert_array_equal(again.counts_nHW, counts_nHW())
    assert again.notes == ()


def test_frames_that_are_no_squares_are_turned() -> None:
    wide = np.arange(2 * 4 * 6).reshape(2, 4, 6)
    orientation = FrameOrientation(transpose=True, flip_y=True)
    turned = orientation.apply(wide)
    assert turned.shape[1:] == orientation.shape(4, 6) == (6, 4)
    assert turned[0, 3, 2] == wide[0, 2, 3], "the zero frequency stays in the middle"
    assert turned[0, 4, 1] == wide[0, 1, 2]


def test_the_vectors_give_the_pixel_and_the_corner_the_distance(tmp_path: Path) -> None:
    half = SIDE / 2 * DETECTOR_PIXEL_M
    gone = dict.fromkeys(
        [f"{DETECTOR}/{n}" for n in ("x_pixel_size", "y_pixel_size", "distance")]
    )
    path = cxi(
        tmp_path / "a.cxi",
        {**gone, VECTORS: vectors(DOWN, RIGHT), CORNER: [half, half, DISTANCE_M]},
    )
    measurement = open_measurement(path)
    assert measurement.geometry.detector_pixel_m == pytest.approx(DETECTOR_PIXEL_M)
    assert measurement.geometry.distance_m == pytest.approx(DISTANCE_M)
    assert measurement.notes == ()


def test_a_beam_that_misses_the_middle_is_told_of(tmp_path: Path) -> None:
    half, off = SIDE / 2 * DETECTOR_PIXEL_M, 6 * DETECTOR_PIXEL_M
    path = cxi(
        tmp_path / "a.cxi",
        {VECTORS: vectors(DOWN, RIGHT), CORNER: [half - off, half, DISTANCE_M]},
    )
    (note,) = open_measurement(path).notes
    assert note.figures == pytest.approx({"off_y_px": 0, "off_x_px": -6}, abs=1e-9)


@pytest.mark.parametrize(
    ("basis", "says"),
    [
        ([[0, -1, 0], [-0.97, 0, 0.25]], "tilted"),
        ([[0, -1, 0], [0.7071, 0.7071, 0]], "tilted"),
        ([[0, -1, 0], [0, -1, 0]], "tilted"),
        ([[0, 0, 1], [-1, 0, 0]], "tilted"),
        ([[0, -1, 0], [-1.2, 0, 0]], "square"),
        ([[0, -2, 0], [-2, 0, 0]], "one pixel size"),
    ],
)
def test_vectors_that_cannot_be_obeyed(
    tmp_path: Path, basis: list[list[float]], says: str
) -> None:
    path = cxi(tmp_path / "a.cxi", {VECTORS: np.array(basis) * DETECTOR_PIXEL_M})
    with pytest.raises(DataError, match=rf"basis_vectors: found .*{says}"):
        open_measurement(path)


def test_a_place_holder_is_told_of(tmp_path: Path) -> None:
    path = cxi(tmp_path / "a.cxi", {VECTORS: np.zeros((2, 3))})
    (note,) = open_measurement(path).notes
    assert "not obeyed" in note.text


def test_vectors_as_columns(tmp_path: Path) -> None:
    stored = stored_by(counts_nHW(), UP, LEFT)
    changes = {f"{DATA}/data": stored, VECTORS: vectors(UP, LEFT).T}
    measurement = open_measurement(cxi(tmp_path / "a.cxi", changes))
    np.testing.assert_array_equal(measurement.counts_nHW[:], counts_nHW())


def test_vectors_in_another_unit(tmp_path: Path) -> None:
    path = cxi(tmp_path / "a.cxi", {VECTORS: vectors(DOWN, RIGHT, 75.0)}, {VECTORS: "um"})
    with h5py.File(path, "r+") as file:
        del file[f"{DETECTOR}/x_pixel_size"], file[f"{DETECTOR}/y_pixel_size"]
    assert open_measurement(path).geometry.detector_pixel_m == pytest.approx(75e-6)
