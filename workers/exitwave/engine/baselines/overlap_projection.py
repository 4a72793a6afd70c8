"""Object and probe that fit given exit waves of all views best.

Each is the least-squares solution while the other is held (Thibault et al., Ultramicroscopy
109, 338 (2009), doi 10.1016/j.ultramic.2008.12.011, eqs. 6 and 7), with some weight w on
what it was before:

    O = (sum_l P_l* psi_l + w O) / (sum_l |P_l|^2 + w)

and likewise for P. P_l is the probe as view l sees it; sums run over states, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.scan import Scan
from ..gradients.patches import make_patches
from .modulus import power
from .subpixel import SubpixelShift

CHUNK_CPU = 2**18
"""Complex numbers that a thread works on at a time, about a cache's worth."""
CHUNK_GPU = 2**25
WAVES_AT_ONCE = 10
"""Arrays of a chunk's size that a step has at a time, about."""


@dataclass(frozen=True, slots=True, eq=False)
class ViewSelection:
    """Some views of a scan by index, on the host and on the device."""

    chosen: NDArray[np.intp]
    index_B: Tensor

    def __len__(self) -> int:
        return len(self.chosen)

    def parts(self, most: int) -> Iterator[ViewSelection]:
        """The same views, at most so many at a time."""
        for begin in range(0, len(self), most):
            part = slice(begin, begin + most)
            yield ViewSelection(self.chosen[part], self.index_B[part])


class OverlapProjection:
    """Fits and exit waves for one scan.

    Parameters
    ----------
    scan : Scan
    object_MYX, probe_NHW : Tensor, complex
        One object state. They must only change in place.
    deterministic : bool
        Equal numbers in every run on a GPU, too.
    """

    def __init__(
        self, scan: Scan, object_MYX: Tensor, probe_NHW: Tensor, *, deterministic: bool
    ) -> None:
        self._object_MYX, self._probe_NHW = object_MYX, probe_NHW
        self._interrupt = scan.interrupt
        self._sum_MYX = torch.zeros_like(object_MYX)
        self._light_MYX = torch.zeros_like(object_MYX)
        self._sums, self._lights = (
            make_patches(
                object_MYX, target, scan.corners_n2, scan.window_HW, deterministic=deterministic
            )
            for target in (self._sum_MYX, self._light_MYX)
        )
        self._shift = SubpixelShift(scan, probe_NHW.dtype)
        self._root_scale_n = None if scan.scale_n is None else scan.scale_n.sqrt()
        waves = probe_NHW.numel()
        on_cpu = scan.device.type == "cpu"
        limit = CHUNK_CPU * torch.get_num_threads() if on_cpu else CHUNK_GPU
        self.chunk = scan.views_at_once(8 * WAVES_AT_ONCE * waves, max(1, limit // waves))

    def exit_waves(self, views: ViewSelection) -> Tensor:
        """Exit waves (B, N, H, W) of object and probe as they are."""
        probes_BNHW = self._shift.to_views(self._probe_NHW, views.index_B)
        return probes_BNHW * self._cut(views)

    def fit_object(self, waves_VNHW: Tensor, views: ViewSelection, inertia: float) -> None:
        """Fit the object to the waves of these views.

        Parameters
        ----------
        waves_VNHW : Tensor
            Exit waves of all views of the scan.
        views : ViewSelection
        inertia : float
            Weight w of the object as it was, share of the greatest summed light.
        """
        self._sum_MYX.zero_()
        self._light_MYX.zero_()
        for part in views.parts(self.chunk):
            self._interrupt()
            probes_BNHW = self._shift.to_views(self._probe_NHW, part.index_B)
            products_BNHW = waves_VNHW[part.index_B].mul_(probes_BNHW.conj())
            sums_BMHW = products_BNHW.sum(1, keepdim=True)
            lights_BMHW = power(probes_BNHW)[:, None].expand(sums_BMHW.shape)
            if self._root_scale_n is not None:
                roots_B = self._root_scale_n[part.index_B][:, None, None, None]
                sums_BMHW, lights_BMHW = sums_BMHW * roots_B, lights_BMHW * roots_B.square()
            self._sums.add(part.chosen, part.index_B, sums_BMHW)
            self._lights.add(
                part.chosen, part.index_B, lights_BMHW.to(sums_BMHW.dtype).contiguous()
            )
        light_MYX = self._light_MYX.real
        weight = inertia * light_MYX.max()
        self._sum_MYX.addcmul_(self._object_MYX, weight.to(self._sum_MYX.dtype))
        self._object_MYX.copy_(self._sum_MYX / (light_MYX + weight).clamp_min(_least(weight)))

    def fit_probe(self, waves_VNHW: Tensor, views: ViewSelection, inertia: float) -> None:
        """Fit the probe likewise.

        Between whole pixels the fit is no single division. There this is a step towards it
        that leaves alone what already fits; it divides by at least half the greatest weight,
        as steps by the weight of each pixel would grow where that falls steeply.
        """
        rest_NHW = torch.zeros_like(self._probe_NHW)
        weight_HW = torch.zeros_like(self._probe_NHW[0].real)
        for part in views.parts(self.chunk):
            self._interrupt()
            cut_BMHW = self._cut(part)
            probes_BNHW = self._shift.to_views(self._probe_NHW, part.index_B)
            rests_BNHW = waves_VNHW[part.index_B].sub_(probes_BNHW * cut_BMHW)
            rests_BNHW.mul_(cut_BMHW.conj())
            rest_NHW += self._shift.from_views(rests_BNHW, part.index_B)
            weight_HW += power(cut_BMHW).sum(0)
        if self._shift.shifts:
            weight_HW = (weight_HW + weight_HW.max()) / 2
        weight_HW += inertia * weight_HW.max()
        self._probe_NHW.add_(rest_NHW / weight_HW.clamp_min(_least(weight_HW)))

    def _cut(self, views: ViewSelection) -> Tensor:
        """Patches (B, 1, H, W) of the object, times the root of the flux."""
        cut_BMHW = self._object_MYX.new_empty((len(views), 1, *self._probe_NHW.shape[1:]))
        self._sums.gather(views.chosen, views.index_B, cut_BMHW)
        if self._root_scale_n is not None:
            cut_BMHW.mul_(self._root_scale_n[views.index_B][:, None, None, None])
        return cut_BMHW


def _least(values: Tensor) -> float:
    """Divisors below this are none at all: without inertia, what no light reaches."""
    return torch.finfo(values.dtype).tiny
