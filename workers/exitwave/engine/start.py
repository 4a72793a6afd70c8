"""Where a run begins: object and probe from the autocorrelation of the patterns.

Object: R = sum of the patterns' autocorrelations put at their positions over the sum of the
mean pattern's autocorrelation put there, smoothed; O = b1 [R exp(b2 R) + noise] with mean
modulus 1. Probe: mean over views of |FT^-1 sqrt I| plus noise, times
zeta = sum(sqrt I sqrt D) / sum D, the amplitude scale of least squares (docs/method.md,
eqs. 15 to 17; Wu et al., Optica 11 (2024), doi 10.1364/OPTICA.522380).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exitwave.schema.errors import DataError
from exitwave.schema.recipe import Recipe

from .forward import model_counts
from .memory import view_work_bytes
from .propagate import propagate_back
from .scan import Scan

SLAB = 16
"""Frames worked on at a time, or fewer where memory is short: more of them leave the cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartingPoint:
    """A probe or an object, or both, known beforehand.

    Parameters
    ----------
    object_MYX : ndarray, complex (M, Y, X) or (Y, X), optional
        In the frame and of the shape of the dataset's object.
    probe_NHW : ndarray, complex (N, H, W) or (H, W), optional
        Centred in its window; carries the photons. States that the recipe has more are made.
    """

    object_MYX: NDArray[np.complexfloating] | None = None
    probe_NHW: NDArray[np.complexfloating] | None = None


def begin(scan: Scan, recipe: Recipe, given: StartingPoint | None) -> tuple[Tensor, Tensor]:
    """Object (M, Y, X) and probe (N, H, W), complex64, on the scan's device.

    Raises
    ------
    DataError
        A given object or probe has another shape than the dataset asks for.
    """
    random = np.random.default_rng([recipe.seed, 0])
    given = given or StartingPoint()
    if given.object_MYX is None:
        object_MYX = object_from_autocorrelation(scan, recipe, random)
    else:
        shape = (recipe.object_states, *scan.object_shape_YX)
        object_MYX = _given(given.object_MYX, "start.object_MYX", shape).to(scan.device)
    known = None
    if given.probe_NHW is not None:
        states = np.shape(given.probe_NHW)[0] if np.ndim(given.probe_NHW) == 3 else 1
        shape = (min(max(1, states), recipe.probe_states), *scan.window_HW)
        known = _given(given.probe_NHW, "start.probe_NHW", shape).to(scan.device)
    first_HW = probe_from_autocorrelation(scan) if known is None else known[0]
    probe_NHW = _further_states(first_HW, recipe, random)
    if known is None:
        probe_NHW *= amplitude_scale(scan, object_MYX, probe_NHW)
    else:
        probe_NHW[: len(known)] = known
    return object_MYX, probe_NHW


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
    mean_spot_HW = _autocorrelation(mean_HW)
    for chosen in _slabs(scan):
        spots_BHW = _autocorrelation(scan.light(chosen))
        corners = scan.corners_n2[chosen[0] : chosen[-1] + 1].tolist()
        for (y, x), spot_HW in zip(corners, spots_BHW, strict=True):
            here = (slice(y, y + spot_HW.shape[0]), slice(x, x + spot_HW.shape[1]))
            measured_YX[here] += spot_HW
            expected_YX[here] += mean_spot_HW
    # Off the scan both are nearly zero: there the object starts at 1.
    floor = 1e-2 * expected_YX.max()
    ratio_YX = _smoothed((measured_YX + floor) / (expected_YX + floor), start.object_blur_px)
    object_YX = ratio_YX * torch.exp(start.object_exponent * ratio_YX)
    shape_MYX = (recipe.object_states, *scan.object_shape_YX)
    noise_MYX = _complex_noise(random, shape_MYX, scan.device)
    noise_MYX[0] *= start.object_noise
    noise_MYX[1:] *= start.further_states
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
        index = torch.from_numpy(chosen).to(scan.device)
        model_BHW = model_counts(object_MYX, probe_NHW, scan.corners_n2[index])
        if (valid := scan.valid(chosen)) is not None:
            model_BHW = model_BHW * valid
        product += float((scan.light(chosen).sqrt() * model_BHW.sqrt()).sum())
        power += float(model_BHW.sum())
    return product / power if power > 0 else 1.0


def _further_states(first_HW: Tensor, recipe: Recipe, random: np.random.Generator) -> Tensor:
    """Noise on the first state; the others modulate it by x, y, xy, ..., orthogonally."""
    shape_HW = (first_HW.shape[0], first_HW.shape[1])
    rms = first_HW.abs().square().mean().sqrt()
    noise = recipe.start.probe_noise * rms
    states: list[Tensor] = []
    for n, (power_y, power_x) in zip(range(recipe.probe_states), _powers(), strict=False):
        y_H, x_W = (torch.linspace(-1, 1, size, device=first_HW.device) for size in shape_HW)
        state_HW = first_HW * (y_H**power_y)[:, None] * (x_W**power_x)
        for other_HW in states:
            share = torch.vdot(other_HW.flatten(), state_HW.flatten())
            state_HW = state_HW - other_HW * share / other_HW.abs().square().sum()
        if n > 0:
            wanted = recipe.start.further_states * rms
            state_HW = state_HW * (
                wanted / state_HW.abs().square().mean().sqrt().clamp_min(1e-30)
            )
        states.append(state_HW)
    made_NHW = torch.stack(states)
    shape_NHW = (len(states), *shape_HW)
    return made_NHW + noise * _complex_noise(random, shape_NHW, first_HW.device)


def _powers() -> list[tuple[int, int]]:
    """Powers of (y, x) in growing degree."""
    return [(degree - i, i) for degree in range(8) for i in range(degree + 1)]


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


def _complex_noise(
    random: np.random.Generator, shape: tuple[int, ...], device: torch.device
) -> Tensor:
    parts = random.standard_normal((2, *shape)) / np.sqrt(2)
    return torch.from_numpy((parts[0] + 1j * parts[1]).astype(np.complex64)).to(device)


def _given(values: NDArray[np.complexfloating], key: str, shape: tuple[int, ...]) -> Tensor:
    try:
        array = np.array(values, dtype=np.complex64, ndmin=3)[: shape[0]]
    except (TypeError, ValueError) as error:
        raise DataError(key, type(values).__name__, "an array of complex numbers") from error
    if array.shape != shape:
        raise DataError(key, f"shape {np.shape(values)}", f"shape {shape} or without the first")
    if not np.isfinite(array).all():
        raise DataError(key, "non-finite values", "finite complex numbers")
    if not array.any():
        raise DataError(key, "nothing but zeros", "a wave with light: zero is never left")
    return torch.from_numpy(array)


def _slabs(scan: Scan, object_states: int = 1, probe_states: int = 1) -> list[NDArray[np.intp]]:
    slab = scan.views_at_once(
        view_work_bytes(scan.window_HW, object_states, probe_states), SLAB
    )
    return [
        np.arange(begin, min(begin + slab, len(scan)), dtype=np.intp)
        for begin in range(0, len(scan), slab)
    ]
