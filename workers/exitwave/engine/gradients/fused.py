"""The hot path: data loss and its gradients in one hand-written pass.

With w = d loss / d D (`d_loss_d_model` in `loss`) the gradient at the far field Psi is
2 w Psi, up to the factors of the mean; the propagator is unitary, so its inverse carries it
back. No graph is built, work goes in chunks through buffers that are made once, and constant
factors are applied to the weights, which are the smallest array.

`batch_loss` in `forward` is the reference that a test holds this to.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exitwave.schema.recipe import Loss

from ..data.feed import Batch
from ..data.memory import view_work_bytes
from ..data.scan import Scan
from ..forward import Named
from ..forward.illuminate import view_ramps
from ..forward.propagate import propagate, propagate_back
from ..loss import LOSSES, Slope
from .patches import IndexPatches, make_patches

CHUNK_CPU = 2**18
"""Complex numbers that a thread works on at a time: a few MB, so that chunks stay near the
cache. Threads share a chunk, and each pass over it costs them a wake-up."""
CHUNK_GPU = 2**25


KNOWN = frozenset({"object", "probe", "intensity", "background"})
"""Parameters whose gradients are written down here."""


class FusedStep:
    """Loss and gradients of a batch, for every loss that knows its slope.

    Parameters
    ----------
    scan : Scan
    named : mapping of Tensor
        The parameters, of those in `KNOWN`. They must only change in place.
    deterministic : bool
        Equal numbers in every run on a GPU, too, at the price of a launch per view.

    Attributes
    ----------
    gradients : dict of Tensor
        As in `Step`.
    needs_no_host : bool
        `run` reads a batch's indices on the device only.
    waves_per_view : int
        Complex numbers of the exit waves of a view.
    """

    def __init__(
        self,
        scan: Scan,
        named: Named,
        *,
        deterministic: bool = False,
    ) -> None:
        object_MYX, probe_NHW = named["object"], named["probe"]
        self._scan, self._probe_NHW = scan, probe_NHW
        self._intensity_n, self._background_HW = named.get("intensity"), named.get("background")
        self._has_parts = len(named) > 2
        self.gradients = {name: torch.zeros_like(values) for name, values in named.items()}
        self._patches = make_patches(
            object_MYX,
            self.gradients["object"],
            scan.corners_n2,
            scan.window_HW,
            deterministic=deterministic,
        )
        self.needs_no_host = (
            isinstance(self._patches, IndexPatches) and scan.frame_masks is None
        )
        self._ramps: tuple[Tensor, Tensor] | None = None
        if scan.shifts_n2 is not None:
            self._ramps = view_ramps(scan.shifts_n2, scan.window_HW, probe_NHW.dtype)
        self._root_scale_n = None if scan.scale_n is None else scan.scale_n.sqrt()
        real = probe_NHW.real
        self._mask_HW = None if scan.mask_HW is None else scan.mask_HW.to(real.dtype)
        self._make_buffers(object_MYX.shape[0])

    @staticmethod
    def knows(named: Named, losses: Collection[Loss]) -> bool:
        """Whether these gradients are written down."""
        slopes = all(LOSSES[loss].d_loss_d_model is not None for loss in losses)
        return slopes and KNOWN.issuperset(named)

    def _make_buffers(self, object_states: int) -> None:
        states, height, width = self._probe_NHW.shape
        self._pairs = object_states * states
        self.waves_per_view = self._pairs * height * width
        on_cpu = self._scan.device.type == "cpu"
        most = CHUNK_CPU * torch.get_num_threads() if on_cpu else CHUNK_GPU
        chunk = self._scan.views_at_once(
            view_work_bytes((height, width), object_states, states),
            max(1, min(len(self._scan), most // self.waves_per_view)),
        )
        wave, real = self._probe_NHW, self._probe_NHW.real
        self._chunk = chunk
        self._cut_BMHW = wave.new_empty((chunk, object_states, height, width))
        self._psi_BMNHW = wave.new_empty((chunk, object_states, states, height, width))
        self._squares_BHW2 = real.new_empty((chunk, height, width, 2))
        self._model_BHW = real.new_empty((chunk, height, width))
        valid = height * width if self._scan.mask_HW is None else int(self._scan.mask_HW.sum())
        self._pixels_times_pairs = valid * self._pairs

    def run(self, batch: Batch, loss: Loss, factor: float = 1.0) -> Tensor:
        """Gradients of factor x the mean loss of a batch.

        Returns
        -------
        Tensor
            The sum over the batch of factor x pattern loss, 0-dim, on the device.
        """
        slope = LOSSES[loss].d_loss_d_model
        if slope is None:
            raise ValueError(f"loss {loss!r} has no slope; AutogradStep does without")
        per_pattern = factor / self._pixels_times_pairs
        parts = [
            _Part(
                batch,
                begin,
                min(begin + self._chunk, len(batch)),
                slope,
                2 * per_pattern / len(batch),
            )
            for begin in range(0, len(batch), self._chunk)
        ]
        for gradient in self.gradients.values():
            gradient.zero_()
        total = self._model_BHW.new_zeros(())
        if self._ramps is None:
            conj_NHW = torch.conj_physical(self._probe_NHW)
            for part in parts:
                total += self._whole_pixels(part, conj_NHW)
        else:
            far_NHW = torch.fft.fft2(self._probe_NHW)
            for part in parts:
                total += self._sub_pixels(part, far_NHW, self._ramps)
            self.gradients["probe"].copy_(torch.fft.ifft2(self.gradients["probe"]))
        return total.mul_(per_pattern)

    def _whole_pixels(self, part: _Part, conj_NHW: Tensor) -> Tensor:
        cut_BMHW = self._cut(part)
        psi_BMNHW = self._psi_BMNHW[: len(part)]
        torch.mul(self._probe_NHW, cut_BMHW[:, :, None], out=psi_BMNHW)
        back_BMNHW, value = self._back(psi_BMNHW, part)
        torch.conj_physical(cut_BMHW, out=cut_BMHW)
        torch.mul(back_BMNHW, cut_BMHW[:, :, None], out=psi_BMNHW)
        self.gradients["probe"].add_(psi_BMNHW.sum((0, 1)))
        self._add_to_object(part, back_BMNHW, conj_NHW[None])
        return value

    def _sub_pixels(self, part: _Part, far_NHW: Tensor, ramps: tuple[Tensor, Tensor]) -> Tensor:
        # Here the probe's gradient is collected in Fourier space, where shifts are ramps.
        ramp_BHW = ramps[0][part.index_B][:, :, None] * ramps[1][part.index_B][:, None, :]
        probes_BNHW = torch.fft.ifft2(far_NHW * ramp_BHW[:, None])
        cut_BMHW = self._cut(part)
        psi_BMNHW = self._psi_BMNHW[: len(part)]
        torch.mul(probes_BNHW[:, None], cut_BMHW[:, :, None], out=psi_BMNHW)
        back_BMNHW, value = self._back(psi_BMNHW, part)
        torch.conj_physical(cut_BMHW, out=cut_BMHW)
        torch.mul(back_BMNHW, cut_BMHW[:, :, None], out=psi_BMNHW)
        torch.conj_physical(ramp_BHW, out=ramp_BHW)
        moved_BNHW = torch.fft.fft2(psi_BMNHW.sum(1))
        self.gradients["probe"].add_(moved_BNHW.mul_(ramp_BHW[:, None]).sum(0))
        torch.conj_physical(probes_BNHW, out=probes_BNHW)
        self._add_to_object(part, back_BMNHW, probes_BNHW)
        return value

    def _cut(self, part: _Part) -> Tensor:
        """Patches of the object, times the root of the flux."""
        cut_BMHW = self._cut_BMHW[: len(part)]
        self._patches.gather(part.chosen, part.index_B, cut_BMHW)
        if (roots_B := self._roots(part)) is not None:
            cut_BMHW.mul_(roots_B[:, None, None, None])
        return cut_BMHW

    def _roots(self, part: _Part) -> Tensor | None:
        """Roots of the views' flux, measured times fitted."""
        measured = None if self._root_scale_n is None else self._root_scale_n[part.index_B]
        if self._intensity_n is None:
            return measured
        fitted = self._intensity_n[part.index_B].sqrt()
        return fitted if measured is None else fitted * measured

    def _add_to_object(self, part: _Part, back_BMNHW: Tensor, conj_BNHW: Tensor) -> None:
        patches_BMHW = self._cut_BMHW[: len(part)]
        torch.mul(back_BMNHW[:, :, 0], conj_BNHW[:, None, 0], out=patches_BMHW)
        for n in range(1, conj_BNHW.shape[1]):
            patches_BMHW.addcmul_(back_BMNHW[:, :, n], conj_BNHW[:, None, n])
        if (roots_B := self._roots(part)) is not None:
            patches_BMHW.mul_(roots_B[:, None, None, None])
        self._patches.add(part.chosen, part.index_B, patches_BMHW)

    def _back(self, psi_BMNHW: Tensor, part: _Part) -> tuple[Tensor, Tensor]:
        """Psi times w carried back to the sample, and the sum of the loss."""
        far_BMNHW = propagate(psi_BMNHW)
        model_BHW = self._model(far_BMNHW)
        counts_BHW = part.counts().to(model_BHW.dtype)
        slope_BHW, per_pixel_BHW = part.slope(model_BHW, counts_BHW)
        if self._mask_HW is not None:
            slope_BHW.mul_(self._mask_HW)
            per_pixel_BHW.mul_(self._mask_HW)
        if (bad := self._scan.bad_pixels(part.chosen)) is not None:
            slope_BHW.view(-1).index_fill_(0, bad, 0.0)
            per_pixel_BHW.view(-1).index_fill_(0, bad, 0.0)
        slope_BHW.mul_(part.factor)
        far_BMNHW.mul_(slope_BHW[:, None, None])
        total = per_pixel_BHW.sum()
        if self._has_parts:
            self._add_to_parts(part, model_BHW, counts_BHW)
        return propagate_back(far_BMNHW), total

    def _add_to_parts(self, part: _Part, model_BHW: Tensor, counts_BHW: Tensor) -> None:
        """Slopes of intensity and background: of D - I log D, whatever the loss."""
        slope_BHW = (counts_BHW / model_BHW).neg_().add_(1)
        if self._mask_HW is not None:
            slope_BHW.mul_(self._mask_HW)
        if (bad := self._scan.bad_pixels(part.chosen)) is not None:
            slope_BHW.view(-1).index_fill_(0, bad, 0.0)
        background_HW = self._background_HW
        if background_HW is not None:
            self.gradients["background"].add_(slope_BHW.sum(0))
        if self._intensity_n is None:
            return
        slope_BP = slope_BHW.flatten(1)
        along_B = torch.linalg.vecdot(slope_BP, model_BHW.flatten(1))
        along_B -= self._scan.epsilon * slope_BP.sum(1)
        if background_HW is not None:
            along_B -= slope_BP @ background_HW.flatten()
        along_B.div_(self._intensity_n[part.index_B])
        self.gradients["intensity"].index_copy_(0, part.index_B, along_B)

    def _model(self, far_BMNHW: Tensor) -> Tensor:
        """Modelled counts (B, H, W), as `detect` has them, plus background and epsilon."""
        count = len(far_BMNHW)
        # Squares of interleaved parts first: long plain passes; pairs are added once.
        squares_BHW2 = self._squares_BHW2[:count]
        pairs = torch.view_as_real(far_BMNHW).flatten(1, 2).unbind(1)
        torch.mul(pairs[0], pairs[0], out=squares_BHW2)
        for pair_BHW2 in pairs[1:]:
            squares_BHW2.addcmul_(pair_BHW2, pair_BHW2)
        model_BHW = self._model_BHW[:count]
        torch.add(squares_BHW2[..., 0], squares_BHW2[..., 1], out=model_BHW)
        if self._background_HW is not None:
            model_BHW.add_(self._background_HW)
        return model_BHW.add_(self._scan.epsilon)


@dataclass(frozen=True, slots=True)
class _Part:
    """The chunk of a batch that is worked on, and what is the same for all of them."""

    batch: Batch
    begin: int
    end: int
    slope: Slope
    factor: float

    def __len__(self) -> int:
        return self.end - self.begin

    @property
    def chosen(self) -> NDArray[np.intp]:
        return self.batch.chosen[self.begin : self.end]

    @property
    def index_B(self) -> Tensor:
        return self.batch.index_B[self.begin : self.end]

    def counts(self) -> Tensor:
        return self.batch.counts(self.begin, self.end)
