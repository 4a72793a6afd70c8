"""Reading patches out of the object and adding patches to its gradient, for the hot path.

On a CPU a list of slice views, made once, is fastest; on a GPU one index kernel replaces
a launch per view. Both stay valid because object and gradient only change in place.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Patches(Protocol):
    """Patches of the object and of its gradient, all states together.

    Views are named twice, by host indices (B,) and the same on the device.
    """

    def gather(self, chosen: NDArray[np.intp], index_B: Tensor, out_BMHW: Tensor) -> None:
        """Copy the chosen views' patches of the object."""
        ...

    def add(self, chosen: NDArray[np.intp], index_B: Tensor, patches_BMHW: Tensor) -> None:
        """Add patches at the chosen views to the gradient."""
        ...


class SlicePatches:
    """One slice view per frame; adds one after the other, always in the same order."""

    def __init__(
        self,
        source_MYX: Tensor,
        target_MYX: Tensor,
        corners_n2: Tensor,
        window_HW: tuple[int, int],
    ) -> None:
        height, width = window_HW
        corners = corners_n2.tolist()
        self._sources = [source_MYX[:, y : y + height, x : x + width] for y, x in corners]
        self._targets = [target_MYX[:, y : y + height, x : x + width] for y, x in corners]

    def gather(self, chosen: NDArray[np.intp], index_B: Tensor, out_BMHW: Tensor) -> None:
        torch.stack([self._sources[i] for i in chosen.tolist()], out=out_BMHW)

    def add(self, chosen: NDArray[np.intp], index_B: Tensor, patches_BMHW: Tensor) -> None:
        for i, patch_MHW in zip(chosen.tolist(), patches_BMHW.unbind(0), strict=True):
            self._targets[i].add_(patch_MHW)


class IndexPatches:
    """Flat pixel indices: no host work, but sums come in any order on a GPU."""

    def __init__(
        self,
        source_MYX: Tensor,
        target_MYX: Tensor,
        corners_n2: Tensor,
        window_HW: tuple[int, int],
    ) -> None:
        height, width = window_HW
        states, rows, columns = source_MYX.shape
        device = source_MYX.device
        rows_H = torch.arange(height, device=device)[:, None]
        window_HW_ = rows_H * columns + torch.arange(width, device=device)
        states_M = torch.arange(states, device=device)[:, None, None]
        self._window_MHW = states_M * (rows * columns) + window_HW_
        corners_n2 = corners_n2.to(device)
        self._first_n = corners_n2[:, 0] * columns + corners_n2[:, 1]
        self._source = source_MYX.view(-1)
        # Complex numbers as pairs: adding by index is then one plain float kernel.
        self._target = torch.view_as_real(target_MYX).view(-1, 2)

    def _indices(self, index_B: Tensor) -> Tensor:
        return (self._first_n[index_B][:, None, None, None] + self._window_MHW).view(-1)

    def gather(self, chosen: NDArray[np.intp], index_B: Tensor, out_BMHW: Tensor) -> None:
        torch.index_select(self._source, 0, self._indices(index_B), out=out_BMHW.view(-1))

    def add(self, chosen: NDArray[np.intp], index_B: Tensor, patches_BMHW: Tensor) -> None:
        values = torch.view_as_real(patches_BMHW).view(-1, 2)
        self._target.index_add_(0, self._indices(index_B), values)


def make_patches(
    source_MYX: Tensor,
    target_MYX: Tensor,
    corners_n2: Tensor,
    window_HW: tuple[int, int],
    *,
    deterministic: bool,
) -> Patches:
    """The kind that suits the device of `source_MYX`."""
    slices = deterministic or source_MYX.device.type == "cpu"
    kind = SlicePatches if slices else IndexPatches
    return kind(source_MYX, target_MYX, corners_n2, window_HW)
