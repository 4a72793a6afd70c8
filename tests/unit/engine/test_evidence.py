"""Pixels left out of the fit, and deviances beside their noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.support.simulated import as_dataset

import exitwave.engine.session.session as session
from exitwave.engine import ArrayFrames, Dataset, InitialGuess, reconstruct
from exitwave.engine.assessment.fit_evidence import (
    gather_evidence,
    held_out_pixels,
    without_pixels,
)
from exitwave.engine.assessment.noise import PoissonNoise, half_deviance
from exitwave.engine.data.scan import Scan, load
from exitwave.engine.forward import waves
from exitwave.schema.recipe import Recipe, Stage
from exitwave.simulated_beamline.simulate import SimulatedScan, simulate

CPU = torch.device("cpu")
SHORT = Recipe(stages=(Stage(epochs=30, batches=(3.0, 6.0)),))


def dataset_of(photons: float = 1e4, **changes: object) -> tuple[Dataset, SimulatedScan]:
    scan = simulate(0.6, photons, 1, grid=6)
    return replace(as_dataset(scan), **changes), scan


def true_waves(
    dataset: Dataset, scan: SimulatedScan
) -> tuple[Scan, torch.Tensor, torch.Tensor]:
    loaded = load(dataset, SHORT, CPU)
    rows, columns = loaded.object_shape_YX
    object_MYX = torch.from_numpy(scan.object_YX[None, :rows, :columns])
    return loaded, object_MYX, torch.from_numpy(scan.probe_HW[None])


@pytest.mark.parametrize("model", [0.003, 0.1, 1.0, 7.0, 200.0, 1e5])
def test_the_noise_of_a_right_model_is_as_tabled(model: float) -> None:
    counts = torch.from_numpy(np.random.default_rng(0).poisson(model, 400_000)).double()
    models = torch.full_like(counts, model)
    off = half_deviance(models, counts)
    noise = PoissonNoise(CPU)
    mean, variance = (float(read(models[:1].float())) for read in (noise.mean, noise.variance))
    error = float(off.std()) / 400_000**0.5
    assert mean == pytest.approx(float(off.mean()), abs=5 * error + 0.002 * mean)
    assert variance == pytest.approx(float(off.var()), rel=0.05)


@pytest.mark.parametrize("photons", [1e3, 1e5])
def test_the_true_picture_is_at_its_noise_on_all_pixels(photons: float) -> None:
    loaded, object_MYX, probe_NHW = true_waves(*dataset_of(photons))
    held_HW = held_out_pixels(loaded, 0.05, seed=1)
    found = gather_evidence(
        loaded, held_HW, waves(object_MYX, probe_NHW), np.empty(0, dtype=np.intp), 1
    )
    for off, noise in ((found.fit_n, found.fit_noise_n), (found.held_n, found.held_noise_n)):
        assert off.sum() / noise.sum() == pytest.approx(1, abs=0.1)
    scores = (found.fit_n - found.fit_noise_n) / found.fit_spread_n
    assert np.abs(scores).max() < 6
    assert found.held_mean_n.sum() > 1.5 * found.held_n.sum()
    assert found.explained() > 0.9
    assert found.light_n == pytest.approx(found.model_light_n, rel=0.2)


def test_pixels_left_out_are_not_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever they hold, the run is the same to the last bit."""
    dataset, _ = dataset_of()
    loaded = load(dataset, SHORT, CPU)
    held_HW = held_out_pixels(loaded, SHORT.held_out_pixels, SHORT.seed)
    assert held_HW is not None
    frames = dataset.frames.read(np.arange(36)).copy()
    *_, one = reconstruct(dataset, SHORT)
    # Frames among each other; which pixels are left out stays the same.
    monkeypatch.setattr(session, "held_out_pixels", lambda scan, share, seed: held_HW)
    spoilt = frames.copy()
    spoilt[:, held_HW.numpy()] = spoilt[::-1][:, held_HW.numpy()]
    start = InitialGuess(object_MYX=one.object_MYX(), probe_NHW=one.probe_NHW())
    runs = []
    for counts in (frames, spoilt):
        given = replace(dataset, frames=ArrayFrames(counts))
        *_, last = reconstruct(given, SHORT, start)
        runs.append(last)
    assert np.array_equal(runs[0].object_MYX(), runs[1].object_MYX())
    one_n, other_n = (run.evidence().held_n for run in runs)
    assert other_n.sum() > 1.5 * one_n.sum()


def test_pixels_are_chosen_by_seed_share_and_mask() -> None:
    mask_HW = np.ones((64, 64), bool)
    mask_HW[10:20] = False
    loaded = load(dataset_of(mask_HW=mask_HW)[0], SHORT, CPU)
    one, again, other = (held_out_pixels(loaded, 0.02, seed) for seed in (1, 1, 2))
    assert one is not None and again is not None and other is not None
    assert torch.equal(one, again) and not torch.equal(one, other)
    lit_HW = (loaded.mean_light() > 0.02 * loaded.mean_light().mean()).numpy() & mask_HW
    assert 5 <= int(one.sum()) <= 0.02 * lit_HW.sum() + 1
    assert not (one.numpy() & ~lit_HW).any(), "dark pixels tell nothing"
    assert not (one.numpy() & ~mask_HW).any()
    assert not bool(one[0, 0]), "the direct beam holds too much to be missed"
    assert held_out_pixels(loaded, 0.0, 1) is None
    kept = without_pixels(loaded, one).mask_HW
    assert kept is not None and int(kept.sum()) == int(mask_HW.sum()) - int(one.sum())


def test_a_wrong_picture_foretells_nothing() -> None:
    dataset, _ = dataset_of(1e4)
    swapped = replace(dataset, positions_px=dataset.positions_px[:, ::-1])
    long = Recipe(stages=(Stage(epochs=100, batches=(3.0, 6.0, 12.0)),))
    shares = []
    for given in (dataset, swapped):
        *_, last = reconstruct(given, long)
        assert last.evidence().fitted_n.all()
        shares.append(last.evidence().explained())
    assert shares[0] > 0.6 > 0.3 > shares[1]
