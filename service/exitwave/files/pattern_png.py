"""A picture of a mean diffraction pattern: logarithmic, with the zero frequency marked."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .colours import ColourMap, colour_bar, coloured

COLOUR_MAP: ColourMap = "counts"
MARK = "#00d0ff"
LEAST_SIDE_PX = 512
STRIP_PX = 56
DECADES = 6.0
"""Range that is shown at most below the brightest pixel."""

MOST_FRAMES = 256
"""Frames that a mean is made of, evenly taken from the scan."""

FRAMES_TOGETHER = 16


def mean_pattern(
    counts_nHW: Any, mask_HW: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], int]:
    """Mean of patterns (n, H, W), NaN where no frame has counts, and of how many frames.

    Values that no counts are (NaN, or the largest of the type) are passed over.
    """
    count = len(counts_nHW)
    step = max(1, -(-count // MOST_FRAMES))
    sum_HW = np.zeros(counts_nHW.shape[1:])
    number_HW = np.zeros(counts_nHW.shape[1:])
    whole = np.iinfo(counts_nHW.dtype).max if counts_nHW.dtype.kind in "ui" else np.inf
    taken = 0
    for start in range(0, count, step * FRAMES_TOGETHER):
        part = np.asarray(counts_nHW[start : start + step * FRAMES_TOGETHER : step])
        good = np.isfinite(part) & (part < whole)
        sum_HW += np.where(good, part, 0).sum(axis=0, dtype=np.float64)
        number_HW += good.sum(axis=0)
        taken += len(part)
    if mask_HW is not None:
        number_HW[~mask_HW] = 0
    return np.where(number_HW > 0, sum_HW / np.maximum(number_HW, 1), np.nan), taken


def pattern_png(mean_HW: NDArray[np.float64], text: str) -> bytes:
    """A mean pattern (H, W) as PNG, NaN in grey; a cross at pixel (H // 2, W // 2)."""
    height, width = mean_HW.shape
    known = mean_HW[np.isfinite(mean_HW) & (mean_HW > 0)]
    high = float(known.max()) if known.size else 1.0
    low = max(float(known.min()), high / 10**DECADES) if known.size else 0.1
    if low >= high:
        low = high / 10
    with np.errstate(invalid="ignore"):
        log_HW = np.log10(np.maximum(mean_HW, low))
    zoom = max(1, round(LEAST_SIDE_PX / max(height, width)))
    picture = Image.fromarray(coloured(log_HW, math.log10(low), math.log10(high), COLOUR_MAP))
    picture = picture.resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(picture)
    y, x = (height // 2 + 0.5) * zoom, (width // 2 + 0.5) * zoom
    arm = max(10, 3 * zoom)
    # The pixel itself stays free.
    for sign in (-1, 1):
        near, far = sign * (zoom / 2 + 3), sign * (zoom / 2 + 3 + arm)
        draw.line((x + near, y, x + far, y), fill=MARK, width=2)
        draw.line((x, y + near, x, y + far), fill=MARK, width=2)
    sheet = Image.new("RGB", (max(picture.width, 360), picture.height + STRIP_PX), "white")
    sheet.paste(picture, ((sheet.width - picture.width) // 2, 0))
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=16)
    top = picture.height + 14
    draw.text((14, top + 4), text, fill="black", font=font)
    colour_bar(sheet, draw, font, top, COLOUR_MAP, (f"{low:.2g}", f"{high:.4g} counts"))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()
