"""Numbers as colours, and the bar that tells them."""

from __future__ import annotations

from typing import Any, TypeAlias

import colorcet
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Floats: TypeAlias = NDArray[np.floating[Any]]

UNKNOWN = (228, 228, 228)
"""Of pixels that are NaN."""


def colour_map(name: str) -> NDArray[np.uint8]:
    """A colour map as (256, 3) bytes."""
    return np.array(
        [[int(text[i : i + 2], 16) for i in (1, 3, 5)] for text in colorcet.palette[name]],
        dtype=np.uint8,
    )


def painted(
    values_YX: Floats, low: float, high: float, colours: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Values (Y, X) as bytes (Y, X, 3), the map's ends at `low` and `high`."""
    finite_YX = np.isfinite(values_YX)
    share_YX = np.clip((np.where(finite_YX, values_YX, low) - low) / (high - low), 0, 1)
    picture = colours[np.rint(share_YX * (len(colours) - 1)).astype(np.intp)]
    picture[~finite_YX] = UNKNOWN
    return picture


def colour_bar(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    font: Any,
    top: int,
    colours: NDArray[np.uint8],
    texts: tuple[str, str],
) -> None:
    """Draw the map at the right, with what its ends stand for."""
    length_px = 130
    left = sheet.width - length_px - 14
    columns = np.linspace(0, len(colours) - 1, length_px).astype(np.intp)
    sheet.paste(Image.fromarray(np.tile(colours[columns], (8, 1, 1))), (left, top - 2))
    draw.text((left, top + 10), texts[0], fill="black", font=font)
    right = left + length_px - draw.textlength(texts[1], font=font)
    draw.text((right, top + 10), texts[1], fill="black", font=font)
