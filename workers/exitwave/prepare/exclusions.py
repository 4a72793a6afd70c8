"""What is left out, put together: masks, kept frames and the lines that say so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.engine import FrameMasks
from exitwave.schema.verdict import LeftOut

from .left_out import entries_left_out, frames_left_out, pixels_left_out

Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(slots=True)
class Exclusions:
    """What is left of the frames that were read, and why the rest is not.

    Parameters
    ----------
    numbers : ndarray (n,)
        Of the frames, in the scan.
    stored_HW : ndarray of int (H, W)
        Where each pixel, DC at the corner, lies in a stored frame: a flat index.
    stored_width : int
        Of a stored frame.
    """

    numbers: Indices
    stored_HW: Indices
    stored_width: int
    valid_HW: Bools = field(init=False)
    kept_n: Bools = field(init=False)
    left_out: list[LeftOut] = field(default_factory=list)
    _frames: list[Indices] = field(default_factory=list)
    _pixels: list[Indices] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.valid_HW = np.ones(self.stored_HW.shape, np.bool_)
        self.kept_n = np.ones(len(self.numbers), np.bool_)

    def exclude_pixels(self, why: str, at_HW: Bools) -> None:
        """Leave pixels (H, W) out in all frames."""
        at_HW = at_HW & self.valid_HW
        if at_HW.any():
            stored = np.sort(self.stored_HW[at_HW])
            places = [divmod(int(place), self.stored_width) for place in stored]
            self.left_out.append(pixels_left_out(why, places))
            self.valid_HW &= ~at_HW

    def exclude_frames(self, why: str, at_n: Bools) -> None:
        """Leave frames (n,) out."""
        at_n = at_n & self.kept_n
        if at_n.any():
            self.left_out.append(frames_left_out(why, self.numbers[at_n]))
            self.kept_n &= ~at_n

    def exclude_entries(self, why: str, frames: Indices, pixels: Indices) -> None:
        """Leave single pixels of single frames out: flat indices, DC at the corner."""
        used = self.kept_n[frames] & self.valid_HW.ravel()[pixels]
        frames, pixels = frames[used], pixels[used]
        if frames.size:
            self.left_out.append(entries_left_out(why, self.numbers[frames]))
            self._frames.append(frames)
            self._pixels.append(pixels)

    def blank(self, counts_nHW: NDArray[Any]) -> None:
        """Set single pixels of single frames to zero."""
        flat = counts_nHW.reshape(len(counts_nHW), -1)
        for frames, pixels in zip(self._frames, self._pixels, strict=True):
            flat[frames, pixels] = 0

    def marked_n(self) -> Bools:
        """Frames (n,) with single pixels left out."""
        marked_n = np.zeros(len(self.numbers), np.bool_)
        for frames in self._frames:
            marked_n[frames] = True
        return marked_n

    def frame_masks(self) -> FrameMasks | None:
        """Masks of the kept frames, in their order; None where no frame has one."""
        if not self._frames:
            return None
        frames, pixels = np.concatenate(self._frames), np.concatenate(self._pixels)
        used = self.kept_n[frames] & self.valid_HW.ravel()[pixels]
        if not used.any():
            return None
        entries = np.unique(np.stack([frames[used], pixels[used]], axis=1), axis=0)
        place_n = np.cumsum(self.kept_n) - 1
        counts = np.bincount(place_n[entries[:, 0]], minlength=int(self.kept_n.sum()))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return FrameMasks(offsets, entries[:, 1].astype(np.int32))
