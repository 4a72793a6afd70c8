"""The hot path: data loss and its gradients in one hand-written pass.

With w = d loss / d D (amplitude 1 - sqrt(I / D), Poisson 1 - I / D) the gradient at the
far field Psi is 2 w Psi, up to the factors of the mean; the propagator is unitary, so its
inverse carries it back. No graph is built, work goes in chunks through buffers that are
made once, and constant factors are applied once per step.

`data_loss` in `forward` is the reference that a test holds this to.

abs2 of a complex array costs several slow passes over interleaved numbers. Instead the
squares are added to themselves shifted by one: then even lanes hold re^2 + im^2, odd lanes
hold rubbish, and multiplying by arrays whose odd lanes are zero leaves weights that *are*
complex numbers (w, 0).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exitwave.schema.recipe import Loss

from .illuminate import shift_ramps
from .patches import make_patches
from .propagate import propagate, propagate_back
from .scan import Scan

CHUNK_CPU = 2**18
"""Complex numbers worked on at a time: a few MB, so that chunks stay near the cache."""
CHUNK_GPU = 2**25


class FusedStep:
    """Loss and gradients of a batch, for one object state.

    Parameters
    ----------
    scan : Scan
    object_MYX, probe_NHW : Tensor
        The variables. They must only change in place.

    Attributes
    ----------
    object_gradient_MYX, probe_gradient_NHW : Tensor
        d loss / d Re + i d loss / d Im, as torch has it; overwritten by `run`.
    """

    def __init__(self, scan: Scan, object_MYX: Tensor, probe_NHW: Tensor) -> None:
        self._scan, self._probe_NHW = scan, probe_NHW
        self.object_gradient_MYX = torch.zeros_like(object_MYX)
        self.probe_gradient_NHW = torch.zeros_like(probe_NHW)
        self._patches = make_patches(
            object_MYX[0], self.object_gradient_MYX[0], scan.corners_n2, scan.window_HW
        )
        states, height, width = probe_NHW.shape
        limit = CHUNK_CPU if scan.device.type == "cpu" else CHUNK_GPU
        self._chunk = max(1, min(len(scan), limit // (states * height * width)))
        self._ramps: tuple[Tensor, Tensor] | None = None
        if scan.shifts_n2 is not None:
            ramp_nH, ramp_nW = shift_ramps(scan.shifts_n2.double(), scan.window_HW)
            self._ramps = (ramp_nH.to(probe_NHW.dtype), ramp_nW.to(probe_NHW.dtype))
        self._root_scale_n = None if scan.scale_n is None else scan.scale_n.sqrt()
        self._make_buffers(states, height, width)

    def _make_buffers(self, states: int, height: int, width: int) -> None:
        chunk, pixels = self._chunk, height * width
        wave, real = self._probe_NHW, self._probe_NHW.real
        self._cut_BHW = wave.new_empty((chunk, height, width))
        self._psi_BNHW = wave.new_empty((chunk, states, height, width))
        # One number more than lanes: each lane is added to the next.
        self._squares = real.new_ones(chunk * 2 * pixels + 1)
        self._model = real.new_empty(chunk * 2 * pixels)
        self._measured = real.new_zeros((chunk, height, width, 2))
        valid = real.new_zeros((height, width, 2))
        valid[..., 0] = 1.0 if self._scan.mask_HW is None else self._scan.mask_HW
        self._valid = valid.view(-1)
        self._valid_pixels = float(valid.sum())

    def run(self, chosen: NDArray[np.intp], loss: Loss, factor: float = 1.0) -> Tensor:
        """Gradients of factor x the mean loss of the chosen frames.

        Returns
        -------
        Tensor
            The sum over the chosen frames of factor x pattern loss, 0-dim, on the device.
        """
        self.object_gradient_MYX.zero_()
        self.probe_gradient_NHW.zero_()
        conj_NHW = torch.conj_physical(self._probe_NHW)
        far_NHW = torch.fft.fft2(self._probe_NHW) if self._ramps is not None else None
        total = torch.zeros((), dtype=conj_NHW.real.dtype, device=conj_NHW.device)
        for begin in range(0, len(chosen), self._chunk):
            part = chosen[begin : begin + self._chunk]
            ramp_BHW = self._ramp(part)
            if far_NHW is None or ramp_BHW is None:
                total += self._whole_pixels(part, conj_NHW, loss)
            else:
                total += self._sub_pixels(part, far_NHW, ramp_BHW, loss)
        if far_NHW is not None:
            self.probe_gradient_NHW.copy_(torch.fft.ifft2(self.probe_gradient_NHW))
        per_pattern = factor / (self._valid_pixels * self._probe_NHW.shape[0])
        self.object_gradient_MYX.mul_(2 * per_pattern / len(chosen))
        self.probe_gradient_NHW.mul_(2 * per_pattern / len(chosen))
        return total * per_pattern

    def _whole_pixels(self, chosen: NDArray[np.intp], conj_NHW: Tensor, loss: Loss) -> Tensor:
        cut_BHW = self._cut(chosen)
        psi_BNHW = self._psi_BNHW[: len(chosen)]
        torch.mul(self._probe_NHW, cut_BHW[:, None], out=psi_BNHW)
        back_BNHW, value = self._back(psi_BNHW, chosen, loss)
        torch.conj_physical(cut_BHW, out=cut_BHW)
        torch.mul(back_BNHW, cut_BHW[:, None], out=psi_BNHW)
        self.probe_gradient_NHW.add_(psi_BNHW.sum(0))
        self._add_to_object(chosen, back_BNHW.mul_(conj_NHW))
        return value

    def _sub_pixels(
        self, chosen: NDArray[np.intp], far_NHW: Tensor, ramp_BHW: Tensor, loss: Loss
    ) -> Tensor:
        # Here the probe's gradient is collected in Fourier space, where shifts are ramps.
        probes_BNHW = torch.fft.ifft2(far_NHW * ramp_BHW[:, None])
        cut_BHW = self._cut(chosen)
        psi_BNHW = self._psi_BNHW[: len(chosen)]
        torch.mul(probes_BNHW, cut_BHW[:, None], out=psi_BNHW)
        back_BNHW, value = self._back(psi_BNHW, chosen, loss)
        torch.conj_physical(cut_BHW, out=cut_BHW)
        torch.mul(back_BNHW, cut_BHW[:, None], out=psi_BNHW)
        torch.conj_physical(ramp_BHW, out=ramp_BHW)
        self.probe_gradient_NHW.add_(torch.fft.fft2(psi_BNHW).mul_(ramp_BHW[:, None]).sum(0))
        torch.conj_physical(probes_BNHW, out=probes_BNHW)
        self._add_to_object(chosen, back_BNHW.mul_(probes_BNHW))
        return value

    def _cut(self, chosen: NDArray[np.intp]) -> Tensor:
        """Patches of the object, times the root of the flux."""
        cut_BHW = self._cut_BHW[: len(chosen)]
        self._patches.gather(chosen, cut_BHW)
        if self._root_scale_n is not None:
            cut_BHW.mul_(self._root_scale_n[self._on_device(chosen)][:, None, None])
        return cut_BHW

    def _add_to_object(self, chosen: NDArray[np.intp], gradient_BNHW: Tensor) -> None:
        states = gradient_BNHW.shape[1]
        patches_BHW = gradient_BNHW[:, 0] if states == 1 else gradient_BNHW.sum(1)
        if self._root_scale_n is not None:
            patches_BHW.mul_(self._root_scale_n[self._on_device(chosen)][:, None, None])
        self._patches.add(chosen, patches_BHW)

    def _back(
        self, psi_BNHW: Tensor, chosen: NDArray[np.intp], loss: Loss
    ) -> tuple[Tensor, Tensor]:
        """Psi times w carried back to the sample, and the sum of the loss terms."""
        far_BNHW = propagate(psi_BNHW)
        weight, value = self._weigh(far_BNHW, self._measured_counts(chosen), loss)
        far_BNHW.mul_(weight[:, None])
        if loss == "amplitude":
            # (sqrt D - sqrt I)^2 = abs2(w Psi), up to epsilon.
            flat = torch.view_as_real(far_BNHW).view(-1)
            value = torch.dot(flat, flat)
        return propagate_back(far_BNHW), value

    def _weigh(
        self, far_BNHW: Tensor, intensities_BHW: Tensor, loss: Loss
    ) -> tuple[Tensor, Tensor]:
        """Weights (B, H, W) as complex numbers (w, 0); the sum of the Poisson loss."""
        count, states, height, width = far_BNHW.shape
        lanes = 2 * height * width
        far_BNL = torch.view_as_real(far_BNHW).view(count, states, lanes)
        squares_BL = self._squares[: count * lanes].view(count, lanes)
        torch.mul(far_BNL[:, 0], far_BNL[:, 0], out=squares_BL)
        for n in range(1, states):
            squares_BL.addcmul_(far_BNL[:, n], far_BNL[:, n])
        model = self._model[: count * lanes]
        torch.add(
            self._squares[: count * lanes], self._squares[1 : count * lanes + 1], out=model
        )
        model.add_(self._scan.epsilon)
        measured_BHW2 = self._measured[:count]
        measured = measured_BHW2.view(-1)
        value = torch.zeros((), dtype=model.dtype, device=model.device)
        if loss == "amplitude":
            measured_BHW2[..., 0] = intensities_BHW.sqrt_()
            measured.mul_(model.rsqrt_())
        else:
            measured_BHW2[..., 0] = intensities_BHW
            quotient = measured / model
            value = torch.xlogy(measured, quotient).sum()
            model.view(count, lanes).mul_(self._valid)
            value += (model - measured).sum()
            measured = quotient
        weight_BL = torch.sub(self._valid, measured.view(count, lanes))
        return torch.view_as_complex(weight_BL.view(count, height, width, 2)), value

    def _measured_counts(self, chosen: NDArray[np.intp]) -> Tensor:
        return self._scan.intensities(chosen).to(self._squares.dtype)

    def _ramp(self, chosen: NDArray[np.intp]) -> Tensor | None:
        if self._ramps is None:
            return None
        index = self._on_device(chosen)
        return self._ramps[0][index][:, :, None] * self._ramps[1][index][:, None, :]

    def _on_device(self, chosen: NDArray[np.intp]) -> Tensor:
        return torch.from_numpy(chosen).to(self._scan.device)
