"""Frames on their way into the engine: oriented, cropped, DC at the corner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.scans import Orientation
from exitwave.schema.errors import DataError


@dataclass(frozen=True, slots=True)
class Framing:
    """What is done to every frame (n, H, W), and to a mask.

    Parameters
    ----------
    orientation : Orientation
        From stored to seen along the beam.
    side_px : int
        Side of the central square that is kept.
    """

    orientation: Orientation
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
        if self.orientation.transpose:
            images_nHW = images_nHW.swapaxes(1, 2)
        if self.orientation.flip_y:
            images_nHW = _mirrored(images_nHW, 1)
        if self.orientation.flip_x:
            images_nHW = _mirrored(images_nHW, 2)
        height, width = images_nHW.shape[1:]
        top = height // 2 - self.side_px // 2
        left = width // 2 - self.side_px // 2
        cropped = images_nHW[:, top : top + self.side_px, left : left + self.side_px]
        return np.fft.ifftshift(cropped, axes=(1, 2))


def _mirrored(images_nHW: NDArray[Any], axis: int) -> NDArray[Any]:
    """Mirrored about the centre pixel n // 2, so that DC stays where it is.

    With an even number of pixels the first one has no partner; it keeps its place's
    neighbour round the corner, as in a discrete Fourier transform.
    """
    flipped = np.flip(images_nHW, axis)
    return np.roll(flipped, 1, axis) if images_nHW.shape[axis] % 2 == 0 else flipped


def kept_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Type of the frames in memory: integers as stored, floats single, native byte order."""
    if dtype.kind == "f":
        return np.dtype(np.float32)
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.kind not in "iu":
        raise DataError("frames", f"values of type {dtype}", "whole or real numbers")
    return dtype.newbyteorder("=")
