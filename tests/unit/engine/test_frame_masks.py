"""Pixels that do not count in single frames, and a pedestal under all counts."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from exitwave.engine import ArrayFrames, Dataset, FrameMasks, reconstruct
from exitwave.engine.data.feed import Batch
from exitwave.engine.data.scan import load
from exitwave.engine.forward import waves
from exitwave.engine.gradients.fused import FusedStep
from exitwave.engine.gradients.step import AutogradStep
from exitwave.engine.initial_guess import initialise
from exitwave.schema.errors import DataError
from exitwave.schema.recipe import Recipe, Stage, recipe_from_mapping

CPU = torch.device("cpu")
SIDE = 24
SHORT = Recipe(stages=(Stage(epochs=4, batches=(4.0,)),))


def scene(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Counts (n, H, W), DC at the corner, and positions of a small raster."""
    random = np.random.default_rng(seed)
    positions = 4 + 4 * np.argwhere(np.ones((4, 4))).astype(float)
    object_YX = np.exp(1j * random.uniform(0, 1, (60, 60)))
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    probe_HW = 30 * np.exp(-(y**2 + x**2) / 30 + 0.05j * (y**2 - x**2))
    counts = [
        random.poisson(np.abs(np.fft.fft2(probe_HW * object_YX[r : r + SIDE, c : c + SIDE],
                                          norm="ortho")) ** 2)
        for r, c in positions.astype(int)
    ]  # fmt: skip
    return np.array(counts, np.uint16), positions


def spoilt(counts: np.ndarray) -> tuple[np.ndarray, FrameMasks]:
    """A saturated block in frame 3 and a few pixels in frame 9, and the masks of them."""
    wild = counts.copy()
    bad: list[np.ndarray] = [np.empty(0, np.intp)] * len(counts)
    block = np.zeros((SIDE, SIDE), bool)
    block[2:8, 4:20] = True
    bad[3], bad[9] = np.flatnonzero(block), np.array([0, 5, SIDE + 2])
    for frame in (3, 9):
        wild[frame].reshape(-1)[bad[frame]] = 65535
    return wild, FrameMasks.of_frames(bad)


@pytest.mark.parametrize("algorithm", ["dap", "epie", "dm", "admm"])
def test_what_a_masked_pixel_of_one_frame_holds_does_not_matter(algorithm: str) -> None:
    counts, positions = scene()
    wild, masks = spoilt(counts)
    recipe = recipe_from_mapping(
        {
            "algorithm": algorithm,
            "stages": [{"epochs": 4, "batches": [4]}],
            **({algorithm: {"epochs": 4}} if algorithm != "dap" else {}),
        }
    )
    found = []
    for given in (counts, wild):
        frames = ArrayFrames(given)
        dataset = Dataset(frames=frames, positions_px=positions, frame_masks=masks)
        *_, last = reconstruct(dataset, recipe)
        found.append((last.object_MYX(), last.loss.total))
    assert np.array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


def test_the_fused_step_masks_as_the_reference_does() -> None:
    wild, masks = spoilt(scene()[0])
    frames = ArrayFrames(wild)
    mask_HW = np.ones((SIDE, SIDE), bool)
    mask_HW[4, 4] = False
    dataset = Dataset(
        frames=frames,
        positions_px=scene()[1],
        mask_HW=mask_HW,
        frame_masks=masks,
        pedestal=2.0,
    )
    scan = load(dataset, SHORT, CPU)
    variables = initialise(scan, SHORT, None)
    chosen = np.array([1, 3, 9, 12], dtype=np.intp)
    (batch,) = scan.feed([chosen])
    assert isinstance(batch, Batch)
    totals = []
    steps = FusedStep(scan, waves(*variables)), AutogradStep(scan, waves(*variables))
    for step in steps:
        totals.append(float(step.run(batch, "poisson")))
    assert totals[0] == pytest.approx(totals[1], rel=1e-5)
    for name in ("object", "probe"):
        one, other = (step.gradients[name] for step in steps)
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-4 * float(other.abs().max()))


def test_a_pedestal_is_modelled_and_not_taken_for_light() -> None:
    counts, positions = scene()
    plain = Dataset(frames=ArrayFrames(counts), positions_px=positions)
    raised = Dataset(frames=ArrayFrames(counts + 40), positions_px=positions, pedestal=40.0)
    photons = []
    for dataset in (plain, raised):
        *_, last = reconstruct(dataset, Recipe(stages=(Stage(epochs=40, batches=(4.0,)),)))
        photons.append(float((np.abs(last.probe_NHW()) ** 2).sum()))
    assert photons[1] == pytest.approx(photons[0], rel=0.1)
    with pytest.raises(DataError, match=r"pedestal.*less than the patterns' mean"):
        next(reconstruct(replace(raised, pedestal=1e4), SHORT))


def test_masks_that_do_not_fit_are_refused() -> None:
    counts, positions = scene()
    frames = ArrayFrames(counts)
    few = FrameMasks.of_frames([np.array([1])])
    far = FrameMasks.of_frames([np.array([SIDE * SIDE])] + [np.empty(0, np.intp)] * 15)
    for masks, words in ((few, "1 frames"), (far, f"pixel {SIDE * SIDE}")):
        with pytest.raises(DataError, match=words):
            Dataset(frames=frames, positions_px=positions, frame_masks=masks)
    with pytest.raises(DataError, match="offsets"):
        FrameMasks(np.array([0, 2]), np.array([1], np.int32))


def test_chosen_masks_follow_their_frames() -> None:
    _, masks = spoilt(scene()[0])
    part = masks.chosen(np.array([9, 0, 3]))
    assert [len(part.of(i)) for i in range(3)] == [3, 0, 96]
    assert part.any_of(np.array([0])) and not part.any_of(np.array([1]))
