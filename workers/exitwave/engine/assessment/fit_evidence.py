"""What tells a right picture from a wrong one without knowing the truth.

A wrong picture of few views can fit its patterns perfectly; what it has not seen it does not
foretell. So a few of the detector's pixels are left out of the fit, the same in all patterns
and chosen by the seed. After a run the half Poisson deviance (`noise`) of every pattern is
summed over the fitted pixels and over those left out, beside what the model's own noise would
give, and beside what no model at all foretells: the mean pattern with the frame's light
(docs/method.md, eqs. 22 to 24).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.memory import view_work_bytes
from ..data.scan import Scan
from ..forward import Named, model_counts
from .noise import PoissonNoise, half_deviance

SLAB = 16
"""Patterns worked on at a time, or fewer where memory is short."""

MAPS_BYTES = 64
"""Of device memory for each pixel of a pattern: model, counts, deviances, their noise."""

ILLUMINATED_SHARE = 0.02
"""Of the mean light of a pixel: dimmer ones are not asked."""

ILLUMINATED_COUNTS = 10.0
"""In all patterns together: fewer would choose pixels by the luck of their counts."""

BRIGHT_SHARE = 0.01
"""Of a pattern's light in one pixel: such a pixel is always fitted."""

FLOOR_SHARE = 0.02
"""Of the mean pattern, added to the model: a speckle's zero must not outweigh all others."""

MIXES = (0.0, 0.1, 0.2, 0.35, 0.5, 0.7)
"""Shares of the mean pattern in mixtures with the model. What a picture foretells is judged by
the best of them: at a low dose it is blurred by its own noise, yet tells more than no model."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Half deviances of every pattern, summed over pixels; (n,) each.

    Attributes
    ----------
    epoch : int
        After which they were taken.
    counted : bool
        Patterns are whole counts: their noise is known.
    fitted_n : ndarray of bool
        Frames that were fitted.
    fit_n, fit_noise_n : ndarray
        On the fitted pixels: model against counts, and what the model's noise would give.
    fit_spread_n : ndarray
        Standard deviation of the latter.
    fit_mean_n : ndarray
        The mean pattern against counts.
    held_mixes_nK : ndarray (n, K)
        On the pixels left out: mixtures of the model with the mean pattern, by `MIXES`.
    held_noise_n, held_mean_n : ndarray
        What the model's noise would give there, and the mean pattern against counts.
    light_n, model_light_n : ndarray
        Counts on the fitted pixels, measured and modelled.
    hidden_light_n : ndarray
        Modelled counts on pixels that are masked for all frames.
    """

    epoch: int
    counted: bool
    fitted_n: NDArray[np.bool_]
    fit_n: Floats
    fit_noise_n: Floats
    fit_spread_n: Floats
    fit_mean_n: Floats
    held_mixes_nK: Floats
    held_noise_n: Floats
    held_mean_n: Floats
    light_n: Floats
    model_light_n: Floats
    hidden_light_n: Floats

    @property
    def held_n(self) -> Floats:
        """Of the model alone on the pixels left out, (n,)."""
        model_n: Floats = self.held_mixes_nK[:, 0]
        return model_n

    def signal(self) -> float:
        """How much there is to explain: the mean pattern's deviance on fitted pixels.

        Beyond noise and in units of the noise; infinite where noise is not known.
        """
        if not self.counted:
            return math.inf
        return _sum(self.fit_mean_n) / max(_sum(self.fit_noise_n), _TINY) - 1

    def unexplained_n(self) -> Floats:
        """Of what the mean pattern leaves to explain on fitted pixels, what is left, (n,)."""
        noise_n = self.fit_noise_n if self.counted else np.zeros_like(self.fit_noise_n)
        room_n = np.maximum(self.fit_mean_n - noise_n, 1e-3 * self.fit_mean_n)
        left_n: Floats = (self.fit_n - noise_n) / np.maximum(room_n, _TINY)
        return left_n

    def unexplained(self) -> float:
        """The same of all fitted frames together, from 0 on."""
        chosen = self.fitted_n
        fit, noise, mean = (
            _sum(values[chosen]) for values in (self.fit_n, self.fit_noise_n, self.fit_mean_n)
        )
        known = noise if self.counted else 0.0
        return max(0.0, fit - known) / max(mean - known, 1e-3 * mean, _TINY)

    def explained(self) -> float:
        """Share of what a perfect model would foretell on pixels left out, 0 to 1.

        Of the mean pattern's deviance beyond noise, how much the best mixture takes away. 0:
        the picture foretells no more than no model at all. Frames that were not fitted are
        not asked: they may be so since nothing explains them. nan where no pixel was left out.
        """
        chosen = self.fitted_n
        if not self.held_mean_n.any():
            return math.nan
        noise = _sum(self.held_noise_n[chosen]) if self.counted else 0.0
        mean = _sum(self.held_mean_n[chosen])
        best = min(mean, float(self.held_mixes_nK[chosen].sum(axis=0).min()))
        return (mean - best) / max(mean - noise, 1e-3 * mean, _TINY)

    def merit(self) -> float:
        """What a picture is compared by with those of other runs: the more, the better."""
        explained = self.explained()
        return 1 - self.unexplained() if math.isnan(explained) else explained

    def less(self, frames: NDArray[np.intp]) -> Evidence:
        """The same with these frames counted as not fitted."""
        fitted_n = self.fitted_n.copy()
        fitted_n[frames] = False
        return replace(self, fitted_n=fitted_n)


_TINY = 1e-30


def _sum(values: Floats) -> float:
    return float(values.sum())


def held_out_pixels(scan: Scan, share: float, seed: int) -> Tensor | None:
    """Pixels (H, W) to leave out of the fit, True = left out; none where `share` is 0.

    A share of the illuminated ones, bright and dim ones alike; others tell nothing. Never a
    pixel that holds much of a pattern's light: it would be missed.
    """
    if share <= 0:
        return None
    mean_HW = scan.mean_light()
    may_HW = illuminated_pixels(scan, mean_HW) & (mean_HW < BRIGHT_SHARE * mean_HW.sum())
    choice = np.flatnonzero(may_HW.cpu().numpy())
    count = round(share * len(choice))
    if count == 0:
        return None
    random = np.random.default_rng([seed, 0, 2])
    by_light = choice[np.argsort(mean_HW.flatten().cpu().numpy()[choice], kind="stable")]
    chosen = np.array([random.choice(alike) for alike in np.array_split(by_light, count)])
    held_HW = torch.zeros(scan.window_HW, dtype=torch.bool, device=scan.device)
    held_HW.view(-1)[torch.from_numpy(chosen).to(scan.device)] = True
    return held_HW


def without_pixels(scan: Scan, held_HW: Tensor | None) -> Scan:
    """The scan with these pixels masked."""
    if held_HW is None:
        return scan
    mask_HW = ~held_HW if scan.mask_HW is None else scan.mask_HW & ~held_HW
    return replace(scan, mask_HW=mask_HW)


def gather_evidence(
    scan: Scan,
    held_HW: Tensor | None,
    named: Named,
    left_out: NDArray[np.intp],
    epoch: int,
) -> Evidence:
    """Compare every pattern with its model.

    Parameters
    ----------
    scan : Scan
        With all of its valid pixels.
    held_HW : Tensor of bool, optional
        Pixels that were left out of the fit.
    named : mapping of Tensor
        The parameters.
    left_out : ndarray of int
        Frames that were left out of the fit.
    epoch : int
    """
    fitted = np.setdiff1d(np.arange(len(scan), dtype=np.intp), left_out)
    mean_HW = (scan.only(fitted) if 0 < len(fitted) < len(scan) else scan).mean_light()
    illuminated_HW = illuminated_pixels(scan, mean_HW)
    held_HW = torch.zeros_like(illuminated_HW) if held_HW is None else held_HW
    sets = torch.stack([illuminated_HW & ~held_HW, illuminated_HW & held_HW]).to(mean_HW.dtype)
    noise = PoissonNoise(scan.device)
    rows = [
        _figures(scan, chosen, mean_HW, sets, noise, named)
        for chosen in _slabs(scan, np.arange(len(scan)), _pairs(named))
    ]
    table = torch.cat(rows, dim=1).double().cpu().numpy()
    fitted_n = np.ones(len(scan), np.bool_)
    fitted_n[left_out] = False
    names = (
        "fit_n", "fit_noise_n", "fit_spread_n", "fit_mean_n", "light_n", "model_light_n",
        "hidden_light_n", "held_noise_n", "held_mean_n",
    )  # fmt: skip
    columns = dict(zip(names, table[: len(names)], strict=True))
    return Evidence(
        epoch=epoch,
        counted=scan.counted,
        fitted_n=fitted_n,
        held_mixes_nK=table[len(names) :].T,
        **columns,
    )


def misfit(scan: Scan, named: Named, frames: NDArray[np.intp]) -> float:
    """Deviance of these frames on fitted pixels over what the model's noise would give."""
    mean_HW = scan.mean_light()
    illuminated_HW = illuminated_pixels(scan, mean_HW)
    sets = torch.stack([illuminated_HW, torch.zeros_like(illuminated_HW)]).to(mean_HW.dtype)
    noise = PoissonNoise(scan.device)
    sums = [
        _figures(scan, chosen, mean_HW, sets, noise, named)[:2].sum(dim=1)
        for chosen in _slabs(scan, frames, _pairs(named))
    ]
    off, expected = torch.stack(sums).double().sum(dim=0).tolist()
    return float(off / max(expected, _TINY))


def illuminated_pixels(scan: Scan, mean_HW: Tensor) -> Tensor:
    """Valid pixels (H, W) with enough light to tell something."""
    illuminated_HW: Tensor = mean_HW > ILLUMINATED_SHARE * mean_HW.mean()
    if scan.counted:
        illuminated_HW &= mean_HW * len(scan) >= ILLUMINATED_COUNTS
    return illuminated_HW if scan.mask_HW is None else illuminated_HW & scan.mask_HW


def _figures(
    scan: Scan,
    chosen: NDArray[np.intp],
    mean_HW: Tensor,
    sets: Tensor,
    noise: PoissonNoise,
    named: Named,
) -> Tensor:
    """The columns of `Evidence` for some frames, (columns, B), on the device."""
    index_B = torch.from_numpy(chosen).to(scan.device)
    model_BHW = model_counts(named, scan.views(index_B)).to(mean_HW.dtype)
    counts_BHW, light_BHW = scan.intensities(chosen), scan.light(chosen)
    fit_BHW, held_BHW = (pixels.expand_as(model_BHW) for pixels in sets)
    if (bad := scan.bad_pixels(chosen)) is not None:
        fit_BHW, held_BHW = fit_BHW.clone(), held_BHW.clone()
        for pixels_BHW in (fit_BHW, held_BHW):
            pixels_BHW.view(-1).index_fill_(0, bad, 0.0)
    light_B = (light_BHW * fit_BHW).sum((1, 2))
    flux_B = light_B / (mean_HW * fit_BHW).sum((1, 2)).clamp_min(1e-30)
    scaled_BHW = flux_B[:, None, None] * mean_HW
    lowest = 1e-6 * float(scan.mean_count) + scan.pedestal
    expected_BHW = model_BHW + FLOOR_SHARE * scaled_BHW + lowest
    noise_BHW = noise.mean(expected_BHW)
    off_BHW = half_deviance(expected_BHW, counts_BHW)
    mean_off_BHW = half_deviance(scaled_BHW + lowest, counts_BHW)
    hidden_HW = None if scan.mask_HW is None else ~scan.mask_HW
    mixes = (
        half_deviance(torch.lerp(expected_BHW, scaled_BHW + lowest, share), counts_BHW)
        for share in MIXES
    )
    columns = (
        (off_BHW * fit_BHW).sum((1, 2)),
        (noise_BHW * fit_BHW).sum((1, 2)),
        (noise.variance(expected_BHW) * fit_BHW).sum((1, 2)).sqrt(),
        (mean_off_BHW * fit_BHW).sum((1, 2)),
        light_B,
        (model_BHW * fit_BHW).sum((1, 2)),
        torch.zeros_like(light_B) if hidden_HW is None else (model_BHW * hidden_HW).sum((1, 2)),
        (noise_BHW * held_BHW).sum((1, 2)),
        (mean_off_BHW * held_BHW).sum((1, 2)),
        *((mix_BHW * held_BHW).sum((1, 2)) for mix_BHW in mixes),
    )
    return torch.stack(columns)


def _slabs(scan: Scan, frames: NDArray[np.intp], states: int) -> list[NDArray[np.intp]]:
    bytes_per_view = view_work_bytes(scan.window_HW, 1, states)
    bytes_per_view += MAPS_BYTES * math.prod(scan.window_HW)
    slab = scan.views_at_once(bytes_per_view, SLAB)
    return [frames[begin : begin + slab] for begin in range(0, len(frames), slab)]


def _pairs(named: Named) -> int:
    return len(named["object"]) * len(named["probe"])
