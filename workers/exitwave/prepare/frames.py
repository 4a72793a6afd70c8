"""Frames on their way into the engine: oriented, cropped, DC at the corner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.files.frame_orientation import FrameOrientation
from exitwave.schema.errors import DataError


@dataclass(frozen=True, slots=True)
class Framing:
    """What is done to every frame (n, H, W), and to a mask.

    Parameters
    ----------
    orientation : FrameOrientation
        From stored to seen along the beam.
    side_px : int
        Side of the central square that is kept.
    """

    orientation: FrameOrientation
    side_px: int

    def stored(self, shape_HW: tuple[int, int]) -> NDArray[np.intp]:
        """Where each pixel of a framed image comes from: flat indices into a stored one."""
        places_HW = np.arange(shape_HW[0] * shape_HW[1], dtype=np.intp).reshape(shape_HW)
        framed_HW: NDArray[np.intp] = self.apply(places_HW[None])[0]
        return framed_HW

    def apply(self, images_nHW: NDArray[Any]) -> NDArray[Any]:
        """Orient, crop about the middle and move DC from the centre to the corner.

        The centre of n pixels is pixel n // 2, before and after the crop.
        """
        images_nHW = self.orientation.apply(images_nHW)
        height, width = images_nHW.shape[1:]
        top = height // 2 - self.side_px // 2
        left = width // 2 - self.side_px // 2
        cropped = images_nHW[:, top : top + self.side_px, left : left + self.side_px]
        return np.fft.ifftshift(cropped, axes=(1, 2))


def kept_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Type of the frames in memory: integers as stored, floats single, native byte order."""
    if dtype.kind == "f":
        return np.dtype(np.float32)
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.kind not in "iu":
        raise DataError("frames", f"values of type {dtype}", "whole or real numbers")
    return dtype.newbyteorder("=")
