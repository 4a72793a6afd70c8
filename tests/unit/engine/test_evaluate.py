"""Patterns modelled from a given object and probe."""

from __future__ import annotations

import numpy as np
import pytest

from exitwave.beamline.simulate import simulate
from exitwave.engine import ArrayFrames, Dataset
from exitwave.engine.evaluate import modelled_patterns, pattern_fit

CHOSEN = np.array([3, 0, 24, 11, *range(12, 24)] * 2)


def exact(scale: bool = False, mask: bool = False):
    """A noise-free scan, its object and its probe."""
    scan = simulate(0.5, None, 0, grid=5)
    counts = np.fft.ifftshift(scan.patterns_nHW, axes=(1, 2)).copy()
    scale_n = np.linspace(0.5, 2, 25) if scale else None
    if scale_n is not None:
        counts *= scale_n[:, None, None].astype(np.float32)
    mask_HW = None
    if mask:
        mask_HW = np.random.default_rng(0).random((64, 64)) > 0.2
        counts[:, ~mask_HW] = 7e4
    dataset = Dataset(
        frames=ArrayFrames(counts),
        positions_px=scan.positions_px,
        scale_n=scale_n,
        mask_HW=mask_HW,
    )
    return dataset, scan.object_YX[None], scan.probe_HW[None]


@pytest.mark.parametrize(("scale", "mask"), [(False, False), (True, True)])
def test_truth_models_every_pattern(scale: bool, mask: bool) -> None:
    dataset, object_MYX, probe_NHW = exact(scale, mask)
    parts = list(modelled_patterns(dataset, object_MYX, probe_NHW, CHOSEN, device="cpu"))
    np.testing.assert_array_equal(np.concatenate([part.chosen for part in parts]), CHOSEN)
    model, counts = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("model_BHW", "counts_BHW")
    )
    valid = np.ones((64, 64), bool) if dataset.mask_HW is None else dataset.mask_HW
    tolerance = 1e-4 * counts[:, valid].max()
    np.testing.assert_allclose(model[:, valid], counts[:, valid], rtol=1e-3, atol=tolerance)
    assert not counts[:, ~valid].any()


def test_losses_are_means_per_valid_pixel() -> None:
    dataset, object_MYX, probe_NHW = exact(mask=True)
    exactly = pattern_fit(dataset, object_MYX, probe_NHW, CHOSEN, device="cpu")
    assert exactly.patterns == len(CHOSEN)
    assert exactly.amplitude < 1e-6
    # Twice the amplitude: four times the counts, (sqrt(4 I) - sqrt I)^2 = I.
    doubled = pattern_fit(dataset, object_MYX, 2 * probe_NHW, CHOSEN, device="cpu")
    counts = dataset.frames.read(CHOSEN)[:, dataset.mask_HW].astype(float)
    assert doubled.amplitude == pytest.approx(counts.mean(), rel=1e-3)
    assert doubled.poisson == pytest.approx((3 - np.log(4)) * counts.mean(), rel=1e-3)


def test_unknown_pixels_of_the_object_are_dark() -> None:
    dataset, object_MYX, probe_NHW = exact()
    holed = object_MYX.copy()
    holed[0, :20] = np.nan
    found = pattern_fit(dataset, holed, probe_NHW, np.arange(25), device="cpu")
    exactly = pattern_fit(dataset, object_MYX, probe_NHW, np.arange(25), device="cpu")
    assert np.isfinite(found.poisson)
    assert found.amplitude > 100 * exactly.amplitude


def test_positions_between_pixels_shift_the_probe() -> None:
    dataset, object_MYX, probe_NHW = exact()
    moved = Dataset(frames=dataset.frames, positions_px=dataset.positions_px + 0.4)
    on = pattern_fit(moved, object_MYX, probe_NHW, CHOSEN, device="cpu")
    off = pattern_fit(moved, object_MYX, probe_NHW, CHOSEN, subpixel="off", device="cpu")
    assert off.amplitude < 1e-6 < on.amplitude
