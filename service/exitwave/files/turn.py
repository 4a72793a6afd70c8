"""What brings stored frames into the house's orientation: rows run down, columns right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Turn:
    """What is done to every stored frame, in this order.

    Attributes
    ----------
    transpose, flip_y, flip_x : bool
        Mirrors are about the centre pixel n // 2, where DC is and stays.
    """

    transpose: bool = False
    flip_y: bool = False
    flip_x: bool = False

    def __bool__(self) -> bool:
        return self.transpose or self.flip_y or self.flip_x

    def __str__(self) -> str:
        done = [
            word
            for word, asked in (
                ("transposed", self.transpose),
                ("mirrored up-down", self.flip_y),
                ("mirrored left-right", self.flip_x),
            )
            if asked
        ]
        return " and ".join(done) or "as stored"

    def shape(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of a turned frame."""
        return (width, height) if self.transpose else (height, width)

    def apply(self, images: NDArray[Any]) -> NDArray[Any]:
        """Turned images (…, H, W)."""
        if self.transpose:
            images = images.swapaxes(-1, -2)
        if self.flip_y:
            images = _mirrored(images, -2)
        if self.flip_x:
            images = _mirrored(images, -1)
        return images


def _mirrored(images: NDArray[Any], axis: int) -> NDArray[Any]:
    """Pixel c + k becomes c - k, with c = n // 2.

    Of an even number of pixels the first has no partner: it stays, as the highest frequency
    of a discrete Fourier transform does.
    """
    flipped = np.flip(images, axis)
    return np.roll(flipped, 1, axis) if images.shape[axis] % 2 == 0 else flipped
