"""Parts of the forward model beside object and probe: intensity of each pattern, background."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.unit.engine.scene import Scene, make_scene

from exitwave.engine import ArrayFrames, Dataset, EpochState, InitialGuess, reconstruct
from exitwave.engine.assessment.fit_evidence import misfit
from exitwave.engine.data.scan import load
from exitwave.engine.forward import fitted_parts, model_counts, waves
from exitwave.engine.gradients.fused import FusedStep
from exitwave.engine.gradients.step import AutogradStep, make_step
from exitwave.engine.schedule import for_counts
from exitwave.quality import align, rectangle_of_centres
from exitwave.schema.errors import RecipeError
from exitwave.schema.parts import BackgroundOptions, IntensityOptions
from exitwave.schema.recipe import Recipe, Stage, recipe_from_mapping
from exitwave.simulated_beamline.simulate import SimulatedScan, simulate

CHOSEN = np.array([4, 0, 6, 2], dtype=np.intp)
STAGES = (
    Stage(epochs=40, batches=(4.0,)),
    Stage(epochs=40, batches=(6.0,), loss="poisson", background=0.1, object_rate=0.05),
)
INTENSITY, BACKGROUND = IntensityOptions(fit=True), BackgroundOptions(fit=True, smooth_px=8.0)


def named_of(scene: Scene) -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(3)
    factor_n = torch.rand(len(scene.scan), generator=random, dtype=torch.float64) + 0.5
    image_HW = torch.rand(scene.scan.window_HW, generator=random, dtype=torch.float64)
    return {
        **waves(scene.object_MYX, scene.probe_NHW),
        "intensity": factor_n,
        "background": image_HW,
    }


@pytest.mark.parametrize("loss", ["amplitude", "anscombe", "poisson", "gaussian"])
@pytest.mark.parametrize("without", ["", "intensity", "background"])
@pytest.mark.parametrize("effects", [False, True])
def test_the_fused_step_knows_both(loss: str, without: str, effects: bool) -> None:
    scene = make_scene(object_states=2, shifted=effects, masked=effects, scaled=effects)
    named = {name: values for name, values in named_of(scene).items() if name != without}
    (batch,) = scene.scan.feed([CHOSEN])
    fused, plain = make_step(scene.scan, named, [loss]), AutogradStep(scene.scan, named)
    assert isinstance(fused, FusedStep)
    with torch.no_grad():
        for _ in range(2):  # the second run must not see what the first left behind
            totals = [step.run(batch, loss, 0.5) for step in (fused, plain)]
    torch.testing.assert_close(*totals)
    for name in named:
        torch.testing.assert_close(fused.gradients[name], plain.gradients[name], msg=name)


def test_a_part_that_no_fast_step_knows_gets_the_reference() -> None:
    scene = make_scene()
    named = {**named_of(scene), "another": torch.zeros(3)}
    assert isinstance(make_step(scene.scan, named, ["amplitude"]), AutogradStep)


def test_counts_are_scaled_and_added_to() -> None:
    scene = make_scene(scaled=True)
    named, views = named_of(scene), scene.scan.views(torch.from_numpy(CHOSEN))
    plain = model_counts(waves(scene.object_MYX, scene.probe_NHW), views)
    expected = plain * named["intensity"][CHOSEN][:, None, None] + named["background"]
    torch.testing.assert_close(model_counts(named, views), expected)


@pytest.fixture(scope="module")
def truth() -> SimulatedScan:
    return simulate(0.5, None, 0, grid=6)


def disturbed(
    truth: SimulatedScan, flux_n: np.ndarray | float = 1.0, image_HW: np.ndarray | float = 0.0
) -> Dataset:
    """Counts with 1e4 photons in the brightest pattern, before what disturbs them."""
    light_nHW = truth.patterns_nHW / truth.patterns_nHW.sum((1, 2)).max() * 1e4
    light_nHW = light_nHW * np.reshape(flux_n, (-1, 1, 1)) + image_HW
    counts_nHW = np.random.default_rng(1).poisson(light_nHW)
    return Dataset(
        frames=ArrayFrames(np.fft.ifftshift(counts_nHW, axes=(1, 2))),
        positions_px=truth.positions_px,
    )


def run(truth: SimulatedScan, dataset: Dataset, **sections: object) -> EpochState:
    recipe = Recipe(stages=STAGES, **sections)
    start = InitialGuess(probe_NHW=truth.probe_HW[None])
    *_, state = reconstruct(dataset, recipe, start, device="cpu")
    return state


def cpcc(truth: SimulatedScan, state: EpochState) -> float:
    inner = rectangle_of_centres(truth.positions_px, truth.patterns_nHW.shape[1:])
    return align(state.object_MYX()[0], truth.object_YX, inner).cpcc


def test_intensities_are_found(truth: SimulatedScan) -> None:
    flux_n = np.random.default_rng(2).uniform(0.6, 1.4, 36)
    dataset = disturbed(truth, flux_n / flux_n.mean())
    plain, fitted = run(truth, dataset), run(truth, dataset, intensity=INTENSITY)
    found_n = fitted.parameters()["intensity"]
    assert found_n.mean() == pytest.approx(1, abs=1e-5)
    assert np.corrcoef(found_n, flux_n)[0, 1] > 0.8
    assert cpcc(truth, fitted) > cpcc(truth, plain) + 0.003


def test_a_background_is_found(truth: SimulatedScan) -> None:
    y, x = np.mgrid[-32:32, -32:32]
    image_HW = np.exp(-((y - 6) ** 2 + (x + 4) ** 2) / 2 / 20**2)
    image_HW *= 1500 / image_HW.sum()
    dataset = disturbed(truth, image_HW=image_HW)
    plain, fitted = run(truth, dataset), run(truth, dataset, background=BACKGROUND)
    found_HW = np.fft.fftshift(fitted.parameters()["background"])
    assert found_HW.min() >= 0
    assert np.corrcoef(found_HW.ravel(), image_HW.ravel())[0, 1] > 0.8
    assert cpcc(truth, fitted) > cpcc(truth, plain) + 0.01


def test_a_background_that_is_not_there_is_not_found(truth: SimulatedScan) -> None:
    """Roots of few counts tell light too small; a background would take up the rest."""
    dataset = disturbed(truth)
    plain, fitted = run(truth, dataset), run(truth, dataset, background=BACKGROUND)
    counts = dataset.frames.counts_nHW.sum() / 36
    assert fitted.parameters()["background"].sum() < 0.03 * counts
    assert cpcc(truth, fitted) > cpcc(truth, plain) - 0.01


def test_a_background_has_amplitudes_replaced_where_counts_are_whole() -> None:
    recipe = Recipe(stages=STAGES, background=BACKGROUND)
    assert [s.loss for s in for_counts(recipe, whole=True).stages] == ["anscombe", "poisson"]
    assert [s.loss for s in for_counts(recipe, whole=False).stages] == ["amplitude", "poisson"]
    plain = replace(recipe, background=BackgroundOptions())
    assert for_counts(plain, whole=True) == plain


def test_what_judges_a_run_sees_the_parts(truth: SimulatedScan) -> None:
    flux_n = np.where(np.arange(36) % 2, 0.5, 1.5)
    dataset = disturbed(truth, flux_n, 1.0)
    scan = load(dataset, Recipe(stages=STAGES), torch.device("cpu"))
    rows, columns = scan.object_shape_YX
    gain = 1e4 / truth.patterns_nHW.sum((1, 2)).max()
    named = {
        "object": torch.from_numpy(truth.object_YX[None, :rows, :columns]),
        "probe": torch.from_numpy(truth.probe_HW[None]) * gain**0.5,
        "intensity": torch.from_numpy(flux_n).float(),
        "background": torch.ones(64, 64),
    }
    every = np.arange(36)
    assert misfit(scan, named, every) == pytest.approx(1, abs=0.05)
    assert misfit(scan, {**named, "background": torch.zeros(64, 64)}, every) > 1.5
    assert misfit(scan, {**named, "intensity": torch.ones(36)}, every) > 1.15


def test_a_run_with_parts_goes_on_as_if_never_cut(truth: SimulatedScan) -> None:
    recipe = Recipe(
        stages=tuple(replace(stage, epochs=6) for stage in STAGES),
        intensity=INTENSITY,
        background=BACKGROUND,
    )
    dataset = disturbed(truth, np.linspace(0.8, 1.2, 36), 0.3)
    for state in reconstruct(dataset, recipe, device="cpu"):
        if state.epoch == 8:
            kept = state.checkpoint()
    *_, resumed = reconstruct(dataset, recipe, kept, device="cpu")
    whole = state.parameters()
    assert list(whole) == ["object", "probe", "intensity", "background"]
    for name, values in resumed.parameters().items():
        np.testing.assert_array_equal(values, whole[name])


@pytest.mark.parametrize("algorithm", ["epie", "dm", "admm"])
def test_baselines_refuse_parts(truth: SimulatedScan, algorithm: str) -> None:
    recipe = recipe_from_mapping({"algorithm": algorithm, "background": {"fit": True}})
    assert [part.name for part in fitted_parts(recipe)] == ["background"]
    with pytest.raises(RecipeError, match=r"background\.fit: found True; expected false"):
        next(reconstruct(disturbed(truth), recipe, device="cpu"))
