from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from exitwave.files.frame_masks import FrameMasks
from exitwave.files.frame_orientation import AS_STORED, FrameOrientation
from exitwave.prepare import Prepared, build_dataset
from exitwave.prepare.frames import Framing
from exitwave.schema.data import DataOptions, GeometryOverrides
from exitwave.schema.errors import DataError, GeometryError
from exitwave.schema.geometry import Geometry
from exitwave.schema.job import ScanRef
from exitwave.schema.verdict import Note

SIDE = 16
CENTRE = SIDE // 2
GEOMETRY = Geometry(energy_eV=8800, distance_m=0.7, detector_pixel_m=75e-6, sources={})
PIXEL_M = GEOMETRY.pixel_size_m(SIDE)


@dataclass
class MemoryScan:
    """A scan that lies in memory."""

    counts: NDArray[Any]
    positions: NDArray[np.float64]
    orientation: FrameOrientation = AS_STORED
    mask: NDArray[np.bool_] | None = None
    notes: tuple[Note, ...] = ()
    frame_masks: FrameMasks | None = None
    monitor_n: NDArray[np.float64] | None = None
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


def direct_beam(n: int) -> NDArray[np.intp]:
    return 1000 + 40 * (np.arange(n) % 50)


def scan_of(n: int = 10, **changes: Any) -> MemoryScan:
    """Noisy light about a bright DC, a mark of its own below and right of it in each frame."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:SIDE, :SIDE] - CENTRE
    expected = 300 * np.exp(-np.hypot(y, x) / 2) + 2
    counts = rng.poisson(expected, (n, SIDE, SIDE)).astype(np.uint16)
    counts[:, CENTRE, CENTRE] = direct_beam(n)
    counts[:, CENTRE + 2, CENTRE + 1] = 100 + np.arange(n)
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
    assert (counts[:, 0, 0] == direct_beam(len(counts))).all()
    np.testing.assert_array_equal(counts[:, 2, 1], 100 + np.arange(10))


@pytest.mark.parametrize("crop_px", [5, 8, 9])
def test_crop_is_about_dc_and_changes_the_pixel(crop_px: int) -> None:
    prepared = build(scan_of(), crop_px=crop_px)
    counts = counts_of(prepared)
    assert counts.shape == (10, crop_px, crop_px)
    assert (counts[:, 0, 0] == direct_beam(len(counts))).all()
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
    turned = FrameOrientation(
        **({"transpose": False, "flip_y": False, "flip_x": False} | orientation)
    )
    counts = counts_of(build(scan_of(orientation=turned)))
    assert (counts[:, 0, 0] == direct_beam(len(counts))).all()
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


def masked_pixels(prepared: Prepared) -> list[list[int]]:
    """Rows and columns, DC at the corner, of what is masked in all frames."""
    mask = prepared.dataset.mask_HW
    return [] if mask is None else np.argwhere(~mask).tolist()


def masked_entries(prepared: Prepared) -> list[tuple[int, int, int]]:
    """Frame, row and column of what is masked in single frames."""
    masks = prepared.dataset.frame_masks
    if masks is None:
        return []
    return [
        (frame, *map(int, divmod(int(pixel), SIDE)))
        for frame in range(len(masks))
        for pixel in masks.of(frame)
    ]


def said(prepared: Prepared) -> dict[str, tuple[int, list[Any]]]:
    """What was left out, by kind: how many, and the first."""
    lines = prepared.preparation.left_out
    assert len({line.why for line in lines}) == len(lines)
    return {line.why: (line.count, list(line.first)) for line in lines}


def test_stored_bad_pixels_are_masked_and_said() -> None:
    mask = np.ones((SIDE, SIDE), np.bool_)
    mask[CENTRE + 3, CENTRE] = False
    prepared = build(scan_of(mask=mask))
    assert masked_pixels(prepared) == [[3, 0]]
    assert said(prepared) == {"marked": (1, [(CENTRE + 3, CENTRE)])}


@pytest.mark.parametrize(
    ("dtype", "mark"), [(np.uint16, 65535), (np.int32, -1), (np.float32, np.nan)]
)
def test_marks_in_single_frames_mask_these_entries_only(dtype: Any, mark: float) -> None:
    scan = scan_of(20)
    scan.counts = scan.counts.astype(dtype)
    scan.counts[4, CENTRE, CENTRE + 5] = mark
    scan.counts[[4, 17], CENTRE - 1, CENTRE] = mark
    prepared = build(scan)
    assert masked_pixels(prepared) == []
    assert masked_entries(prepared) == [(4, 0, 5), (4, 15, 0), (17, 15, 0)]
    assert said(prepared) == {"bad at times": (3, [4, 17])}
    assert np.isfinite(counts_of(prepared)).all() and counts_of(prepared).min() == 0


@pytest.mark.parametrize(
    ("dtype", "mark"), [(np.uint16, 65535), (np.int32, -1), (np.float32, np.nan)]
)
def test_marks_in_many_frames_mask_the_pixel(dtype: Any, mark: float) -> None:
    scan = scan_of(20)
    scan.counts = scan.counts.astype(dtype)
    scan.counts[::5, CENTRE, CENTRE + 5] = mark
    scan.counts[:, CENTRE + 1, CENTRE] = mark
    prepared = build(scan)
    assert masked_pixels(prepared) == [[0, 5], [1, 0]]
    assert masked_entries(prepared) == []
    places = [(CENTRE, CENTRE + 5), (CENTRE + 1, CENTRE)]
    assert said(prepared) == {"bad": (2, places)}


def test_places_are_told_as_they_are_stored() -> None:
    """Whatever is turned, cut out and moved to the corner meanwhile."""
    turned = FrameOrientation(transpose=True, flip_y=True, flip_x=False)
    scan = scan_of(
        20, orientation=turned, counts=np.pad(scan_of(20).counts, ((0, 0), (2, 2), (4, 4)))
    )
    scan.counts[:, 5, 9] = 65535
    scan.counts[3, 6, 15] = 65535
    prepared = build(scan, crop_px=12)
    assert said(prepared) == {"bad": (1, [(5, 9)]), "bad at times": (1, [3])}
    ((_, row, column),) = masked_entries_of_side(prepared, 12)
    where = np.zeros((1, 20, 24), np.bool_)
    where[0, 6, 15] = True
    assert np.argwhere(Framing(turned, 12).apply(where)[0]).tolist() == [[row, column]]


def masked_entries_of_side(prepared: Prepared, side: int) -> list[tuple[int, int, int]]:
    masks = prepared.dataset.frame_masks
    assert masks is not None
    return [
        (frame, *map(int, divmod(int(pixel), side)))
        for frame in range(len(masks))
        for pixel in masks.of(frame)
    ]


def test_clean_scan_has_no_mask() -> None:
    assert build(scan_of()).dataset.mask_HW is None


def test_oblong_frames_become_square() -> None:
    scan = scan_of(counts=np.pad(scan_of().counts, ((0, 0), (0, 0), (4, 4))))
    counts = counts_of(build(scan))
    assert counts.shape == (10, SIDE, SIDE)
    assert (counts[:, 0, 0] == direct_beam(len(counts))).all()


def test_few_views_without_a_position_are_left_out() -> None:
    scan = scan_of()
    scan.positions[[3, 5], 0] = np.nan
    prepared = build(scan)
    assert said(prepared) == {"no position": (2, [3, 5])}
    np.testing.assert_array_equal(prepared.frame_indices, [0, 1, 2, 4, 6, 7, 8, 9])
    assert np.isfinite(prepared.dataset.positions_px).all()


def test_many_positions_of_no_use_are_counted_and_located() -> None:
    scan = scan_of()
    scan.positions[[3, 5, 6, 9], 0] = np.inf
    with pytest.raises(DataError, match=r"4 of 10 are NaN or infinite, the first at frame 3"):
        build(scan)


def test_few_views_far_from_all_others_are_left_out() -> None:
    scan = scan_of(40)
    scan.positions[7] = (3e-4, -2e-4)
    prepared = build(scan)
    assert said(prepared) == {"far from all others": (1, [7])}
    assert max(prepared.dataset.object_shape_YX) < 60


def test_first_frames_only() -> None:
    scan = scan_of(12, positions=scan_of(10).positions)
    with pytest.raises(DataError, match=r"10 positions for 12 frames.*data\.frames=10"):
        build(scan)
    prepared = build(scan, frames=10)
    np.testing.assert_array_equal(prepared.frame_indices, np.arange(10))
    assert said(prepared) == {"beyond the first n": (2, [10, 11])}
    with pytest.raises(DataError, match=r"data\.frames: found 11; expected at most 10"):
        build(scan, frames=11)


def test_more_positions_than_frames_are_cut_likewise() -> None:
    scan = scan_of(10, positions=scan_of(13).positions)
    with pytest.raises(DataError, match=r"13 positions for 10 frames"):
        build(scan)
    prepared = build(scan, frames=9)
    np.testing.assert_array_equal(prepared.positions_m, scan.positions[:9])


def test_excluded_frames_are_left_out_and_said() -> None:
    prepared = build(scan_of(20), exclude="3,10-12")
    assert said(prepared) == {"excluded": (4, [3, 10, 11, 12])}
    assert not set(prepared.frame_indices) & {3, 10, 11, 12}
    halves = [build(scan_of(20), exclude="0-1", subset=half) for half in ("even", "odd")]
    assert halves[0].frame_indices.tolist() == list(range(2, 20, 2))
    assert halves[0].origin_m == halves[1].origin_m
    with pytest.raises(DataError, match=r"data\.exclude: found 19-20; .* from 0 to 19"):
        build(scan_of(20), exclude="19-20")
    with pytest.raises(DataError, match=r"at least one frame that is left"):
        build(scan_of(20), exclude="0-19")


def test_positions_are_turned_as_asked() -> None:
    scan = scan_of()
    prepared = build(scan, orientation="transpose")
    np.testing.assert_array_equal(prepared.positions_m, scan.positions[:, ::-1])
    assert prepared.preparation.orientation == "transpose"


def test_masks_of_single_frames_come_from_the_scan() -> None:
    bad = np.zeros((20, SIDE, SIDE), np.bool_)
    bad[5, CENTRE + 1, CENTRE + 4] = bad[6, 0, 0] = True
    scan = scan_of(20, frame_masks=FrameMasks.from_frames(bad))
    prepared = build(scan, exclude="6")
    assert masked_entries(prepared) == [(5, 1, 4)]
    assert said(prepared)["masked at times"] == (1, [5])


def test_notes_of_the_scan_are_passed_on() -> None:
    note = Note(code="units", text="read as micrometres")
    assert build(scan_of(notes=(note,))).preparation.notes == [note]


@pytest.mark.parametrize(
    ("changes", "data", "message"),
    [
        ({"positions": np.zeros((9, 2))}, {}, "9 positions for 10 frames"),
        ({"positions": np.zeros((10, 3))}, {}, "shape \\(10, 3\\)"),
        ({"counts": np.zeros((10, SIDE, SIDE), np.complex64)}, {}, "values of type complex64"),
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


def test_counts_that_were_cut_off_are_masked() -> None:
    """A twelve bit detector in 16 bit numbers: no mark tells, but the plateau does."""
    scan = scan_of(100)
    scan.counts[:, CENTRE, CENTRE] = np.linspace(3000, 6000, 100).clip(max=4095)
    prepared = build(scan)
    assert masked_pixels(prepared) == [[0, 0]]
    assert said(prepared) == {"saturated": (1, [(CENTRE, CENTRE)])}
    scan.counts[:, CENTRE, CENTRE] = np.linspace(3000, 4095, 100)
    assert build(scan).dataset.mask_HW is None


def test_counts_cut_off_in_a_few_frames_are_masked_there() -> None:
    scan = scan_of(100)
    scan.counts[:, CENTRE, CENTRE] = np.linspace(3000, 4240, 100).clip(max=4095)
    prepared = build(scan)
    assert masked_pixels(prepared) == []
    assert masked_entries(prepared) == [(frame, 0, 0) for frame in range(88, 100)]
    assert said(prepared) == {"saturated at times": (12, list(range(88, 100)))}


def test_frames_are_in_memory_once() -> None:
    """Whatever is dropped: beyond the frames themselves only slabs and sums are made."""
    light = np.random.default_rng(3).poisson(4, (4000, 64, 64)).astype(np.uint16)
    scan = scan_of(4000, counts=light)
    scan.counts[::7] = 0
    tracemalloc.start()
    try:
        prepared = build(scan)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(prepared.frame_indices) == 4000 - 572
    assert peak < 1.5 * scan.counts.nbytes
