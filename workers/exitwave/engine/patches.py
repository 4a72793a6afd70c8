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
    """Patches of one object state and of its gradient."""

    def gather(self, chosen: NDArray[np.intp], out_BHW: Tensor) -> None:
        """Copy the chosen views' patches of the object."""
        ...

    def add(self, chosen: NDArray[np.intp], patches_BHW: Tensor) -> None:
        """Add patches at the chosen views to the gradient."""
        ...


class SlicePatches:
    """One slice view per frame."""

    def __init__(
        self,
        source_YX: Tensor,
        target_YX: Tensor,
        corners_n2: Tensor,
        window_HW: tuple[int, int],
    ) -> None:
        height, width = window_HW
        corners = corners_n2.tolist()
        self._sources = [source_YX[y : y + height, x : x + width] for y, x in corners]
        self._targets = [target_YX[y : y + height, x : x + width] for y, x in corners]

    def gather(self, chosen: NDArray[np.intp], out_BHW: Tensor) -> None:
        torch.stack([self._sources[i] for i in chosen], out=out_BHW)

    def add(self, chosen: NDArray[np.intp], patches_BHW: Tensor) -> None:
        for i, patch_HW in zip(chosen, patches_BHW.unbind(0), strict=True):
            self._targets[i].add_(patch_HW)


class IndexPatches:
    """Flat pixel indices."""

    def __init__(
        self,
        source_YX: Tensor,
        target_YX: Tensor,
        corners_n2: Tensor,
        window_HW: tuple[int, int],
    ) -> None:
        height, width = window_HW
        device, columns = source_YX.device, source_YX.shape[1]
        rows_H = torch.arange(height, device=device)[:, None]
        self._window_HW = rows_H * columns + torch.arange(width, device=device)
        corners_n2 = corners_n2.to(device)
        self._first_n = corners_n2[:, 0] * columns + corners_n2[:, 1]
        self._source = source_YX.view(-1)
        # Complex numbers as pairs: adding by index is then one plain float kernel.
        self._target = torch.view_as_real(target_YX).view(-1, 2)

    def _indices(self, chosen: NDArray[np.intp]) -> Tensor:
        first_B = self._first_n[torch.from_numpy(chosen).to(self._first_n.device)]
        return (first_B[:, None, None] + self._window_HW).view(-1)

    def gather(self, chosen: NDArray[np.intp], out_BHW: Tensor) -> None:
        torch.index_select(self._source, 0, self._indices(chosen), out=out_BHW.view(-1))

    def add(self, chosen: NDArray[np.intp], patches_BHW: Tensor) -> None:
        values = torch.view_as_real(patches_BHW).view(-1, 2)
        self._target.index_add_(0, self._indices(chosen), values)


def make_patches(
    source_YX: Tensor, target_YX: Tensor, corners_n2: Tensor, window_HW: tuple[int, int]
) -> Patches:
    """The kind that suits the device of `source_YX`."""
    kind = SlicePatches if source_YX.device.type == "cpu" else IndexPatches
    return kind(source_YX, target_YX, corners_n2, window_HW)
