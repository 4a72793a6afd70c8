"""Pictures of an object for people: colour map, scale bar, colour bar, verdict."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from exitwave.schema.errors import InvalidInput
from exitwave.schema.required import verdict_line
from exitwave.schema.result import Plane
from exitwave.schema.verdict import Judgement, Verdict

from ..colours import colour_bar, coloured
from ..display import OBJECT_PLANES, UNITS, object_limits, object_values
from ..phase import Box, ComplexArray
from ..reconstruction import Reconstruction
from ..verdict_text import plain_ascii, rule_texts
from .protocol import ExportOptions, ResultWriter

LEAST_SIDE_PX = 640
STRIP_PX = 56
LEAST_WIDTH_PX = 360
LINE_PX = 20
WARNINGS: dict[Judgement, tuple[str, str]] = {
    "doubtful": ("#f4c84b", "#000000"),
    "no picture": ("#b3261e", "#ffffff"),
}
"""Ground and ink of the strip that says so below the picture; the words are there, too."""


def object_png(
    object_YX: ComplexArray,
    box: Box,
    pixel_size_m: float,
    plane: Plane = "phase",
    *,
    nominal: bool = False,
    verdict: Verdict | None = None,
    about: Mapping[str, str] | None = None,
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
    verdict : Verdict, optional
        One that is not good is said in a strip of its own, with what the worst rule found.
        Any is in the file's texts, with its rules.
    about : mapping of str to str, optional
        Further texts of the file, such as ``Scan`` and ``Job``.

    Raises
    ------
    InvalidInput
        The plane is unknown, or the box holds no pixel.
    """
    values_YX = object_values(object_YX, box, plane)
    y0, y1, x0, x1 = box
    part_YX = values_YX[y0:y1, x0:x1]
    if not part_YX.size:
        raise InvalidInput("box", box, f"a box inside the object, {object_YX.shape}")
    low, high, colour_map = object_limits(values_YX, box, plane)
    zoom = max(1, round(LEAST_SIDE_PX / max(part_YX.shape)))
    picture = Image.fromarray(coloured(part_YX, low, high, colour_map))
    picture = picture.resize(
        (picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST
    )
    width = max(picture.width, LEAST_WIDTH_PX)
    font = ImageFont.load_default(size=16)
    warning = _warning(verdict, width, font)
    height = picture.height + STRIP_PX + (warning.height if warning else 0)
    sheet = Image.new("RGB", (width, height), "white")
    sheet.paste(picture, ((sheet.width - picture.width) // 2, 0))
    draw = ImageDraw.Draw(sheet)
    top = picture.height + 14
    remark = " (nominal)" if nominal else ""
    _scale_bar(draw, font, top, pixel_size_m / zoom, sheet.width, remark)
    ends = (f"{low:.2f}", f"{high:.2f} {UNITS[OBJECT_PLANES[plane]]}".rstrip())
    colour_bar(sheet, draw, font, top, colour_map, ends)
    if warning:
        sheet.paste(warning, (0, picture.height + STRIP_PX))
    out = io.BytesIO()
    sheet.save(out, "PNG", pnginfo=_texts(verdict, about or {}))
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


def _texts(verdict: Verdict | None, about: Mapping[str, str]) -> PngInfo:
    texts = PngInfo()
    for name, text in about.items():
        texts.add_text(name, text)
    if verdict is not None:
        texts.add_text("Verdict", verdict.verdict)
        if verdict.rules:
            texts.add_text("Rules", "\n".join(rule_texts(verdict)))
    return texts


def _warning(verdict: Verdict | None, width: int, font: Any) -> Image.Image | None:
    """A strip that says that the picture is doubtful or none, and why; None: it is good."""
    if verdict is None or verdict.verdict == "good":
        return None
    ground, ink = WARNINGS[verdict.verdict]
    left = 44
    # Pillow's own font, the only one sure to be there, has hardly more than ASCII.
    lines = _wrapped(plain_ascii(verdict_line(verdict)), width - left - 14, font)
    strip = Image.new("RGB", (width, LINE_PX * len(lines) + 16), ground)
    draw = ImageDraw.Draw(strip)
    draw.polygon(((24, 8), (12, 30), (36, 30)), fill=ink)
    draw.text((24, 27), "!", fill=ground, font=font, anchor="ms")
    for number, line in enumerate(lines):
        draw.text((left, 8 + LINE_PX * number), line, fill=ink, font=font)
    return strip


def _wrapped(text: str, width_px: int, font: Any) -> list[str]:
    """The text in lines that fit; a word that is longer by itself gets a line of its own."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width_px:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


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


def _write(path: Path, result: Reconstruction, options: ExportOptions) -> None:
    picture = object_png(
        result.visible_object_YX(),
        result.illuminated_box,
        result.pixel_size_m,
        options.plane,
        nominal=result.geometry is not None and result.geometry.nominal,
        verdict=result.verdict,
        about=options.about,
    )
    path.write_bytes(picture)


PNG = ResultWriter(
    name="png", suffix=".png", media_type="image/png", write=_write, shows_plane=True
)
