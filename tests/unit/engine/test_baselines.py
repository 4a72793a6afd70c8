"""Baselines: their parts by their defining properties, their runs on a small scan."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from tests.unit.engine.scene import Scene, make_scene

from exitwave.beamline.simulate import SimulatedScan, simulate
from exitwave.engine import (
    ArrayFrames,
    Checkpoint,
    Dataset,
    EpochState,
    StartingPoint,
    object_shape_YX,
    reconstruct,
)
from exitwave.engine.baselines import Admm, DifferenceMap, Epie
from exitwave.engine.baselines.iterate import Iterate
from exitwave.engine.baselines.modulus import gain, power
from exitwave.engine.baselines.overlap import Overlap, Views
from exitwave.engine.baselines.shifter import Shifter
from exitwave.engine.forward import model_counts
from exitwave.engine.illuminate import exit_waves, split_positions
from exitwave.engine.propagate import propagate
from exitwave.engine.schedule import epochs
from exitwave.quality import align
from exitwave.schema.baselines import Admm as AdmmKnobs
from exitwave.schema.baselines import DifferenceMap as DmKnobs
from exitwave.schema.baselines import Epie as EpieKnobs
from exitwave.schema.errors import Diverged, EngineError, RecipeError
from exitwave.schema.recipe import Algorithm, Gauge, Recipe

ALGORITHMS: tuple[Algorithm, ...] = ("epie", "dm", "admm")


def recipe_of(algorithm: Algorithm, count: int, **knobs: object) -> Recipe:
    return Recipe(
        algorithm=algorithm,
        epie=EpieKnobs(epochs=count),
        dm=DmKnobs(epochs=count),
        admm=AdmmKnobs(epochs=count),
        **knobs,
    )


def disk_start(scan: SimulatedScan) -> StartingPoint:
    """A flat disk somewhat wider than the beam, with its photons; an object of ones."""
    y, x = np.mgrid[:64, :64] - 32
    disk = 1 / (1 + np.exp((np.hypot(y, x) - 20) / 0.75))
    disk *= np.sqrt(scan.patterns_nHW.sum(axis=(1, 2)).max() / (disk**2).sum())
    shape_YX = object_shape_YX(scan.positions_px, (64, 64))
    return StartingPoint(
        object_MYX=np.ones(shape_YX, np.complex64), probe_NHW=disk.astype(complex)
    )


def dataset_of(scan: SimulatedScan) -> Dataset:
    return Dataset(
        frames=ArrayFrames(np.fft.ifftshift(scan.patterns_nHW, axes=(1, 2))),
        positions_px=scan.positions_px,
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


def all_views(scene: Scene) -> Views:
    chosen = np.arange(len(scene.scan), dtype=np.intp)
    return Views(chosen, torch.from_numpy(chosen))


def random_waves(scene: Scene, seed: int = 9) -> torch.Tensor:
    parts = np.random.default_rng(seed).standard_normal(
        (2, len(scene.scan), *scene.probe_NHW.shape)
    )
    return torch.from_numpy(parts[0] + 1j * parts[1])


def test_the_modulus_is_exactly_the_measured_one_and_masked_pixels_stay() -> None:
    scene = make_scene()
    far_BNHW = propagate(random_waves(scene))
    mask_HW = scene.scan.mask_HW
    assert mask_HW is not None
    counts_BHW = scene.scan.intensities(np.arange(7)).double()
    gain_BHW = gain(power(far_BNHW), counts_BHW.sqrt(), mask_HW)
    measured_BNHW = far_BNHW * gain_BHW[:, None]
    torch.testing.assert_close(power(measured_BNHW)[:, mask_HW], counts_BHW[:, mask_HW])
    assert torch.equal(measured_BNHW[..., ~mask_HW], far_BNHW[..., ~mask_HW])
    turned = (measured_BNHW / far_BNHW)[counts_BHW[:, None].expand_as(far_BNHW) > 0]
    assert float(turned.imag.abs().max()) < 1e-12, "phases are kept, and shares of the states"


def test_an_epie_step_is_the_published_one() -> None:
    """Of one view and two states, against numpy and the formulas in the paper."""
    scene = make_scene(frames=1, shifted=False, masked=False, scaled=False)
    recipe = replace(
        recipe_of("epie", 1), epie=EpieKnobs(object_step=0.7, probe_step=0.6, final_step=1)
    )
    recipe = replace(recipe, gauge=Gauge(recentre=False, phase=False, scale=False))
    picture, probe = scene.object_MYX.numpy().copy(), scene.probe_NHW.numpy().copy()
    fit = Epie(scene.scan, recipe, scene.object_MYX, scene.probe_NHW)
    fit.epoch(next(epochs(recipe, 1, lambda: np.arange(1, dtype=np.intp))))
    y, x = scene.scan.corners_n2[0].tolist()
    view = picture[0, y : y + 12, x : x + 10]
    far = np.fft.fft2(probe * view, norm="ortho")
    counts = scene.scan.intensities(np.arange(1)).double().numpy()[0]
    far *= np.sqrt(counts / (np.abs(far) ** 2).sum(0)) - 1
    change = np.fft.ifft2(far, norm="ortho")
    light = (np.abs(probe) ** 2).sum(0).max()
    for_object = 0.7 * (probe.conj() * change).sum(0) / light
    probe += 0.6 * view.conj() * change / (np.abs(view) ** 2).max()
    view += for_object
    np.testing.assert_allclose(scene.probe_NHW.numpy(), probe)
    np.testing.assert_allclose(scene.object_MYX.numpy(), picture)


@pytest.mark.parametrize("relax", [0.0, 0.25])
def test_a_difference_map_step_is_the_published_one(relax: float) -> None:
    """Of one view and state, against numpy and the formula in the paper."""
    scene = make_scene(frames=1, states=1, shifted=False, masked=False, scaled=False)
    recipe = replace(recipe_of("dm", 1), dm=DmKnobs(relax=relax))
    fit = DifferenceMap(scene.scan, recipe, scene.object_MYX, scene.probe_NHW)
    psi = random_waves(scene)
    fit.waves_VNHW.copy_(psi)
    model = 0.3 * random_waves(scene, seed=10)
    roots = scene.scan.intensities(np.arange(1)).double().sqrt()
    fit.measure(torch.arange(1), model, propagate(model), roots)
    far = np.fft.fft2((2 * model - psi).numpy(), norm="ortho")
    wanted = (1 - relax) * roots.numpy() + relax * np.abs(far)
    step = np.fft.ifft2(wanted * np.exp(1j * np.angle(far)), norm="ortho") - model.numpy()
    np.testing.assert_allclose(fit.waves_VNHW.numpy(), psi.numpy() + step)


def test_an_admm_step_is_the_saddle_point_of_the_lagrangian() -> None:
    """Z minimises the augmented Lagrangian, seen by autograd; multipliers add z - A."""
    scene = make_scene()
    recipe = replace(recipe_of("admm", 1), admm=AdmmKnobs(penalty=0.7), probe_states=2)
    fit = Admm(scene.scan, recipe, scene.object_MYX, scene.probe_NHW)
    (multipliers,) = fit.multipliers
    u, exits = 0.2 * random_waves(scene), random_waves(scene, seed=10)
    multipliers.copy_(u)
    mask, counts = scene.scan.mask_HW, scene.scan.intensities(np.arange(7)).double()
    assert mask is not None
    model = propagate(exits)
    fit.measure(torch.arange(7), exits, model.clone(), counts.sqrt())
    z = (multipliers - u + model).requires_grad_()
    data = ((power(z).sqrt() - counts.sqrt()).square() * mask).sum() / 2
    value = data + 0.7 / 2 * (z - model + u).abs().square().sum()
    (gradient,) = torch.autograd.grad(value, z)
    assert float(gradient.abs().max()) < 1e-10
    torch.testing.assert_close(propagate(fit.waves_VNHW), z.detach() + multipliers)


def test_shifting_back_is_the_adjoint_of_shifting() -> None:
    scene = make_scene()
    index_B, waves = torch.arange(7), random_waves(scene)
    shifter = Shifter(scene.scan, torch.complex128)
    there = torch.vdot(shifter.to_views(scene.probe_NHW, index_B).flatten(), waves.flatten())
    back = torch.vdot(scene.probe_NHW.flatten(), shifter.from_views(waves, index_B).flatten())
    torch.testing.assert_close(there, back)


@pytest.mark.parametrize("shifted", [False, True])
def test_fitted_object_and_probe_leave_no_gradient(shifted: bool) -> None:
    """Autograd on the reference's exit waves knows nothing of the fits' formulas."""
    scene = make_scene(frames=150, shifted=shifted, masked=False)
    scan, waves, views = scene.scan, random_waves(scene), all_views(scene)
    picture, probe = scene.object_MYX, scene.probe_NHW
    overlap = Overlap(scan, picture, probe, deterministic=True)

    def gradient_over(variable: torch.Tensor) -> float:
        leaf = variable.clone().requires_grad_()
        pair = (leaf, probe) if variable is picture else (picture, leaf)
        modelled = exit_waves(
            *pair, scan.corners_n2, shifts_B2=scan.shifts_n2, scale_B=scan.scale_n
        )[:, 0]
        (gradient,) = torch.autograd.grad((modelled - waves).abs().square().sum(), leaf)
        return float(gradient.abs().max())

    torch.testing.assert_close(
        overlap.exit_waves(views),
        exit_waves(
            picture, probe, scan.corners_n2, shifts_B2=scan.shifts_n2, scale_B=scan.scale_n
        )[:, 0],
    )
    overlap.fit_object(waves, views, 0.0)
    assert gradient_over(picture) < 1e-10
    before = gradient_over(probe)
    for _ in range(40 if shifted else 1):
        overlap.fit_probe(waves, views, 0.0)
    assert gradient_over(probe) < 1e-10 + (1e-3 * before if shifted else 0)


def test_the_probe_fit_between_pixels_does_not_grow_where_the_weight_falls_steeply() -> None:
    scene = make_scene(frames=60, masked=False)
    scene.object_MYX[:, :, 5::10] *= 1e-2
    scene.scan.corners_n2[:, 1] = 0
    overlap = Overlap(scene.scan, scene.object_MYX, scene.probe_NHW, deterministic=True)
    views = all_views(scene)
    waves = overlap.exit_waves(views)
    scene.probe_NHW.mul_(1.5)
    off = [float((overlap.exit_waves(views) - waves).abs().square().sum())]
    for _ in range(60):
        overlap.fit_probe(waves, views, 0.0)
        off.append(float((overlap.exit_waves(views) - waves).abs().square().sum()))
    assert all(after < 1.001 * before for before, after in pairwise(off))


def test_rolling_takes_the_waves_of_all_views_along() -> None:
    scene = make_scene(shifted=False, masked=False)
    scene.scan.corners_n2.clamp_(4, 10)
    scene.probe_NHW[:, :3], scene.probe_NHW[:, :, :3] = 0, 0
    overlap = Overlap(scene.scan, scene.object_MYX, scene.probe_NHW, deterministic=True)
    views = all_views(scene)
    waves = overlap.exit_waves(views)
    far = propagate(waves)
    mean = 2 * scene.object_MYX
    iterate = Iterate(
        scene.object_MYX, scene.probe_NHW, pictures=[mean], waves=[waves], far_fields=[far]
    )
    iterate.roll((-2, -3))
    torch.testing.assert_close(overlap.exit_waves(views), waves)
    torch.testing.assert_close(propagate(waves), far)
    iterate.turn(0.7)
    iterate.rescale(1.3)
    torch.testing.assert_close(overlap.exit_waves(views), waves)
    torch.testing.assert_close(mean, 2 * scene.object_MYX)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_recentring_does_not_change_the_course_of_a_run(algorithm: Algorithm) -> None:
    scan = simulate(0.7, 1e5, 0, grid=3)
    start = disk_start(scan)
    start = replace(start, probe_NHW=np.roll(start.probe_NHW, (4, -3), (0, 1)))
    losses = []
    for recentre in (True, False):
        recipe = recipe_of(algorithm, 2)
        recipe = replace(recipe, gauge=replace(recipe.gauge, recentre=recentre))
        states = list(reconstruct(dataset_of(scan), recipe, start, device="cpu"))
        losses.append([state.loss.data for state in states])
        peak = np.abs(states[0].probe_NHW()[0]) > 0.5 * np.abs(states[0].probe_NHW()[0]).max()
        middle = np.argwhere(peak).mean(axis=0)
        assert np.allclose(middle, (32, 32) if recentre else (36, 29), atol=0.5)
    # What a roll brings round the rim of the object is not the same: it hardly counts.
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)


@pytest.mark.parametrize(("algorithm", "count"), [("epie", 40), ("dm", 40), ("admm", 40)])
def test_an_easy_scan_is_recovered(algorithm: Algorithm, count: int) -> None:
    scan = simulate(0.7, 1e6, 0, grid=5)
    recipe = recipe_of(algorithm, count, probe_after=2)
    states = list(reconstruct(dataset_of(scan), recipe, disk_start(scan), device="cpu"))
    assert align(states[-1].object_MYX()[0], scan.object_YX, scan.region).cpcc > 0.9
    assert len(states) == count == states[-1].epochs
    assert states[-1].loss.data < 0.2 * states[0].loss.data
    assert states[-1].loss.prior == 0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_truth_stays_between_pixels_and_in_changing_light(
    algorithm: Algorithm,
) -> None:
    scan = simulate(0.7, 1e5, 0, grid=3)
    random = np.random.default_rng(5)
    positions = scan.positions_px + random.uniform(-0.5, 0.5, scan.positions_px.shape)
    scale = random.uniform(0.5, 1.5, len(positions))
    corners, shifts = split_positions(torch.from_numpy(positions))
    counts = model_counts(
        torch.from_numpy(scan.object_YX)[None],
        torch.from_numpy(scan.probe_HW)[None],
        corners,
        shifts_B2=shifts.float(),
        scale_B=torch.from_numpy(scale).float(),
    )
    dataset = Dataset(frames=ArrayFrames(counts.numpy()), positions_px=positions, scale_n=scale)
    rows, columns = dataset.object_shape_YX
    truth = scan.object_YX[:rows, :columns]
    start = StartingPoint(object_MYX=truth, probe_NHW=scan.probe_HW)
    recipe = recipe_of(algorithm, 4)
    recipe = replace(recipe, start=replace(recipe.start, probe_noise=0.0))
    *_, state = reconstruct(dataset, recipe, start, device="cpu")
    assert state.loss.data < 1e-4 * counts.mean()
    y0, y1, x0, x1 = scan.region
    assert align(state.object_MYX()[0], truth, (y0, y1 - 2, x0, x1 - 2)).cpcc > 0.9999


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_run_that_is_cut_and_resumed_gives_the_same_numbers(algorithm: Algorithm) -> None:
    recipe, dataset = recipe_of(algorithm, 5, probe_states=2, probe_after=1), small_dataset()
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
def test_masked_pixels_do_not_matter(algorithm: Algorithm) -> None:
    recipe = recipe_of(algorithm, 3, probe_states=2)
    runs = [
        list(reconstruct(small_dataset(junk=junk), recipe, device="cpu")) for junk in (0.0, 6e4)
    ]
    assert same(runs[0][-1], runs[1][-1])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_probe_waits(algorithm: Algorithm) -> None:
    recipe = recipe_of(algorithm, 3, probe_after=2)
    recipe = replace(recipe, gauge=replace(recipe.gauge, recentre=False, scale=False))
    probes = [s.probe_NHW() for s in reconstruct(small_dataset(), recipe, device="cpu")]
    assert np.allclose(probes[0], probes[1], rtol=1e-5, atol=1e-6)
    assert not np.allclose(probes[1], probes[2], rtol=1e-2)


def test_views_that_join_later_begin_with_object_times_probe() -> None:
    scene = make_scene(dtype=torch.complex64)
    recipe = recipe_of("dm", 2)
    fit = DifferenceMap(scene.scan, recipe, scene.object_MYX, scene.probe_NHW)
    few = np.arange(5, dtype=np.intp)
    first, _ = epochs(recipe, 7, lambda: few)
    fit.epoch(first)
    assert fit.waves_VNHW[:5].any() and not fit.waves_VNHW[5:].any()
    _, second = epochs(recipe, 7, lambda: np.arange(7, dtype=np.intp))
    fit.epoch(second)
    assert fit.waves_VNHW[5:].any() and torch.isfinite(fit.object_MYX.abs()).all()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_several_object_states_are_refused(algorithm: Algorithm) -> None:
    recipe = recipe_of(algorithm, 2, object_states=2)
    with pytest.raises(RecipeError, match=r"recipe\.object_states: found 2; expected 1"):
        next(reconstruct(small_dataset(), recipe, device="cpu"))


@pytest.mark.parametrize("algorithm", ["dm", "admm"])
def test_waves_that_do_not_fit_are_refused_with_their_size(algorithm: Algorithm) -> None:
    scan = simulate(0.7, 1e4, 0, grid=8)
    bound_GB = 0.006
    next(reconstruct(dataset_of(scan), recipe_of("epie", 1), device="cpu", memory_GB=bound_GB))
    with pytest.raises(EngineError, match=rf"waves of all views \({algorithm} keeps") as told:
        recipe = recipe_of(algorithm, 1)
        next(reconstruct(dataset_of(scan), recipe, device="cpu", memory_GB=bound_GB))
    needed_GB = float(str(told.value).split()[-2])
    next(reconstruct(dataset_of(scan), recipe, device="cpu", memory_GB=1.01 * needed_GB))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_divergence_names_knobs_of_the_algorithm(algorithm: Algorithm) -> None:
    start = StartingPoint(probe_NHW=np.full((12, 10), 1e30, np.complex64))
    with pytest.raises(Diverged, match=rf"epoch 1: .* {algorithm}\."):
        next(reconstruct(small_dataset(), recipe_of(algorithm, 1), start, device="cpu"))
