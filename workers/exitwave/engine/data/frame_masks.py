"""Pixels that do not count in single frames, beside the mask of all frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class FrameMasks:
    """Which pixels do not count in which frames; small where few frames have any.

    Parameters
    ----------
    offsets : ndarray of int64 (n + 1,)
        Frame i has the entries ``offsets[i]`` to ``offsets[i + 1]``, the end excluded.
    pixels : ndarray of int32
        Flat indices of pixels, ``row * W + column``, DC at the corner like the frames.

    Raises
    ------
    DataError
        The two do not fit together.
    """

    offsets: NDArray[np.int64]
    pixels: NDArray[np.int32]

    def __post_init__(self) -> None:
        offsets, pixels = self.offsets, self.pixels
        rises = offsets.ndim == 1 and len(offsets) > 0 and bool((np.diff(offsets) >= 0).all())
        if not rises or offsets[0] != 0 or offsets[-1] != len(pixels):
            raise DataError(
                "frame_masks",
                f"offsets of shape {offsets.shape} for {len(pixels)} pixels",
                "offsets that rise from 0 to the number of pixels",
            )
        if len(pixels) and pixels.min() < 0:
            raise DataError("frame_masks", int(pixels.min()), "flat pixel indices from 0 on")

    @classmethod
    def of_frames(cls, bad_n: list[NDArray[np.intp]]) -> FrameMasks:
        """From the flat indices of the bad pixels of each frame."""
        offsets = np.zeros(len(bad_n) + 1, np.int64)
        np.cumsum([len(bad) for bad in bad_n], out=offsets[1:])
        pixels = np.concatenate(bad_n) if bad_n else np.empty(0)
        return cls(offsets, pixels.astype(np.int32))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of(self, frame: int) -> NDArray[np.int32]:
        """Flat indices of the bad pixels of one frame."""
        return self.pixels[self.offsets[frame] : self.offsets[frame + 1]]

    def chosen(self, frames: NDArray[np.intp]) -> FrameMasks:
        """Those of some frames, in their order."""
        return FrameMasks.of_frames([self.of(int(i)).astype(np.intp) for i in frames])

    def any_of(self, frames: NDArray[np.intp]) -> bool:
        """Whether any of the frames has a bad pixel."""
        return bool((self.offsets[frames + 1] > self.offsets[frames]).any())

    def within(self, frames: NDArray[np.intp], pixels_of_frame: int) -> NDArray[np.int64]:
        """Flat indices of the bad pixels in an array (B, H, W) of these frames."""
        parts = [
            self.of(int(frame)).astype(np.int64) + place * pixels_of_frame
            for place, frame in enumerate(frames)
        ]
        return np.concatenate([np.empty(0, np.int64), *parts])
