"""Colour maps of all pictures, on the page and in files, and the bar that tells their range.

The maps come from colorcet: perceptually uniform, and cyclic for a wrapped phase.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import colorcet
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .codes import NOT_VISITED, quantise

Floats: TypeAlias = NDArray[np.floating[Any]]

ColourMap = Literal["phase", "amplitude", "cyclic", "counts"]
_COLORCET: dict[ColourMap, str] = {
    "phase": "CET_L8",
    "amplitude": "CET_L1",
    "cyclic": "CET_C2",
    "counts": "CET_L8",
}
UNKNOWN = (228, 228, 228)
"""Of pixels that are NaN, in files. The page leaves them transparent."""


def palette(name: ColourMap) -> list[str]:
    """256 colours as ``#rrggbb``, from the lowest value to the highest."""
    return [str(colour) for colour in colorcet.palette[_COLORCET[name]]]


def rgb_palette(name: ColourMap) -> NDArray[np.uint8]:
    """The same colours as bytes (256, 3)."""
    return np.array([list(bytes.fromhex(colour[1:])) for colour in palette(name)], np.uint8)


def coloured(values_YX: Floats, low: float, high: float, name: ColourMap) -> NDArray[np.uint8]:
    """Values (Y, X) as bytes (Y, X, 3), the map's ends at `low` and `high`.

    A value gets the colour that it has on the page (``static/colours.js``), by the same
    16-bit codes: each of the 256 colours stands for 256 codes.
    """
    codes_YX = quantise(values_YX, low, high)
    visited_YX = codes_YX != NOT_VISITED
    picture: NDArray[np.uint8] = rgb_palette(name)[(codes_YX - visited_YX) >> 8]
    picture[~visited_YX] = UNKNOWN
    return picture


def colour_bar(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    font: Any,
    top: int,
    name: ColourMap,
    texts: tuple[str, str],
) -> None:
    """Draw the map at the right, with what its ends stand for."""
    length_px = 130
    left = sheet.width - length_px - 14
    colours = rgb_palette(name)
    columns = np.linspace(0, len(colours) - 1, length_px).astype(np.intp)
    sheet.paste(Image.fromarray(np.tile(colours[columns], (8, 1, 1))), (left, top - 2))
    draw.text((left, top + 10), texts[0], fill="black", font=font)
    right = left + length_px - draw.textlength(texts[1], font=font)
    draw.text((right, top + 10), texts[1], fill="black", font=font)
