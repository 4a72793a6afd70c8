from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import structlog
from numpy.typing import NDArray

from exitwave.prepare import Prepared, build_dataset
from exitwave.scans import Orientation
from exitwave.schema.data import DataOptions, GeometryOverrides
from exitwave.schema.errors import DataError, GeometryError
from exitwave.schema.geometry import Geometry
from exitwave.schema.job import ScanRef

SIDE = 16
CENTRE = SIDE // 2
GEOMETRY = Geometry(energy_eV=8800, distance_m=0.7, detector_pixel_m=75e-6, sources={})
PIXEL_M = GEOMETRY.pixel_size_m(SIDE)
AS_STORED = Orientation(transpose=False, flip_y=False, flip_x=False)


@dataclass
class MemoryScan:
    """A scan that lies in memory."""

    counts: NDArray[Any]
    positions: NDArray[np.float64]
    orientation: Orientation = AS_STORED
    mask: NDArray[np.bool_] | None = None
    ref: ScanRef = field(default_factory=lambda: ScanRef(uid="u", path="raw/u"))
    start: dict[str, Any] = field(default_factory=dict)
    stop: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.n_frames = len(self.counts)
        self.shape_HW = (self.counts.shape[1], self.counts.shape[2])

    def frames(self, start: int, stop: int) -> NDArray[Any]:
        return self.counts[start:stop]

    def positions_m(self) -> NDArray[np.float64]:
        return self.positions

    def geometry(self, overrides: GeometryOverrides) -> Geometry:
        return GEOMETRY

    def mask_HW(self) -> NDArray[np.bool_] | None:
        return self.mask


def scan_of(n: int = 10, **changes: Any) -> MemoryScan:
    """Bright DC at the centre, a mark of its own below and right of it in each frame."""
    counts = np.ones((n, SIDE, SIDE), np.uint16)
    counts[:, CENTRE, CENTRE] = 1000
    counts[:, CENTRE + 2, CENTRE + 1] = 100 + np.arange(n)
    rng = np.random.default_rng(1)
    values: dict[str, Any] = {"counts": counts, "positions": rng.uniform(-1e-6, 1e-6, (n, 2))}
    return MemoryScan(**(values | changes))


def counts_of(prepared: Prepared) -> NDArray[Any]:
    frames = prepared.dataset.frames
    return np.asarray(frames.read(np.arange(len(frames))))


def build(scan: MemoryScan, **data: Any) -> Prepared:
    return build_dataset(scan, DataOptions(**data), GEOMETRY)


def test_dc_goes_to_the_corner_and_counts_keep_their_type() -> None:
    counts = counts_of(build(scan_of()))
    assert counts.dtype == np.uint16
    assert (counts[:, 0, 0] == 1000).all()
    np.testing.assert_array_equal(counts[:, 2, 1], 100 + np.arange(10))


@pytest.mark.parametrize("crop_px", [5, 8, 9])
def test_crop_is_about_dc_and_changes_the_pixel(crop_px: int) -> None:
    prepared = build(scan_of(), crop_px=crop_px)
    counts = counts_of(prepared)
    assert counts.shape == (10, crop_px, crop_px)
    assert (counts[:, 0, 0] == 1000).all()
    assert prepared.pixel_size_m == GEOMETRY.pixel_size_m(crop_px)


@pytest.mark.parametrize(
    ("orientation", "mark"),
    [
        ({"transpose": True}, (1, 2)),
        ({"flip_y": True}, (-2, 1)),
        ({"flip_x": True}, (2, -1)),
        ({"transpose": True, "flip_y": True}, (-1, 2)),
    ],
)
def test_orientation_turns_about_dc(
    orientation: dict[str, bool], mark: tuple[int, int]
) -> None:
    turned = Orientation(
        **({"transpose": False, "flip_y": False, "flip_x": False} | orientation)
    )
    counts = counts_of(build(scan_of(orientation=turned)))
    assert (counts[:, 0, 0] == 1000).all()
    np.testing.assert_array_equal(counts[:, mark[0], mark[1]], 100 + np.arange(10))


def test_positions_and_origin_agree() -> None:
    scan = scan_of()
    prepared = build(scan)
    px = prepared.dataset.positions_px
    np.testing.assert_allclose(np.diff(px, axis=0), np.diff(scan.positions, axis=0) / PIXEL_M)
    assert px.min() >= 0
    beam_m = prepared.origin_m + (px + CENTRE) * PIXEL_M
    np.testing.assert_allclose(beam_m, scan.positions, atol=1e-15)
    np.testing.assert_array_equal(prepared.positions_m, scan.positions)


def test_halves_are_disjoint_and_share_one_frame_of_reference() -> None:
    scan = scan_of(11)
    even, odd = build(scan, subset="even"), build(scan, subset="odd")
    np.testing.assert_array_equal(even.frame_indices, np.arange(0, 11, 2))
    np.testing.assert_array_equal(odd.frame_indices, np.arange(1, 11, 2))
    np.testing.assert_array_equal(counts_of(odd)[:, 2, 1], 100 + np.arange(1, 11, 2))
    assert even.origin_m == odd.origin_m
    whole = build(scan).dataset.positions_px
    np.testing.assert_array_equal(odd.dataset.positions_px, whole[1::2])


def test_slabs_do_not_show() -> None:
    scan = scan_of(150)
    odd = build(scan, subset="odd")
    np.testing.assert_array_equal(counts_of(odd)[:, 2, 1], 100 + np.arange(1, 150, 2))


def test_dark_frames_go_with_their_positions() -> None:
    scan = scan_of()
    scan.counts[[2, 7]] = 0
    prepared = build(scan)
    kept = [0, 1, 3, 4, 5, 6, 8, 9]
    np.testing.assert_array_equal(prepared.frame_indices, kept)
    np.testing.assert_array_equal(prepared.positions_m, scan.positions[kept])
    np.testing.assert_array_equal(counts_of(prepared)[:, 2, 1], 100 + np.array(kept))


def test_saturated_and_stored_bad_pixels_are_masked() -> None:
    mask = np.ones((SIDE, SIDE), np.bool_)
    mask[CENTRE + 3, CENTRE] = False
    scan = scan_of(mask=mask)
    scan.counts[4, CENTRE, CENTRE + 5] = np.iinfo(np.uint16).max
    masked = build(scan).dataset.mask_HW
    assert masked is not None
    assert sorted(map(tuple, np.argwhere(~masked).tolist())) == [(0, 5), (3, 0)]


@pytest.mark.parametrize(
    ("frames", "counts", "event"),
    [
        (slice(4, 5), np.iinfo(np.uint16).max, "frames.saturated_or_bad_at_times_masked"),
        (slice(None), np.iinfo(np.uint16).max, None),  # dead
        (slice(4, 5), 4_000_000_000, "frames.hot_masked"),
    ],
)
def test_what_was_masked_is_said_unless_it_is_dead(
    frames: slice, counts: int, event: str | None
) -> None:
    scan = scan_of()
    if counts > np.iinfo(np.uint16).max:
        scan.counts = scan.counts.astype(np.uint32)
    scan.counts[frames, CENTRE, CENTRE + 5] = counts
    with structlog.testing.capture_logs() as logs:
        masked = build(scan).dataset.mask_HW
    assert masked is not None and np.argwhere(~masked).tolist() == [[0, 5]]
    warned = [entry["event"] for entry in logs if entry["log_level"] == "warning"]
    assert warned == ([] if event is None else [event])


def test_clean_scan_has_no_mask() -> None:
    assert build(scan_of()).dataset.mask_HW is None


def test_negative_counts_are_masked() -> None:
    scan = scan_of()
    scan.counts = scan.counts.astype(np.int32)
    scan.counts[:, CENTRE, CENTRE - 4] = -1
    masked = build(scan).dataset.mask_HW
    assert masked is not None
    assert np.argwhere(~masked).tolist() == [[0, SIDE - 4]]


def test_oblong_frames_become_square() -> None:
    scan = scan_of(counts=np.pad(scan_of().counts, ((0, 0), (0, 0), (4, 4))))
    counts = counts_of(build(scan))
    assert counts.shape == (10, SIDE, SIDE)
    assert (counts[:, 0, 0] == 1000).all()


def test_nan_positions_are_counted_and_located() -> None:
    scan = scan_of()
    scan.positions[[3, 5], 0] = np.nan
    with pytest.raises(DataError, match=r"2 of 10 are NaN or infinite, the first at frame 3"):
        build(scan)


@pytest.mark.parametrize(
    ("changes", "data", "message"),
    [
        ({"positions": np.zeros((9, 2))}, {}, "9 positions for 10 frames"),
        ({"counts": np.zeros((10, SIDE, SIDE), np.uint16)}, {}, "no count in any of 10"),
        ({"counts": np.full((10, SIDE, SIDE), 65535, np.uint16)}, {}, "0 % of the pixels"),
        ({}, {"crop_px": 17}, "at most 16"),
    ],
)
def test_unusable_data_are_refused(
    changes: dict[str, Any], data: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        build(scan_of(**changes), **data)


def test_absurd_object_is_refused_before_it_eats_the_memory() -> None:
    scan = scan_of(positions=np.linspace(0, 1e-2, 20).reshape(10, 2))
    with pytest.raises(GeometryError, match=r"at most 16384 px a side"):
        build(scan)


@pytest.mark.parametrize(
    ("scale", "says"),
    [
        (1e-3, r"found a pixel of 82.19 nm, with it all 10 views within 0.0\d+ x 0.0\d+ px"),
        (10, r"with it 10 of 10 views of 16 x 16 px that share no pixel .*\(too small a p"),
        (1e4, r"with it an object of \d+ x \d+ px; view \d is farthest out"),
    ],
)
def test_wildly_wrong_pixel_size_is_explained(scale: float, says: str) -> None:
    positions = np.random.default_rng(2).permutation(np.linspace(-1e-6, 1e-6, 20))
    scan = scan_of(positions=scale * positions.reshape(10, 2))
    with pytest.raises(GeometryError, match=says) as caught:
        build(scan)
    assert "check energy, distance, detector pixel and the motors' units" in str(caught.value)


def test_one_single_pattern_is_no_scan() -> None:
    with pytest.raises(DataError, match="one single pattern"):
        build(scan_of(1))


def test_lost_frames_go_with_their_positions_and_mask_nothing() -> None:
    for dtype, mark in ((np.uint16, 65535), (np.float32, np.nan), (np.int32, -1)):
        scan = scan_of()
        scan.counts = scan.counts.astype(dtype)
        scan.counts[[0, 6]] = mark
        prepared = build(scan)
        assert prepared.dataset.mask_HW is None
        np.testing.assert_array_equal(prepared.frame_indices, [1, 2, 3, 4, 5, 7, 8, 9])
        np.testing.assert_array_equal(
            counts_of(prepared)[:, 2, 1], 100 + np.array([1, 2, 3, 4, 5, 7, 8, 9])
        )


def test_non_finite_counts_are_masked() -> None:
    scan = scan_of()
    scan.counts = scan.counts.astype(np.float64)
    scan.counts[3, CENTRE + 1, CENTRE] = np.inf
    scan.counts[4, CENTRE + 2, CENTRE] = np.nan
    masked = build(scan).dataset.mask_HW
    assert masked is not None
    assert np.argwhere(~masked).tolist() == [[1, 0], [2, 0]]


def test_counts_that_were_cut_off_are_masked() -> None:
    """A twelve bit detector in 16 bit numbers: no mark tells, but the plateau does."""
    scan = scan_of(30)
    scan.counts[:, CENTRE, CENTRE] = np.linspace(3000, 6000, 30).clip(max=4095)
    masked = build(scan).dataset.mask_HW
    assert masked is not None
    assert np.argwhere(~masked).tolist() == [[0, 0]]
    scan.counts[:, CENTRE, CENTRE] = np.linspace(3000, 4095, 30)
    assert build(scan).dataset.mask_HW is None


def test_frames_are_in_memory_once() -> None:
    """Whatever is dropped: beyond the frames themselves only slabs are made."""
    scan = scan_of(2000)
    scan.counts[::7] = 0
    tracemalloc.start()
    try:
        prepared = build(scan)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(prepared.frame_indices) == 2000 - 286
    assert peak < 1.5 * scan.counts.nbytes
