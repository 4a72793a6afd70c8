"""An object's phase or amplitude as numbers that image programs read: float32 TIFF."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tifffile

from exitwave.schema.result import Plane
from exitwave.schema.verdict import Verdict

from ..display import object_values
from ..phase import Box, ComplexArray
from ..reconstruction import Reconstruction
from ..verdict_text import one_line, plain_ascii, rule_texts
from .protocol import ExportOptions, ResultWriter

UM_M = 1e-6


def write_tiff(
    path: Path,
    object_YX: ComplexArray,
    box: Box,
    pixel_size_m: float,
    plane: Plane = "phase",
    *,
    verdict: Verdict | None = None,
    about: Mapping[str, str] | None = None,
) -> None:
    """Write the whole object, one pixel a value.

    Parameters
    ----------
    path : Path
        Where to.
    object_YX : complex array (Y, X)
        NaN where not illuminated; stays NaN.
    box : tuple of int
        Illuminated box (y0, y1, x0, x1), ends excluded.
    pixel_size_m : float
        Written as resolution, in pixels per micrometre as ImageJ reads it.
    plane : {"phase", "amplitude"}
        The phase is in radians, wrapped, without ramp and piston.
    verdict : Verdict, optional
        With its rules in the image description, and in ImageJ's "Info".
    about : mapping of str to str, optional
        Further texts there, such as ``Scan`` and ``Job``.

    Raises
    ------
    InvalidInput
        The plane is unknown.
    """
    values_YX = object_values(object_YX, box, plane)
    per_um = UM_M / pixel_size_m
    tifffile.imwrite(
        path,
        values_YX.astype(np.float32),
        imagej=True,
        resolution=(per_um, per_um),
        metadata={"unit": "um", "axes": "YX", **_texts(verdict, about or {})},
    )


def _texts(verdict: Verdict | None, about: Mapping[str, str]) -> dict[str, str]:
    """Lines of the image description, which is ASCII; all of it once more, whole, as Info."""
    texts = dict(about)
    if verdict is not None:
        texts["Verdict"] = verdict.verdict
        for number, text in enumerate(rule_texts(verdict), 1):
            texts[f"Rule {number}"] = text
    if not texts:
        return {}
    info = "\n".join(f"{name}: {one_line(text)}" for name, text in texts.items())
    lines = {
        plain_ascii(name).lower().replace(" ", "_"): plain_ascii(one_line(text))
        for name, text in texts.items()
    }
    return {**lines, "Info": info}


def _write(path: Path, result: Reconstruction, options: ExportOptions) -> None:
    write_tiff(
        path,
        result.visible_object_YX(),
        result.illuminated_box,
        result.pixel_size_m,
        options.plane,
        verdict=result.verdict,
        about=options.about,
    )


TIFF = ResultWriter(
    name="tiff", suffix=".tiff", media_type="image/tiff", write=_write, shows_plane=True
)
