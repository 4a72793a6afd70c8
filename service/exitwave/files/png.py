"""Pictures of an object for people: colour map, scale bar, colour bar."""

from __future__ import annotations

import io
import math
from typing import Any, Literal, TypeAlias, get_args

import colorcet
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from exitwave.schema.errors import InvalidInput

from .phase import Box, ComplexArray, remove_ramp

Plane = Literal["phase", "amplitude"]
PLANES: tuple[Plane, ...] = get_args(Plane)
Floats: TypeAlias = NDArray[np.floating[Any]]

COLOURS = {"phase": "CET_L8", "amplitude": "CET_L1"}
CYCLIC = "CET_C2"
WRAPPED_RAD = 5.2
"""A phase that spans more is shown over the full circle in cyclic colours."""
PERCENTILES = (1.0, 99.0)
NOT_VISITED = (228, 228, 228)
LEAST_SIDE_PX = 640
STRIP_PX = 56


def object_png(
    object_YX: ComplexArray,
    box: Box,
    pixel_size_m: float,
    plane: Plane = "phase",
    *,
    nominal: bool = False,
) -> bytes:
    """The illuminated box of an object as PNG.

    Parameters
    ----------
    object_YX : complex array (Y, X)
        NaN where not illuminated.
    box : tuple of int
        Illuminated box (y0, y1, x0, x1), ends excluded.
    pixel_size_m : float
        For the scale bar.
    plane : {"phase", "amplitude"}
        The phase is shown in radians without ramp and piston.
    nominal : bool
        Say beside the scale bar that the scale is not a measured one.

    Raises
    ------
    InvalidInput
        The plane is unknown, or the box holds no pixel.
    """
    if plane not in PLANES:
        raise InvalidInput("plane", plane, "one of " + ", ".join(PLANES))
    y0, y1, x0, x1 = box
    part_YX = remove_ramp(object_YX, box)[y0:y1, x0:x1]
    if not part_YX.size:
        raise InvalidInput("box", box, f"a box inside the object, {object_YX.shape}")
    values_YX: Floats = np.angle(part_YX) if plane == "phase" else np.abs(part_YX)
    low, high = _limits(values_YX)
    name = COLOURS[plane]
    if plane == "phase" and high - low > WRAPPED_RAD:
        low, high, name = -math.pi, math.pi, CYCLIC
    colours = _colours(name)
    zoom = max(1, round(LEAST_SIDE_PX / max(part_YX.shape)))
    picture = Image.fromarray(_painted(values_YX, low, high, colours))
    picture = picture.resize(
        (picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST
    )
    sheet = Image.new("RGB", (max(picture.width, 360), picture.height + STRIP_PX), "white")
    sheet.paste(picture, ((sheet.width - picture.width) // 2, 0))
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=16)
    top = picture.height + 14
    remark = " (nominal)" if nominal else ""
    _scale_bar(draw, font, top, pixel_size_m / zoom, sheet.width, remark)
    unit = " rad" if plane == "phase" else ""
    _colour_bar(sheet, draw, font, top, colours, (f"{low:.2f}", f"{high:.2f}{unit}"))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def scale_bar(width_m: float) -> tuple[float, str]:
    """A round length of at most a third of `width_m`, and how to write it."""
    longest_m = width_m / 3
    power_m = 10.0 ** math.floor(math.log10(longest_m))
    length_m = max(step * power_m for step in (1, 2, 5) if step * power_m <= longest_m)
    # Pillow's own font, the only one sure to be there, has no mu.
    for unit, size_m in (("mm", 1e-3), ("um", 1e-6), ("nm", 1e-9)):
        if length_m >= 0.999 * size_m:
            return length_m, f"{length_m / size_m:.3g} {unit}"
    return length_m, f"{length_m / 1e-12:.3g} pm"


def _limits(values_YX: Floats) -> tuple[float, float]:
    """Percentiles, so that a few wild pixels do not spoil the contrast."""
    finite = values_YX[np.isfinite(values_YX)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(limit) for limit in np.percentile(finite, PERCENTILES))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _colours(name: str) -> NDArray[np.uint8]:
    """A colour map as (256, 3) bytes."""
    return np.array(
        [[int(text[i : i + 2], 16) for i in (1, 3, 5)] for text in colorcet.palette[name]],
        dtype=np.uint8,
    )


def _painted(
    values_YX: Floats, low: float, high: float, colours: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    finite_YX = np.isfinite(values_YX)
    share_YX = np.clip((np.where(finite_YX, values_YX, low) - low) / (high - low), 0, 1)
    picture = colours[np.rint(share_YX * (len(colours) - 1)).astype(np.intp)]
    picture[~finite_YX] = NOT_VISITED
    return picture


def _scale_bar(
    draw: ImageDraw.ImageDraw,
    font: Any,
    top: int,
    pixel_m: float,
    width_px: int,
    remark: str,
) -> None:
    length_m, text = scale_bar(pixel_m * width_px)
    length_px = round(length_m / pixel_m)
    draw.rectangle((14, top, 14 + length_px, top + 5), fill="black")
    draw.text((14, top + 10), text + remark, fill="black", font=font)


def _colour_bar(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    font: Any,
    top: int,
    colours: NDArray[np.uint8],
    texts: tuple[str, str],
) -> None:
    length_px = 130
    left = sheet.width - length_px - 14
    columns = np.linspace(0, len(colours) - 1, length_px).astype(np.intp)
    sheet.paste(Image.fromarray(np.tile(colours[columns], (8, 1, 1))), (left, top - 2))
    draw.text((left, top + 10), texts[0], fill="black", font=font)
    right = left + length_px - draw.textlength(texts[1], font=font)
    draw.text((right, top + 10), texts[1], fill="black", font=font)
