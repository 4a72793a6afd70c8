"""Baselines: their parts by their defining properties."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from tests.support.baselines import recipe_of
from tests.unit.engine.scene import Scene, make_scene

from exitwave.engine.baselines import Admm, DifferenceMap, Epie
from exitwave.engine.baselines.modulus import gain, power
from exitwave.engine.baselines.overlap_projection import OverlapProjection, ViewSelection
from exitwave.engine.baselines.subpixel import SubpixelShift
from exitwave.engine.baselines.variables import VariablesWithoutMoments
from exitwave.engine.forward.illuminate import exit_waves
from exitwave.engine.forward.propagate import propagate
from exitwave.engine.schedule import epochs
from exitwave.schema.baselines import AdmmOptions, DifferenceMapOptions, EpieOptions
from exitwave.schema.sections import GaugeOptions


def all_views(scene: Scene) -> ViewSelection:
    chosen = np.arange(len(scene.scan), dtype=np.intp)
    return ViewSelection(chosen, torch.from_numpy(chosen))


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
        recipe_of("epie", 1),
        epie=EpieOptions(object_step=0.7, probe_step=0.6, step_decay=1, object_clip=0),
    )
    recipe = replace(recipe, gauge=GaugeOptions(recentre=False, phase=False, scale=False))
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


def test_epie_clips_the_object_after_an_epoch() -> None:
    largest = []
    for clip in (0.0, 0.8):
        scene = make_scene()
        recipe = replace(recipe_of("epie", 1), epie=EpieOptions(object_clip=clip))
        epoch = next(epochs(recipe, 7, lambda: np.arange(7, dtype=np.intp)))
        Epie(scene.scan, recipe, scene.object_MYX, scene.probe_NHW).epoch(epoch)
        largest.append(float(scene.object_MYX.abs().max()))
    assert largest[0] > 0.8 and largest[1] == pytest.approx(0.8)


@pytest.mark.parametrize("relax", [0.0, 0.25])
def test_a_difference_map_step_is_the_published_one(relax: float) -> None:
    """Of one view and state, against numpy and the formula in the paper."""
    scene = make_scene(frames=1, states=1, shifted=False, masked=False, scaled=False)
    recipe = replace(recipe_of("dm", 1), dm=DifferenceMapOptions(relax=relax))
    fit = DifferenceMap(scene.scan, recipe, scene.object_MYX, scene.probe_NHW)
    psi = random_waves(scene)
    fit.waves_VNHW.copy_(psi)
    model = 0.3 * random_waves(scene, seed=10)
    roots = scene.scan.intensities(np.arange(1)).double().sqrt()
    fit.measure(torch.arange(1), model, propagate(model), roots, None)
    far = np.fft.fft2((2 * model - psi).numpy(), norm="ortho")
    wanted = (1 - relax) * roots.numpy() + relax * np.abs(far)
    step = np.fft.ifft2(wanted * np.exp(1j * np.angle(far)), norm="ortho") - model.numpy()
    np.testing.assert_allclose(fit.waves_VNHW.numpy(), psi.numpy() + step)


def test_an_admm_step_is_the_saddle_point_of_the_lagrangian() -> None:
    """Z minimises the augmented Lagrangian, seen by autograd; multipliers add z - A."""
    scene = make_scene()
    recipe = replace(recipe_of("admm", 1), admm=AdmmOptions(penalty=0.7), probe_states=2)
    fit = Admm(scene.scan, recipe, scene.object_MYX, scene.probe_NHW)
    (multipliers,) = fit.multipliers
    u, exits = 0.2 * random_waves(scene), random_waves(scene, seed=10)
    multipliers.copy_(u)
    mask, counts = scene.scan.mask_HW, scene.scan.intensities(np.arange(7)).double()
    assert mask is not None
    model = propagate(exits)
    fit.measure(torch.arange(7), exits, model.clone(), counts.sqrt(), mask)
    z = (multipliers - u + model).requires_grad_()
    data = ((power(z).sqrt() - counts.sqrt()).square() * mask).sum() / 2
    value = data + 0.7 / 2 * (z - model + u).abs().square().sum()
    (gradient,) = torch.autograd.grad(value, z)
    assert float(gradient.abs().max()) < 1e-10
    torch.testing.assert_close(propagate(fit.waves_VNHW), z.detach() + multipliers)


def test_shifting_back_is_the_adjoint_of_shifting() -> None:
    scene = make_scene()
    index_B, waves = torch.arange(7), random_waves(scene)
    shifter = SubpixelShift(scene.scan, torch.complex128)
    there = torch.vdot(shifter.to_views(scene.probe_NHW, index_B).flatten(), waves.flatten())
    back = torch.vdot(scene.probe_NHW.flatten(), shifter.from_views(waves, index_B).flatten())
    torch.testing.assert_close(there, back)


@pytest.mark.parametrize("shifted", [False, True])
def test_fitted_object_and_probe_leave_no_gradient(shifted: bool) -> None:
    """Autograd on the reference's exit waves knows nothing of the fits' formulas."""
    scene = make_scene(frames=150, shifted=shifted, masked=False)
    scan, waves, views = scene.scan, random_waves(scene), all_views(scene)
    picture, probe = scene.object_MYX, scene.probe_NHW
    overlap = OverlapProjection(scan, picture, probe, deterministic=True)

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
    overlap = OverlapProjection(
        scene.scan, scene.object_MYX, scene.probe_NHW, deterministic=True
    )
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
    overlap = OverlapProjection(
        scene.scan, scene.object_MYX, scene.probe_NHW, deterministic=True
    )
    views = all_views(scene)
    waves = overlap.exit_waves(views)
    far = propagate(waves)
    mean = 2 * scene.object_MYX
    iterate = VariablesWithoutMoments(
        scene.object_MYX, scene.probe_NHW, pictures=[mean], waves=[waves], far_fields=[far]
    )
    iterate.roll((-2, -3))
    torch.testing.assert_close(overlap.exit_waves(views), waves)
    torch.testing.assert_close(propagate(waves), far)
    iterate.turn(0.7)
    iterate.rescale(1.3)
    torch.testing.assert_close(overlap.exit_waves(views), waves)
    torch.testing.assert_close(mean, 2 * scene.object_MYX)


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
