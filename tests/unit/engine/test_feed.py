"""Patterns keep their type and place; streamed or resident, they give the same numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.support.file_frames import FileFrames, same

from exitwave.engine import ArrayFrames, Dataset, EpochState, reconstruct
from exitwave.engine.data.feed import DevicePatterns, StreamedPatterns
from exitwave.engine.data.scan import Scan, load
from exitwave.schema.recipe import Recipe, Stage

CPU = torch.device("cpu")
SHAPE = (40, 12, 10)
RANDOM = np.random.default_rng(4)
COUNTS = RANDOM.poisson(3.0, SHAPE).astype(np.uint16)
POSITIONS = RANDOM.uniform(0, 9, (40, 2))
MASK = RANDOM.random(SHAPE[1:]) > 0.2
MASK[5, 5] = True
SHORT = Recipe(stages=(Stage(epochs=2, batches=(7.0,)),), probe_states=2)


def loaded(counts: NDArray[Any], *, streamed: bool, masked: bool = False) -> Scan:
    frames = FileFrames(counts) if streamed else ArrayFrames(counts)
    dataset = Dataset(frames=frames, positions_px=POSITIONS, mask_HW=MASK if masked else None)
    return load(dataset, SHORT, CPU)


def fed(scan: Scan, batches: list[NDArray[np.intp]], part: int) -> list[torch.Tensor]:
    return [
        torch.cat(
            [
                batch.counts(begin, min(begin + part, len(batch)))
                for begin in range(0, len(batch), part)
            ]
        )
        for batch in scan.feed(batches)
    ]


def marked(dtype: str) -> NDArray[Any]:
    """Counts with large values and, where pixels are masked, marks that are no counts."""
    counts = COUNTS.astype(dtype)
    counts[3, 5, 5] = 40_000 if dtype.endswith(("2", "4", "8")) else 200
    if counts.dtype.kind == "f":
        counts[:, ~MASK] = np.nan
    else:
        counts[:, ~MASK] = np.iinfo(counts.dtype).max
    return counts


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "dtype", ["u1", "u2", ">u2", "u4", "u8", "i4", "i8", "f4", "f8", ">f4", "longdouble"]
)
def test_counts_of_every_type_arrive_as_they_are(dtype: str, streamed: bool) -> None:
    counts = marked(dtype) if dtype != "longdouble" else marked("f8").astype(np.longdouble)
    scan = loaded(counts, streamed=streamed, masked=True)
    chosen = np.array([3, 0, 39, 3], dtype=np.intp)
    expected = np.where(MASK, counts[chosen], 0).astype(np.float32)
    assert scan.intensities(chosen).dtype == torch.float32
    np.testing.assert_array_equal(scan.intensities(chosen), expected)
    (batch,) = fed(scan, [chosen], 3)
    np.testing.assert_array_equal(batch, expected)


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.float32, np.uint8, np.int32])
def test_frames_in_memory_are_not_copied(dtype: type) -> None:
    counts = COUNTS.astype(dtype)
    patterns = loaded(counts, streamed=False, masked=True).patterns
    assert isinstance(patterns, DevicePatterns)
    assert patterns.stored_nHW.data_ptr() == counts.ctypes.data
    assert patterns.stored_nHW.element_size() == counts.itemsize


def test_frames_of_a_memory_map_are_not_copied(tmp_path: Any, recwarn: Any) -> None:
    np.save(tmp_path / "counts.npy", COUNTS)
    counts = np.load(tmp_path / "counts.npy", mmap_mode="r")
    patterns = loaded(counts, streamed=False).patterns
    assert isinstance(patterns, DevicePatterns)
    assert patterns.stored_nHW.data_ptr() == counts.ctypes.data
    assert not recwarn.list


def test_frames_that_torch_cannot_see_are_streamed() -> None:
    scan = loaded(COUNTS[:, ::-1], streamed=False)
    assert isinstance(scan.patterns, StreamedPatterns)
    np.testing.assert_array_equal(scan.intensities(np.arange(40)), COUNTS[:, ::-1])


def test_counts_are_the_callers_own_and_outlive_the_feed() -> None:
    for streamed in (False, True):
        scan = loaded(COUNTS.astype(np.float32), streamed=streamed)
        chosen = np.arange(5, dtype=np.intp)
        feed = scan.feed([chosen])
        batch = next(feed)
        for _ in range(2):
            batch.counts(0, 5).zero_()
            np.testing.assert_array_equal(batch.counts(0, 5), COUNTS[:5])
            feed.close()


@pytest.mark.parametrize("part", [1, 3, 4, 100])
@pytest.mark.parametrize("sizes", [[40], [14, 13, 13], [1, 39], [9, 10, 11, 10]])
def test_parts_of_any_size_come_in_order(part: int, sizes: list[int]) -> None:
    order = np.random.default_rng(1).permutation(40).astype(np.intp)
    batches = np.split(order, np.cumsum(sizes)[:-1])
    scan = loaded(COUNTS, streamed=True)
    for batch, chosen in zip(fed(scan, batches, part), batches, strict=True):
        np.testing.assert_array_equal(batch, COUNTS[chosen])


def test_parts_may_be_asked_for_again_and_in_any_order() -> None:
    scan = loaded(COUNTS, streamed=True)
    batches = np.split(np.arange(40, dtype=np.intp), 4)
    for batch in scan.feed(batches):
        assert batch.index_B.tolist() == batch.chosen.tolist()
        for begin, end in ((0, 4), (6, 10), (0, 4), (4, 6), (0, 10), (2, 3)):
            np.testing.assert_array_equal(
                batch.counts(begin, end), COUNTS[batch.chosen[begin:end]]
            )


def test_the_next_part_is_read_ahead_and_no_more() -> None:
    frames = FileFrames(COUNTS)
    scan = load(Dataset(frames=frames, positions_px=POSITIONS), SHORT, CPU)
    read: list[list[int]] = []
    whole = frames.read
    frames.read = lambda indices: (read.append(indices.tolist()), whole(indices))[1]
    feed = scan.feed(np.split(np.arange(40, dtype=np.intp), 4))
    batch = next(feed)
    for begin, end in ((0, 4), (4, 8), (8, 10)):
        batch.counts(begin, end)
    feed.close()  # waits for what is under way
    assert read == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [10, 11, 12, 13]]


def test_what_goes_wrong_while_reading_reaches_the_step() -> None:
    class Torn(FileFrames):
        def read(self, indices: NDArray[np.intp]) -> NDArray[Any]:
            if len(indices) == 4:
                raise OSError("the disk is gone")
            return super().read(indices)

    frames = Torn(COUNTS)
    scan = load(Dataset(frames=frames, positions_px=POSITIONS), SHORT, CPU)
    with pytest.raises(OSError, match="the disk is gone"):
        fed(scan, [np.arange(40, dtype=np.intp)], 4)


def states(dataset: Dataset, **more: Any) -> list[EpochState]:
    return list(reconstruct(dataset, SHORT, device="cpu", **more))


def test_a_streamed_run_is_a_resident_one_bit_for_bit() -> None:
    whole = {"positions_px": POSITIONS, "mask_HW": MASK}
    resident = states(Dataset(frames=ArrayFrames(COUNTS), **whole))
    assert same(resident, states(Dataset(frames=FileFrames(COUNTS), **whole)))
    other = states(Dataset(frames=FileFrames(COUNTS[::-1]), **whole))
    assert not same(resident, other)


def test_frames_of_another_type_give_the_same_run() -> None:
    runs = [
        states(Dataset(frames=ArrayFrames(COUNTS.astype(dtype)), positions_px=POSITIONS))
        for dtype in (np.uint16, np.float32, np.int64)
    ]
    assert same(runs[0], runs[1]) and same(runs[0], runs[2])


def test_epochs_draw_their_own_batches_from_a_stream() -> None:
    recipe = replace(SHORT, seed=1)
    dataset = Dataset(frames=FileFrames(COUNTS), positions_px=POSITIONS)
    other = list(reconstruct(dataset, recipe, device="cpu"))
    assert not same(states(dataset), other)
