"""Baselines: their runs on a small scan."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from tests.support.baselines import recipe_of
from tests.support.simulated import as_dataset

from exitwave.engine import (
    ArrayFrames,
    Checkpoint,
    Dataset,
    EpochState,
    InitialGuess,
    algorithms,
    object_shape_YX,
    reconstruct,
)
from exitwave.engine.forward import Views, model_counts, waves
from exitwave.engine.forward.illuminate import split_positions
from exitwave.quality import align
from exitwave.schema.baselines import BaselineOptions, EpieOptions
from exitwave.schema.errors import Diverged, EngineError, RecipeError
from exitwave.schema.recipe import AlgorithmName, Recipe
from exitwave.simulated_beamline.simulate import SimulatedScan, simulate

ALGORITHMS: tuple[AlgorithmName, ...] = ("epie", "dm", "admm")


def disk_start(scan: SimulatedScan) -> InitialGuess:
    """A flat disk somewhat wider than the beam, with its photons; an object of ones."""
    y, x = np.mgrid[:64, :64] - 32
    disk = 1 / (1 + np.exp((np.hypot(y, x) - 20) / 0.75))
    disk *= np.sqrt(scan.patterns_nHW.sum(axis=(1, 2)).max() / (disk**2).sum())
    shape_YX = object_shape_YX(scan.positions_px, (64, 64))
    return InitialGuess(
        object_MYX=np.ones(shape_YX, np.complex64), probe_NHW=disk.astype(complex)
    )


def small_dataset(*, junk: float = 0.0) -> Dataset:
    """Fractional positions, flux and mask; `junk` lies in the masked pixels."""
    random = np.random.default_rng(4)
    positions = np.stack(np.mgrid[:3, :3], axis=-1).reshape(9, 2) * 3.0
    positions += random.uniform(0, 1, positions.shape)
    mask = random.random((12, 10)) > 0.1
    counts = random.poisson(20 * np.exp(-np.arange(120).reshape(12, 10) / 30), (9, 12, 10))
    return Dataset(
        frames=ArrayFrames(np.where(mask, counts, junk).astype(np.float32)),
        positions_px=positions,
        scale_n=random.uniform(0.5, 1.5, 9),
        mask_HW=mask,
    )


def same(one: EpochState, other: EpochState) -> bool:
    return (
        one.loss == other.loss
        and np.array_equal(one.object_MYX(), other.object_MYX())
        and np.array_equal(one.probe_NHW(), other.probe_NHW())
    )


def test_the_recipe_names_the_algorithms_of_the_table() -> None:
    names = get_args(AlgorithmName)
    assert names == tuple(algorithms.ALGORITHMS)
    recipes = [Recipe(algorithm=name) for name in names if name != "dap"]
    assert all(isinstance(recipe.baseline, BaselineOptions) for recipe in recipes)
    assert all(recipe.baseline and recipe.baseline.remedy for recipe in recipes)
    assert Recipe(algorithm="dap").baseline is None


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_recentring_does_not_change_the_course_of_a_run(algorithm: AlgorithmName) -> None:
    scan = simulate(0.7, 1e5, 0, grid=3)
    start = disk_start(scan)
    start = replace(start, probe_NHW=np.roll(start.probe_NHW, (4, -3), (0, 1)))
    losses = []
    for recentre in (True, False):
        recipe = recipe_of(algorithm, 2)
        recipe = replace(recipe, gauge=replace(recipe.gauge, recentre=recentre))
        states = list(reconstruct(as_dataset(scan), recipe, start, device="cpu"))
        losses.append([state.loss.data for state in states])
        peak = np.abs(states[0].probe_NHW()[0]) > 0.5 * np.abs(states[0].probe_NHW()[0]).max()
        middle = np.argwhere(peak).mean(axis=0)
        assert np.allclose(middle, (32, 32) if recentre else (36, 29), atol=0.5)
    # What a roll brings round the rim of the object is not the same: it hardly counts.
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)


@pytest.mark.parametrize(("algorithm", "count"), [("epie", 40), ("dm", 40), ("admm", 40)])
def test_an_easy_scan_is_recovered(algorithm: AlgorithmName, count: int) -> None:
    scan = simulate(0.7, 1e6, 0, grid=5)
    recipe = recipe_of(algorithm, count, probe_update_start=2)
    states = list(reconstruct(as_dataset(scan), recipe, disk_start(scan), device="cpu"))
    assert align(states[-1].object_MYX()[0], scan.object_YX, scan.region).cpcc > 0.9
    assert len(states) == count == states[-1].epochs
    assert states[-1].loss.data < 0.2 * states[0].loss.data
    assert states[-1].loss.regularisation == 0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_truth_stays_between_pixels_and_in_changing_light(
    algorithm: AlgorithmName,
) -> None:
    scan = simulate(0.7, 1e5, 0, grid=3)
    random = np.random.default_rng(5)
    positions = scan.positions_px + random.uniform(-0.5, 0.5, scan.positions_px.shape)
    scale = random.uniform(0.5, 1.5, len(positions))
    corners, shifts = split_positions(torch.from_numpy(positions))
    counts = model_counts(
        waves(torch.from_numpy(scan.object_YX)[None], torch.from_numpy(scan.probe_HW)[None]),
        Views(
            corners_B2=corners,
            shifts_B2=shifts.float(),
            scale_B=torch.from_numpy(scale).float(),
        ),
    )
    dataset = Dataset(frames=ArrayFrames(counts.numpy()), positions_px=positions, scale_n=scale)
    rows, columns = dataset.object_shape_YX
    truth = scan.object_YX[:rows, :columns]
    start = InitialGuess(object_MYX=truth, probe_NHW=scan.probe_HW)
    recipe = recipe_of(algorithm, 4)
    recipe = replace(recipe, start=replace(recipe.start, probe_noise=0.0))
    *_, state = reconstruct(dataset, recipe, start, device="cpu")
    assert state.loss.data < 1e-4 * counts.mean()
    y0, y1, x0, x1 = scan.region
    assert align(state.object_MYX()[0], truth, (y0, y1 - 2, x0, x1 - 2)).cpcc > 0.9999


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_run_that_is_cut_and_resumed_gives_the_same_numbers(algorithm: AlgorithmName) -> None:
    recipe, dataset = (
        recipe_of(algorithm, 5, probe_states=2, probe_update_start=1),
        small_dataset(),
    )
    uncut = list(reconstruct(dataset, recipe, device="cpu"))
    run = reconstruct(dataset, recipe, device="cpu")
    for _ in range(3):
        state = next(run)
    arrays = state.checkpoint().arrays()
    resumed = list(reconstruct(dataset, recipe, Checkpoint.from_arrays(arrays), device="cpu"))
    assert [state.epoch for state in resumed] == [4, 5]
    assert all(same(*pair) for pair in zip(resumed, uncut[3:], strict=True))
    other = list(reconstruct(dataset, replace(recipe, seed=1), device="cpu"))
    assert not same(other[-1], uncut[-1])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_it_also_does_with_patterns_left_out(algorithm: AlgorithmName) -> None:
    """Cut before and after the epoch that gives back what cannot be spared."""
    dataset = as_dataset(simulate(0.7, 1e4, 2, grid=20))
    recipe = recipe_of(algorithm, 8, held_out_fraction=0.05)
    kept = {}
    for state in reconstruct(dataset, recipe, device="cpu"):
        if state.epoch in {1, 3}:
            kept[state.epoch] = Checkpoint.from_arrays(state.checkpoint().arrays())
    # Those that keep waves give some back; to ePIE's wide early probe none is lonely.
    assert len(kept[1].left_out) == 20
    assert (len(kept[3].left_out) < 20) == (algorithm != "epie")
    for checkpoint in kept.values():
        *_, resumed = reconstruct(dataset, recipe, checkpoint, device="cpu")
        assert same(resumed, state) and resumed.held_out == state.held_out


def test_the_steps_of_epie_settle_over_the_last_quarter() -> None:
    runs = []
    for step_decay in (1.0, 0.02):
        recipe = replace(
            recipe_of("epie", 8), epie=EpieOptions(epochs=8, step_decay=step_decay)
        )
        runs.append(list(reconstruct(small_dataset(), recipe, device="cpu")))
    assert [same(*pair) for pair in zip(*runs, strict=True)] == [True] * 6 + [False] * 2
    moved = [np.abs(run[7].object_MYX() - run[6].object_MYX()).max() for run in runs]
    assert moved[1] < 0.2 * moved[0]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_masked_pixels_do_not_matter(algorithm: AlgorithmName) -> None:
    recipe = recipe_of(algorithm, 3, probe_states=2)
    runs = [
        list(reconstruct(small_dataset(junk=junk), recipe, device="cpu")) for junk in (0.0, 6e4)
    ]
    assert same(runs[0][-1], runs[1][-1])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_probe_waits(algorithm: AlgorithmName) -> None:
    recipe = recipe_of(algorithm, 3, probe_update_start=2)
    recipe = replace(recipe, gauge=replace(recipe.gauge, recentre=False, scale=False))
    probes = [s.probe_NHW() for s in reconstruct(small_dataset(), recipe, device="cpu")]
    assert np.allclose(probes[0], probes[1], rtol=1e-5, atol=1e-6)
    assert not np.allclose(probes[1], probes[2], rtol=1e-2)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_several_object_states_are_refused(algorithm: AlgorithmName) -> None:
    recipe = recipe_of(algorithm, 2, object_states=2)
    with pytest.raises(RecipeError, match=r"recipe\.object_states: found 2; expected 1"):
        next(reconstruct(small_dataset(), recipe, device="cpu"))


@pytest.mark.parametrize("algorithm", ["dm", "admm"])
def test_waves_that_do_not_fit_are_refused_with_their_size(algorithm: AlgorithmName) -> None:
    scan = simulate(0.7, 1e4, 0, grid=8)
    bound_GB = 0.006
    next(reconstruct(as_dataset(scan), recipe_of("epie", 1), device="cpu", memory_GB=bound_GB))
    with pytest.raises(EngineError, match=rf"waves of all views \({algorithm} keeps") as told:
        recipe = recipe_of(algorithm, 1)
        next(reconstruct(as_dataset(scan), recipe, device="cpu", memory_GB=bound_GB))
    needed_GB = float(str(told.value).split()[-2])
    next(reconstruct(as_dataset(scan), recipe, device="cpu", memory_GB=1.01 * needed_GB))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_divergence_names_parameters_of_the_algorithm(algorithm: AlgorithmName) -> None:
    start = InitialGuess(probe_NHW=np.full((12, 10), 1e30, np.complex64))
    with pytest.raises(Diverged, match=rf"epoch 1: .* {algorithm}\."):
        next(reconstruct(small_dataset(), recipe_of(algorithm, 1), start, device="cpu"))
