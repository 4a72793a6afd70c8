"""Object and probe from the autocorrelation of the patterns.

Object: R = sum of the patterns' autocorrelations put at their positions over the sum of the
mean pattern's autocorrelation put there, smoothed; O = b1 [R exp(b2 R) + noise] with mean
modulus 1. Probe: mean over views of |FT^-1 sqrt I| plus noise, times
zeta = sum(sqrt I sqrt D) / sum D, the amplitude scale of least squares (docs/method.md,
eqs. 15 to 17; Wu et al., Optica 11 (2024), doi 10.1364/OPTICA.522380).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exitwave.schema.recipe import Recipe

from ..data.memory import view_work_bytes
from ..data.scan import Scan
from ..forward import Views, model_counts, waves
from ..forward.propagate import propagate_back
from .states import complex_noise

SLAB = 16
"""Frames worked on at a time, or fewer where memory is short: more of them leave the cache."""


def object_from_autocorrelation(
    scan: Scan, recipe: Recipe, random: np.random.Generator
) -> Tensor:
    """Object (M, Y, X), complex64, with mean modulus 1; states differ by their noise."""
    start = recipe.start
    measured_YX = torch.zeros(scan.object_shape_YX, device=scan.device)
    expected_YX = torch.zeros(scan.object_shape_YX, device=scan.device)
    mean_HW = torch.zeros(scan.window_HW, device=scan.device)
    for chosen in _slabs(scan):
        mean_HW += scan.light(chosen).sum(0) / len(scan)
    mean_correlation_HW = _autocorrelation(mean_HW)
    for chosen in _slabs(scan):
        correlations_BHW = _autocorrelation(scan.light(chosen))
        corners = scan.corners_n2[chosen[0] : chosen[-1] + 1].tolist()
        for (y, x), correlation_HW in zip(corners, correlations_BHW, strict=True):
            here = (
                slice(y, y + correlation_HW.shape[0]),
                slice(x, x + correlation_HW.shape[1]),
            )
            measured_YX[here] += correlation_HW
            expected_YX[here] += mean_correlation_HW
    # Off the scan both are nearly zero: there the object starts at 1.
    floor = 1e-2 * expected_YX.max()
    ratio_YX = _smoothed(
        (measured_YX + floor) / (expected_YX + floor), start.initial_object_sigma_px
    )
    object_YX = ratio_YX * torch.exp(start.object_exponent * ratio_YX)
    shape_MYX = (recipe.object_states, *scan.object_shape_YX)
    noise_MYX = complex_noise(random, shape_MYX, scan.device)
    noise_MYX[0] *= start.object_noise
    noise_MYX[1:] *= start.extra_states_amplitude
    object_MYX = object_YX.to(torch.complex64) + noise_MYX
    return object_MYX / object_MYX.abs().mean()


def probe_from_autocorrelation(scan: Scan) -> Tensor:
    """Mean over views of |FT^-1 sqrt I|, centred, (H, W) complex64."""
    mean_HW = torch.zeros(scan.window_HW, device=scan.device)
    for chosen in _slabs(scan):
        mean_HW += _autocorrelation(scan.light(chosen).sqrt()).sum(0)
    return (mean_HW / len(scan)).to(torch.complex64)


def amplitude_scale(scan: Scan, object_MYX: Tensor, probe_NHW: Tensor) -> float:
    """zeta: the factor on the probe that fits modelled to measured amplitudes best."""
    product = power = 0.0
    states = object_MYX.shape[0], probe_NHW.shape[0]
    for chosen in _slabs(scan, *states):
        index_B = torch.from_numpy(chosen).to(scan.device)
        # Probes on whole pixels and equal flux are near enough for one factor.
        views = Views(corners_B2=scan.corners_n2[index_B])
        model_BHW = model_counts(waves(object_MYX, probe_NHW), views)
        if (valid := scan.valid(chosen)) is not None:
            model_BHW = model_BHW * valid
        product += float((scan.light(chosen).sqrt() * model_BHW.sqrt()).sum())
        power += float(model_BHW.sum())
    return product / power if power > 0 else 1.0


def _autocorrelation(patterns: Tensor) -> Tensor:
    """|FT^-1| of patterns (..., H, W) with DC at the corner, centred in the window."""
    centred: Tensor = torch.fft.fftshift(propagate_back(patterns).abs(), dim=(-2, -1))
    return centred


def _smoothed(picture_YX: Tensor, sigma_px: float) -> Tensor:
    """Gaussian blur, mirrored at the rim by an even extension, through a Fourier transform."""
    if sigma_px == 0:
        return picture_YX
    even = torch.cat([picture_YX, picture_YX.flip(0)], 0)
    even = torch.cat([even, even.flip(1)], 1)
    decay = [
        torch.exp(-2 * (torch.pi * sigma_px * torch.fft.fftfreq(n, device=even.device)) ** 2)
        for n in even.shape
    ]
    blurred: Tensor = torch.fft.ifft2(torch.fft.fft2(even) * decay[0][:, None] * decay[1]).real
    return blurred[: picture_YX.shape[0], : picture_YX.shape[1]]


def _slabs(scan: Scan, object_states: int = 1, probe_states: int = 1) -> list[NDArray[np.intp]]:
    slab = scan.views_at_once(
        view_work_bytes(scan.window_HW, object_states, probe_states), SLAB
    )
    return [
        np.arange(begin, min(begin + slab, len(scan)), dtype=np.intp)
        for begin in range(0, len(scan), slab)
    ]
