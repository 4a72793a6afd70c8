"""The patterns of each update, on the device when the step asks for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The patterns of one update.

    Attributes
    ----------
    chosen : ndarray of int (B,)
        Their indices in the scan, in host memory.
    index_B : Tensor, int64 (B,)
        The same on the device.
    """

    chosen: NDArray[np.intp]
    index_B: Tensor
    _patterns_nHW: Tensor

    def __len__(self) -> int:
        return len(self.chosen)

    def counts(self, begin: int, end: int) -> Tensor:
        """Counts (end - begin, H, W) of a part of the batch, float32, the caller's own.

        Invalid pixels are zero. Parts should be asked for in order.
        """
        chosen_nHW = torch.index_select(self._patterns_nHW, 0, self.index_B[begin:end])
        return chosen_nHW.float()
