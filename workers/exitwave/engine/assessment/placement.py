"""What patterns say of the places of their views: would a view fit better a little beside?

A false place is fitted all the same: object and probe bend to it, and the deviance tells
little. But the counts go on pulling at the view. The slope of their likelihood along a shift of
each view, over what noise alone would make of it, takes one pass over the patterns
(docs/method.md, eqs. 25 and 26).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.memory import view_work_bytes
from ..data.scan import Scan
from ..forward import Named, far_field, pass_through
from .fit_evidence import FLOOR_SHARE, MAPS_BYTES, illuminated_pixels

SLAB = 16
"""Views worked on at a time, or fewer where memory is short."""

MEDIAN_OF_TWO = 1.386
"""Of the sum of two squared normal numbers."""

FEWEST_VIEWS = 9
"""Fewer have no distortion that is not chance."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How patterns pull at their views.

    Attributes
    ----------
    counted : bool
        Patterns are whole counts: their noise is known, and the least there can be.
    slope_n2 : ndarray (n, 2)
        Of the log likelihood along a shift (y, x) of each view, 1/px.
    information_n22 : ndarray (n, 2, 2)
        Mean square of it if places are right: Fisher's, of the model.
    spread_n : ndarray (n,)
        Mean square residual over its noise, of each pattern: 1 for counts and a perfect model.
    places_n2 : ndarray (n, 2)
        Of the views, px.
    """

    counted: bool
    slope_n2: Floats
    information_n22: Floats
    spread_n: Floats
    places_n2: Floats

    def pull(self) -> float:
        """Squared slopes of the usual view over what noise makes of them; 1 = only noise.

        Noise is that of the counts or, where patterns hold more, as large as residuals are.
        """
        pulls_n = np.einsum("ni,ni->n", self.slope_n2, self.offsets_n2())
        return float(np.median(pulls_n / self._noise_n())) / MEDIAN_OF_TWO

    def offsets_n2(self) -> Floats:
        """Where each view would fit better, from its place, px (n, 2): one Newton step."""
        offsets_n2: Floats = np.einsum("nij,nj->ni", self._inverse(), self.slope_n2)
        return offsets_n2

    def off_px(self) -> float:
        """By how much the usual view is off, noise taken away."""
        noise_n = np.trace(self._inverse(), axis1=1, axis2=2) * self._noise_n()
        square = np.median((self.offsets_n2() ** 2).sum(axis=1)) - np.median(noise_n)
        return float(np.sqrt(max(0.0, square)))

    def distortion(self) -> Distortion | None:
        """The affine map of all places that fits better; none of so few views."""
        count = len(self.slope_n2)
        if count < FEWEST_VIEWS:
            return None
        from_middle_n2 = self.places_n2 - self.places_n2.mean(axis=0)
        design = np.zeros((count, 2, 6))
        for axis in (0, 1):
            design[:, axis, 2 * axis : 2 * axis + 2] = from_middle_n2
            design[:, axis, 4 + axis] = 1.0
        weight_n = 1.0 / self._noise_n()
        information = self.information_n22 * weight_n[:, None, None]
        matrix = np.einsum("nji,njk,nkl->il", design, information, design)
        vector = np.einsum("nij,ni,n->j", design, self.slope_n2, weight_n)
        covariance = np.linalg.pinv(matrix, hermitian=True)
        fitted = (covariance @ vector)[:4]
        known = np.linalg.pinv(covariance[:4, :4], hermitian=True)
        strain = float(np.linalg.norm(fitted))
        return Distortion(
            map_22=fitted.reshape(2, 2), strain=strain, gain=float(fitted @ known @ fitted) / 4
        )

    def _noise_n(self) -> Floats:
        """Mean square residual of each pattern, in counts where these are known."""
        return np.maximum(self.spread_n, 1.0 if self.counted else 1e-30)

    def _inverse(self) -> Floats:
        inverse_n22 = np.linalg.pinv(self.information_n22, hermitian=True)
        return inverse_n22.astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distortion:
    """A bit of the way from places as told to an affine map of them that fits better.

    Object and probe have bent to the false places: what is left to see of it is a few per cent.

    Attributes
    ----------
    map_22 : ndarray (2, 2)
        Less the unit matrix; rows and columns are (y, x).
    strain : float
        Its norm.
    gain : float
        What it gains, over what chance gains; 1 = only chance.
    """

    map_22: Floats
    strain: float
    gain: float


def gather_placement(scan: Scan, named: Named, fitted: NDArray[np.intp]) -> Placement:
    """Look at the slopes of all fitted views.

    Parameters
    ----------
    scan : Scan
        With all of its valid pixels.
    named : mapping of Tensor
        The parameters.
    fitted : ndarray of int
        Frames to look at.
    """
    mean_HW = (scan if len(fitted) == len(scan) else scan.only(fitted)).mean_light()
    illuminated_HW = illuminated_pixels(scan, mean_HW)
    slopes = _gradient(named["object"])
    states = len(named["object"]), len(named["probe"])
    bytes_per_view = 3 * view_work_bytes(scan.window_HW, *states)
    bytes_per_view += MAPS_BYTES * illuminated_HW.numel()
    slab = scan.views_at_once(bytes_per_view, SLAB)
    rows = [
        _figures(scan, fitted[begin : begin + slab], mean_HW, illuminated_HW, named, slopes)
        for begin in range(0, len(fitted), slab)
    ]
    table = torch.cat(rows, dim=1).double().cpu().numpy()
    slope_y, slope_x, yy, yx, xx, spread_n = table
    return Placement(
        counted=scan.counted,
        slope_n2=np.stack([slope_y, slope_x], axis=1),
        information_n22=np.stack([yy, yx, yx, xx], axis=1).reshape(-1, 2, 2),
        spread_n=spread_n,
        places_n2=scan.positions_px()[fitted],
    )


def _gradient(object_MYX: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences of the object along y and x, 0 at its rim."""
    along_y, along_x = torch.zeros_like(object_MYX), torch.zeros_like(object_MYX)
    along_y[:, 1:-1] = (object_MYX[:, 2:] - object_MYX[:, :-2]) / 2
    along_x[:, :, 1:-1] = (object_MYX[:, :, 2:] - object_MYX[:, :, :-2]) / 2
    return along_y, along_x


def _figures(
    scan: Scan,
    chosen: NDArray[np.intp],
    mean_HW: Tensor,
    illuminated_HW: Tensor,
    named: Named,
    slopes: tuple[Tensor, Tensor],
) -> Tensor:
    """Slopes, information and spread for some frames, (6, B), on the device."""
    index_B = torch.from_numpy(chosen).to(scan.device)
    views = scan.views(index_B)
    light = pass_through(named, views)
    field_BMNHW, model_BHW = light.wave(), light.counts()
    along_y, along_x = (
        2 * (field_BMNHW.conj() * far_field({**named, "object": slope}, views)).real.sum((1, 2))
        for slope in slopes
    )
    used_BHW = illuminated_HW.expand_as(model_BHW).to(model_BHW.dtype)
    if (bad := scan.bad_pixels(chosen)) is not None:
        used_BHW = used_BHW.clone()
        used_BHW.view(-1).index_fill_(0, bad, 0.0)
    flux_B = model_BHW.sum((1, 2)) / mean_HW.sum().clamp_min(1e-30)
    floor_BHW = FLOOR_SHARE * flux_B[:, None, None] * mean_HW + 1e-6 * scan.mean_count
    weight_BHW = used_BHW / (model_BHW + floor_BHW + scan.pedestal)
    off_BHW = scan.intensities(chosen) - model_BHW - scan.pedestal
    columns = (
        off_BHW * along_y * weight_BHW,
        off_BHW * along_x * weight_BHW,
        along_y.square() * weight_BHW,
        along_y * along_x * weight_BHW,
        along_x.square() * weight_BHW,
        off_BHW.square() * weight_BHW / used_BHW.sum((1, 2)).clamp_min(1.0)[:, None, None],
    )
    return torch.stack([column_BHW.sum((1, 2)) for column_BHW in columns])
