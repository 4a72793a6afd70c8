"""Frames that do not fit on a GPU are streamed to it, within the bound."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.file_frames import FileFrames

from exitwave.engine import ArrayFrames, Dataset, EpochState, reconstruct
from exitwave.engine.data.feed import DevicePatterns, StreamedPatterns
from exitwave.engine.data.scan import load
from exitwave.schema.recipe import Recipe, Stage

CUDA = torch.device("cuda")
RANDOM = np.random.default_rng(6)
COUNTS = RANDOM.poisson(5.0, (2000, 128, 128)).astype(np.uint16)
COUNTS[::9, 3, 3] = 60_000
POSITIONS = RANDOM.uniform(0, 300, (2000, 2))
RECIPE = Recipe(stages=(Stage(epochs=2, batches=(300.0,), object_rate=0.01),), probe_states=2)
BOUND_GB = 0.07
"""Less than the frames take: 0.066 GB and the object, the probe and the step."""


def dataset(*, in_memory: bool = True) -> Dataset:
    frames = ArrayFrames(COUNTS) if in_memory else FileFrames(COUNTS)
    return Dataset(frames=frames, positions_px=POSITIONS)


def run(memory_GB: float | None, *, in_memory: bool = True) -> EpochState:
    *_, state = reconstruct(
        dataset(in_memory=in_memory), RECIPE, device="cuda", memory_GB=memory_GB
    )
    return state


@pytest.mark.parametrize("memory_GB", [None, BOUND_GB])
def test_counts_arrive_as_they_are(memory_GB: float | None) -> None:
    scan = load(dataset(), RECIPE, CUDA, memory_GB)
    assert isinstance(scan.patterns, DevicePatterns if memory_GB is None else StreamedPatterns)
    batches = np.array_split(np.random.default_rng(1).permutation(2000).astype(np.intp), 7)
    for _ in range(3):
        for batch in scan.feed(batches):
            for begin in range(0, len(batch), 100):
                part = batch.counts(begin, min(begin + 100, len(batch)))
                expected = COUNTS[batch.chosen[begin : begin + 100]].astype(np.float32)
                np.testing.assert_array_equal(part.cpu().numpy(), expected)


def test_a_streamed_run_keeps_to_its_bound_and_agrees() -> None:
    resident = run(None)
    for in_memory in (True, False):
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        streamed = run(BOUND_GB, in_memory=in_memory)
        assert torch.cuda.max_memory_allocated() - before < BOUND_GB * 1e9
        np.testing.assert_allclose(streamed.loss.data, resident.loss.data, rtol=1e-3)
        apart = np.abs(streamed.object_MYX() - resident.object_MYX()).mean()
        assert apart < 1e-3
