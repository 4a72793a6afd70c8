"""Patterns in host memory or in a file, as torch can take them without a copy of all."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .dataset import ArrayFrames, Counts, FrameSource

_SIGNED = {1: np.uint8, 2: np.int16, 4: np.int32, 8: np.int64}
_FLOATS = (np.float16, np.float32, np.float64)


class HostPatterns:
    """Chosen patterns of a source, as tensors of one stored type.

    Unsigned integers of more than one byte are stored as the signed ones of their size
    (see `feed.PixelEncoding`); the bits stay as they are.

    Parameters
    ----------
    frames : FrameSource
    dtype : numpy.dtype
        Of the counts that `frames` gives.
    """

    def __init__(self, frames: FrameSource, dtype: np.dtype[Any]) -> None:
        self._frames = frames
        self._native = _native(dtype)
        self._stored = _stored(self._native)
        self.dtype = torch.from_numpy(np.empty(0, self._stored)).dtype
        self.lying_nHW = self._in_memory()

    @property
    def window_HW(self) -> tuple[int, int]:
        """Height and width of a pattern."""
        return self._frames.shape_HW

    @property
    def frame_bytes(self) -> int:
        """Of one pattern as stored."""
        return self.window_HW[0] * self.window_HW[1] * self._stored.itemsize

    @property
    def largest(self) -> float:
        """What the stored type can hold."""
        return math.inf if self._stored.kind == "f" else float(np.iinfo(self._stored).max)

    def __len__(self) -> int:
        return len(self._frames)

    def empty(self, patterns: int, *, pinned: bool = False) -> Tensor:
        """Memory for patterns (patterns, H, W) on the host."""
        return torch.empty((patterns, *self.window_HW), dtype=self.dtype, pin_memory=pinned)

    def gather(self, chosen: NDArray[np.intp], out_BHW: Tensor) -> None:
        """Copy the chosen patterns as stored."""
        if self.lying_nHW is not None:
            torch.index_select(self.lying_nHW, 0, torch.from_numpy(chosen), out=out_BHW)
            return
        counts_BHW = np.asarray(self._frames.read(chosen))
        out_BHW.copy_(torch.from_numpy(self._as_stored(counts_BHW)))

    def _as_stored(self, counts_BHW: Counts) -> Counts:
        native = np.ascontiguousarray(counts_BHW, dtype=self._native)
        return native.view(self._stored)

    def _in_memory(self) -> Tensor | None:
        """All patterns as one tensor where they lie in memory as torch can read them."""
        if not isinstance(self._frames, ArrayFrames):
            return None
        counts_nHW = self._frames.counts_nHW
        if counts_nHW.dtype != self._native or min(counts_nHW.strides) < 0:
            return None
        with warnings.catch_warnings():
            # Patterns are only read, so they may be of a file opened for reading.
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            return torch.from_numpy(counts_nHW.view(self._stored))


def _native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of this machine's byte order that torch knows."""
    if dtype.kind == "f" and dtype.newbyteorder("=") not in _FLOATS:
        return np.dtype(np.float64)
    return dtype.newbyteorder("=")


def _stored(native: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(_SIGNED[native.itemsize]) if native.kind == "u" else native
