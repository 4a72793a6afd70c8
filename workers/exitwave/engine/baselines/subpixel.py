"""Sub-pixel positions: the probe as each view sees it, and its adjoint."""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.scan import Scan
from ..forward.illuminate import view_ramps


class SubpixelShift:
    """Fourier ramps of a scan's views, made once; does nothing on whole pixels.

    Parameters
    ----------
    scan : Scan
    dtype : torch.dtype
        Of the waves.
    """

    def __init__(self, scan: Scan, dtype: torch.dtype) -> None:
        self._ramps: tuple[Tensor, Tensor] | None = None
        if scan.shifts_n2 is not None:
            self._ramps = view_ramps(scan.shifts_n2, scan.window_HW, dtype)

    @property
    def shifts(self) -> bool:
        """Whether views lie between whole pixels."""
        return self._ramps is not None

    def to_views(self, probe_NHW: Tensor, index_B: Tensor) -> Tensor:
        """The probe moved to the views, (B, N, H, W), or (1, N, H, W) on whole pixels."""
        ramp_BHW = self._ramp(index_B)
        if ramp_BHW is None:
            return probe_NHW[None]
        moved_BNHW: Tensor = torch.fft.ifft2(torch.fft.fft2(probe_NHW) * ramp_BHW[:, None])
        return moved_BNHW

    def from_views(self, waves_BNHW: Tensor, index_B: Tensor) -> Tensor:
        """Sum over views of waves moved back, (N, H, W): the adjoint of `to_views`."""
        ramp_BHW = self._ramp(index_B)
        if ramp_BHW is None:
            return waves_BNHW.sum(0)
        far_NHW = (torch.fft.fft2(waves_BNHW) * ramp_BHW.conj()[:, None]).sum(0)
        summed_NHW: Tensor = torch.fft.ifft2(far_NHW)
        return summed_NHW

    def _ramp(self, index_B: Tensor) -> Tensor | None:
        if self._ramps is None:
            return None
        ramp_BH, ramp_BW = self._ramps[0][index_B], self._ramps[1][index_B]
        return ramp_BH[:, :, None] * ramp_BW[:, None, :]
