"""The hot path on CUDA: two batched Fourier transforms and four Triton kernels.

Transforms are plain, for each would be made unitary by a pass of its own; the kernel between
them has the factors of both.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from exitwave.schema.recipe import Loss

from ..data.feed import Batch
from ..data.memory import view_work_bytes
from ..data.scan import Scan
from ..forward import Named
from ..loss import LOSSES
from . import kernels

LARGEST = 2**25
"""Complex numbers worked on at a time."""


class TritonStep:
    """Loss and gradients of a batch at whole-pixel positions, of object and probe alone.

    Parameters
    ----------
    scan : Scan
        Without shifts.
    named : mapping of Tensor
        Object and probe, complex64. They must only change in place.

    Attributes
    ----------
    gradients : dict of Tensor
        As in `Step`.
    needs_no_host : bool
        `run` reads a batch's indices on the device only.
    waves_per_view : int
        Complex numbers of the exit waves of a view.
    """

    needs_no_host = True

    @staticmethod
    def knows(scan: Scan, named: Named, losses: Collection[Loss]) -> bool:
        """Whether there are kernels for all of this."""
        plain = scan.shifts_n2 is None and scan.frame_masks is None
        known = all(LOSSES[loss].kernel is not None for loss in losses)
        return plain and known and set(named) == {"object", "probe"}

    def __init__(self, scan: Scan, named: Named) -> None:
        object_MYX, probe_NHW = named["object"], named["probe"]
        self._scan, self._object_MYX, self._probe_NHW = scan, object_MYX, probe_NHW
        self.gradients = {name: torch.zeros_like(values) for name, values in named.items()}
        states, rows, columns = object_MYX.shape
        self._area, self._columns = rows * columns, columns
        self._first_n = scan.corners_n2[:, 0] * columns + scan.corners_n2[:, 1]
        none = torch.zeros(1, device=scan.device)
        self._root_scale_n = none if scan.scale_n is None else scan.scale_n.sqrt()
        self._mask_HW = none if scan.mask_HW is None else scan.mask_HW.float()
        pairs = states * len(probe_NHW)
        self.waves_per_view = states * probe_NHW.numel()
        height, width = scan.window_HW
        self._pixels_times_pairs = scan.valid_pixels * pairs
        self._chunk = scan.views_at_once(
            view_work_bytes((height, width), states, len(probe_NHW)),
            max(1, min(len(scan), LARGEST // self.waves_per_view)),
        )

    def run(self, batch: Batch, loss: Loss, factor: float = 1.0) -> Tensor:
        """As in `Step`."""
        for gradient in self.gradients.values():
            gradient.zero_()
        per_pattern = factor / self._pixels_times_pairs
        weight = 2 * per_pattern / len(batch)
        total = self._probe_NHW.real.new_zeros(())
        for begin in range(0, len(batch), self._chunk):
            end = min(begin + self._chunk, len(batch))
            # Triton launches on the current GPU, wherever its tensors are.
            with torch.cuda.device_of(total):  # type: ignore[no-untyped-call]  # torch's
                total += self._part(batch, begin, end, loss, weight)
        return total.mul_(per_pattern)

    def _part(self, batch: Batch, begin: int, end: int, loss: Loss, weight: float) -> Tensor:
        scan, count = self._scan, end - begin
        height, width = scan.window_HW
        pixels, block = height * width, kernels.BLOCK
        states = {"M": len(self._object_MYX), "N": len(self._probe_NHW)}
        fixed = {"pixels": pixels, "block": block}
        blocks = -(-pixels // block)
        places = (batch.index_B[begin:end], self._first_n, self._root_scale_n)
        where = (*places, self._area, self._columns)
        views = {**states, **fixed, "width": width, "scaled": scan.scale_n is not None}
        object_, probe = _floats(self._object_MYX), _floats(self._probe_NHW)
        psi_BMNHW = self._probe_NHW.new_empty((count, *states.values(), height, width))
        kernels.exit_waves[blocks, count](_floats(psi_BMNHW), object_, probe, *where, **views)
        far_BMNHW = torch.fft.fft2(psi_BMNHW)
        sums = psi_BMNHW.real.new_empty((count, blocks))
        kernels.multiply_by_d_loss_d_model[blocks, count](
            _floats(far_BMNHW),
            batch.counts(begin, end),
            self._mask_HW,
            sums,
            scan.epsilon,
            weight / pixels,
            K=states["M"] * states["N"],
            loss=LOSSES[loss].kernel,
            masked=scan.mask_HW is not None,
            **fixed,
        )
        back = _floats(torch.fft.ifft2(far_BMNHW, norm="forward"))
        kernels.add_to_object[blocks, count](
            _floats(self.gradients["object"]), back, probe, *where, **views
        )
        groups = -(-count // kernels.GROUP)
        kernels.add_to_probe[blocks, states["N"], groups](
            _floats(self.gradients["probe"]),
            back,
            object_,
            *where,
            count,
            group=kernels.GROUP,
            **views,
        )
        return sums.sum()


def _floats(values: Tensor) -> Tensor:
    return torch.view_as_real(values)
