"""Part of the forward model: the probe meets the object.

Exit wave of view i: P(r - r_i) O(r) (docs/method.md, eq. 1). Whole pixels of r_i choose the
patch of the object, the fractional rest moves the probe by a Fourier ramp (Thibault et al.,
Ultramicroscopy 109, 338 (2009), doi 10.1016/j.ultramic.2008.12.011).
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from .light import ForwardPart, Light, Named

RAMP_SLAB = 1024
"""Views whose ramps are in double precision at a time."""


def split_positions(positions_px: Tensor) -> tuple[Tensor, Tensor]:
    """Whole-pixel corners (n, 2) int64 and fractional rests (n, 2) in [-0.5, 0.5]."""
    corners_n2 = torch.round(positions_px)
    return corners_n2.to(torch.int64), positions_px - corners_n2


def object_patches(
    object_MYX: Tensor, corners_B2: Tensor, window_HW: tuple[int, int]
) -> Tensor:
    """Patches (B, M, H, W) of the object at whole-pixel corners (B, 2)."""
    rows_BH = corners_B2[:, :1] + torch.arange(window_HW[0], device=corners_B2.device)
    columns_BW = corners_B2[:, 1:] + torch.arange(window_HW[1], device=corners_B2.device)
    patches_MBHW = object_MYX[:, rows_BH[:, :, None], columns_BW[:, None, :]]
    return patches_MBHW.transpose(0, 1)


def shift_ramps(shifts_B2: Tensor, window_HW: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Fourier ramps (B, H) and (B, W) whose product moves a picture by `shifts_B2` pixels.

    Complex, of the precision of `shifts_B2`.
    """
    ramps = []
    for axis, size in enumerate(window_HW):
        frequency = torch.fft.fftfreq(size, dtype=torch.float64, device=shifts_B2.device)
        angle = -2 * math.pi * shifts_B2[:, axis, None].double() * frequency
        ramp = torch.polar(torch.ones_like(angle), angle)
        ramps.append(
            ramp.to(torch.complex64 if shifts_B2.dtype == torch.float32 else ramp.dtype)
        )
    return ramps[0], ramps[1]


def view_ramps(
    shifts_n2: Tensor, window_HW: tuple[int, int], dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Fourier ramps (n, H) and (n, W) of all views, rounded from double precision."""
    count = len(shifts_n2)
    ramps = tuple(
        torch.empty((count, size), dtype=dtype, device=shifts_n2.device) for size in window_HW
    )
    for begin in range(0, count, RAMP_SLAB):
        here = slice(begin, begin + RAMP_SLAB)
        for ramp_nS, slab_BS in zip(
            ramps, shift_ramps(shifts_n2[here].double(), window_HW), strict=True
        ):
            ramp_nS[here] = slab_BS
    return ramps[0], ramps[1]


def shifted_probes(probe_NHW: Tensor, shifts_B2: Tensor) -> Tensor:
    """The probe moved by each of `shifts_B2`, (B, N, H, W)."""
    ramp_BH, ramp_BW = shift_ramps(shifts_B2, (probe_NHW.shape[-2], probe_NHW.shape[-1]))
    ramp_BHW = ramp_BH[:, :, None] * ramp_BW[:, None, :]
    shifted_BNHW: Tensor = torch.fft.ifft2(torch.fft.fft2(probe_NHW) * ramp_BHW[:, None])
    return shifted_BNHW


def exit_waves(
    object_MYX: Tensor,
    probe_NHW: Tensor,
    corners_B2: Tensor,
    *,
    shifts_B2: Tensor | None = None,
    scale_B: Tensor | None = None,
) -> Tensor:
    """Exit waves (B, M, N, H, W).

    Parameters
    ----------
    object_MYX : Tensor, complex (M, Y, X)
    probe_NHW : Tensor, complex (N, H, W)
    corners_B2 : Tensor, int64 (B, 2)
        Top-left pixel of each view.
    shifts_B2 : Tensor, optional
        Fractional shift of the probe in pixels; none = none.
    scale_B : Tensor, optional
        Relative flux of each view; multiplies the intensity.
    """
    window_HW = (probe_NHW.shape[-2], probe_NHW.shape[-1])
    patches_BMHW = object_patches(object_MYX, corners_B2, window_HW)
    if scale_B is not None:
        patches_BMHW = patches_BMHW * scale_B.sqrt()[:, None, None, None]
    probes = probe_NHW[None] if shifts_B2 is None else shifted_probes(probe_NHW, shifts_B2)
    return patches_BMHW[:, :, None] * probes[:, None]


def illuminated(light: Light, named: Named) -> Light:
    """Exit waves of the views."""
    views = light.views
    wave_BMNHW = exit_waves(
        named["object"],
        named["probe"],
        views.corners_B2,
        shifts_B2=views.shifts_B2,
        scale_B=views.scale_B,
    )
    return replace(light, wave_BMNHW=wave_BMNHW)


ILLUMINATE = ForwardPart(name="illuminate", apply=illuminated)
