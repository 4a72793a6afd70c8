"""Patterns modelled from a given object and probe."""

from __future__ import annotations

import numpy as np
import pytest

from exitwave.engine import ArrayFrames, Dataset
from exitwave.engine.assessment.evaluate import modelled_patterns
from exitwave.simulated_beamline.simulate import simulate

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


def misfit(dataset: Dataset, object_MYX: np.ndarray, probe_NHW: np.ndarray, **options) -> float:
    """Mean square difference of amplitudes over the valid pixels of the chosen patterns."""
    valid = np.ones((64, 64), bool) if dataset.mask_HW is None else dataset.mask_HW
    squares = [
        (np.sqrt(part.model_BHW[:, valid]) - np.sqrt(part.counts_BHW[:, valid])) ** 2
        for part in modelled_patterns(
            dataset, {"object": object_MYX, "probe": probe_NHW}, CHOSEN, device="cpu", **options
        )
    ]
    return float(np.concatenate(squares).mean())


@pytest.mark.parametrize(("scale", "mask"), [(False, False), (True, True)])
def test_truth_models_every_pattern(scale: bool, mask: bool) -> None:
    dataset, object_MYX, probe_NHW = exact(scale, mask)
    parameters = {"object": object_MYX, "probe": probe_NHW}
    parts = list(modelled_patterns(dataset, parameters, CHOSEN, device="cpu"))
    np.testing.assert_array_equal(np.concatenate([part.chosen for part in parts]), CHOSEN)
    model, counts = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("model_BHW", "counts_BHW")
    )
    valid = np.ones((64, 64), bool) if dataset.mask_HW is None else dataset.mask_HW
    tolerance = 1e-4 * counts[:, valid].max()
    np.testing.assert_allclose(model[:, valid], counts[:, valid], rtol=1e-3, atol=tolerance)
    assert not counts[:, ~valid].any()


def test_unknown_pixels_of_the_object_are_dark() -> None:
    dataset, object_MYX, probe_NHW = exact()
    holed = object_MYX.copy()
    holed[0, :20] = np.nan
    found = misfit(dataset, holed, probe_NHW)
    assert np.isfinite(found) and found > 100 * misfit(dataset, object_MYX, probe_NHW)


def test_positions_between_pixels_shift_the_probe() -> None:
    dataset, object_MYX, probe_NHW = exact()
    moved = Dataset(frames=dataset.frames, positions_px=dataset.positions_px + 0.4)
    shifted = misfit(moved, object_MYX, probe_NHW)
    assert misfit(moved, object_MYX, probe_NHW, subpixel="off") < 1e-6 < shifted
