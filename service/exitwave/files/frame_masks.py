"""Pixels that are bad in single frames only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError


@dataclass(frozen=True, slots=True)
class FrameMasks:
    """Which pixels of which frames must not be used, frame after frame.

    Attributes
    ----------
    offsets : int64 array (n + 1,)
        Frame i has the pixels ``offsets[i]`` to ``offsets[i + 1]``, end excluded.
    pixels : int32 array
        Flat indices ``row * W + column`` of the bad pixels.

    Raises
    ------
    DataError
        The two do not fit together.
    """

    offsets: NDArray[np.int64]
    pixels: NDArray[np.int32]

    def __post_init__(self) -> None:
        offsets = self.offsets
        ends = (int(offsets[0]), int(offsets[-1])) if offsets.size else ()
        if offsets.ndim != 1 or ends != (0, len(self.pixels)) or (np.diff(offsets) < 0).any():
            raise DataError(
                "frame masks",
                f"{offsets.size} offsets with the ends {ends} for {len(self.pixels)} pixels",
                "offsets that rise from 0 to the number of pixels",
            )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of(self, frame: int) -> NDArray[np.int32]:
        """Flat indices of the bad pixels of one frame."""
        return self.pixels[self.offsets[frame] : self.offsets[frame + 1]]

    @classmethod
    def from_frames(cls, bad_of_frames: Iterable[NDArray[np.bool_]]) -> FrameMasks:
        """From a mask (H, W) a frame, True = bad."""
        found = [np.flatnonzero(bad_HW).astype(np.int32) for bad_HW in bad_of_frames]
        offsets = np.zeros(len(found) + 1, np.int64)
        np.cumsum([len(pixels) for pixels in found], out=offsets[1:])
        return cls(offsets, np.concatenate([np.zeros(0, np.int32), *found]))
