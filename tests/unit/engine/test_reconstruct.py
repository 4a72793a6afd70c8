"""The generator as a whole: known solution, determinism, failure, independence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.support.simulated import as_dataset, similarity

from exitwave.engine import ArrayFrames, Dataset, InitialGuess, reconstruct
from exitwave.schema.errors import Diverged
from exitwave.schema.recipe import Recipe, Stage
from exitwave.schema.sections import RegularisationOptions
from exitwave.simulated_beamline.simulate import SimulatedScan, simulate

SHORT = Recipe(
    stages=(
        Stage(epochs=2, batches=(8.0,)),
        Stage(epochs=1, batches=(16.0,), loss="poisson"),
    )
)


@pytest.fixture(scope="module")
def small() -> SimulatedScan:
    return simulate(0.6, None, 0, grid=6)


def test_known_solution_is_found_without_noise(small: SimulatedScan) -> None:
    recipe = Recipe(
        stages=(
            Stage(epochs=50, batches=(2.0, 4.0), final_rate=0.3),
            Stage(epochs=130, batches=(2.0, 4.0, 12.0), reset_moments=True),
        )
    )
    *_, state = reconstruct(as_dataset(small), recipe, device="cpu")
    assert similarity(state, small) > 0.99
    assert state.epoch == state.epochs == 180 and state.stage == 2
    assert state.loss.total == state.loss.data + state.loss.regularisation
    box = state.illuminated_box()
    y0, y1, x0, x1 = small.region
    assert box[0] <= y0 and box[1] >= y1 and box[2] <= x0 and box[3] >= x1
    y0, y1, x0, x1 = box
    known = state.illuminated_YX()
    assert known[y0:y1, x0:x1].any(axis=0).all() and known.sum() == known[y0:y1, x0:x1].sum()


def test_other_photographs_and_an_astigmatic_probe_with_noise() -> None:
    scan = simulate(0.6, 1e5, 2, objects=("moon", "coffee"), probe="astigmatic", grid=6)
    *_, state = reconstruct(as_dataset(scan), Recipe(), device="cpu")
    assert similarity(state, scan) > 0.95


def test_equal_inputs_give_bitwise_equal_numbers(small: SimulatedScan) -> None:
    runs = [list(reconstruct(as_dataset(small), SHORT, device="cpu")) for _ in range(2)]
    for first, second in zip(*runs, strict=True):
        assert first.loss == second.loss
        assert np.array_equal(first.object_MYX(), second.object_MYX())
        assert np.array_equal(first.probe_NHW(), second.probe_NHW())
    other = next(reconstruct(as_dataset(small), replace(SHORT, seed=1), device="cpu"))
    assert not np.array_equal(other.object_MYX(), runs[0][0].object_MYX())


def test_a_state_stays_right_after_the_run_goes_on(small: SimulatedScan) -> None:
    states = reconstruct(as_dataset(small), SHORT, device="cpu")
    first = next(states)
    early = first.object_MYX()
    later = next(states).object_MYX()
    assert np.array_equal(first.object_MYX(), early) and not np.array_equal(early, later)
    assert early.dtype == np.complex64 and early.shape == (
        1,
        *as_dataset(small).object_shape_YX,
    )
    early[:] = 0
    assert first.object_MYX().any()


def test_subpixel_positions_are_used(small: SimulatedScan) -> None:
    """Data modelled at fractional positions are fitted far better with them than rounded."""
    random = np.random.default_rng(5)
    positions = small.positions_px + random.uniform(-0.5, 0.5, small.positions_px.shape)
    from exitwave.engine.forward import Views, model_counts, waves
    from exitwave.engine.forward.illuminate import split_positions

    corners, shifts = split_positions(torch.from_numpy(positions))
    counts = model_counts(
        waves(torch.from_numpy(small.object_YX)[None], torch.from_numpy(small.probe_HW)[None]),
        Views(
            corners_B2=corners,
            shifts_B2=shifts.float(),
        ),
    )
    dataset = Dataset(frames=ArrayFrames(counts.numpy()), positions_px=positions)
    start = InitialGuess(
        object_MYX=small.object_YX[: dataset.object_shape_YX[0], : dataset.object_shape_YX[1]],
        probe_NHW=small.probe_HW,
    )
    stage = Stage(
        epochs=1, batches=(1000.0,), object_rate=1e-6, probe_rate=0.0, object_clip=0.0
    )
    loss = {}
    for subpixel in ("auto", "off"):
        recipe = Recipe(
            stages=(stage,), subpixel=subpixel, regularisation=RegularisationOptions(ratio=0.0)
        )
        loss[subpixel] = next(reconstruct(dataset, recipe, start, device="cpu")).loss.data
    assert loss["auto"] < 1e-6 * loss["off"]


def test_probe_states_and_the_poisson_stage_lower_the_loss(small: SimulatedScan) -> None:
    recipe = replace(SHORT, probe_states=3)
    states = list(reconstruct(as_dataset(small), recipe, device="cpu"))
    assert states[-1].probe_NHW().shape == (3, 64, 64)
    assert states[1].loss.data < states[0].loss.data


def test_divergence_names_the_epoch(small: SimulatedScan) -> None:
    start = InitialGuess(probe_NHW=np.full((64, 64), 1e30, np.complex64))
    with pytest.raises(Diverged, match="epoch 1"):
        list(reconstruct(as_dataset(small), SHORT, start, device="cpu"))


def test_global_settings_of_torch_are_left_alone(small: SimulatedScan) -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    for _ in reconstruct(as_dataset(small), SHORT, device="cpu"):
        assert torch.is_grad_enabled()
    assert torch.get_num_threads() == threads and torch.equal(torch.get_rng_state(), state)
