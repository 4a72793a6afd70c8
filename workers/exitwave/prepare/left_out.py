"""What was left out, in words: whatever is left out has a line that says so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.verdict import LeftOut

from .screen import FRAME_CHECKS, PIXEL_CHECKS

FIRST = 20
"""So many are named in a record."""

NAMED = 6
"""So many ranges are named in a line."""

REASONS = {
    # frames
    "beyond the first n": "data.frames takes the first ones only",
    "excluded": "as data.exclude asks",
    "no position": "their position is NaN or infinite",
    "far from all others": "their position is far from that of all other views",
    "not recorded": "most of their pixels are marked as bad",
    "dark": "no count in any valid pixel",
    "unexplained": "no picture that explains the other frames explains them",
    "block": "a part of them holds something else than the pattern",
    # pixels
    "marked": "bad in the scan's own mask",
    "masked": "bad in the file that data.mask names",
    "bad": "no counts in them: marked by the detector, negative or no whole photons",
    "saturated": "their counts are cut off at the detector's full scale",
    "flickering": "far too bright again and again",
    "below dark": "below the level of a pixel without light",
    # pixels of frames
    "flash": "single counts that no pattern holds, such as cosmic rays",
    "bad at times": "no counts then: marked by the detector, negative or no whole photons",
    "saturated at times": "cut off at the detector's full scale in these frames",
    "masked at times": "bad in the scan's masks of single frames",
    **{check.why: check.reason for check in FRAME_CHECKS},
    **{check.why: check.reason for check in PIXEL_CHECKS},
}
"""Why something is left out, by the kind of fault."""


def frames_left_out(why: str, frames: NDArray[np.intp], details: Sequence[str] = ()) -> LeftOut:
    """Frames by their numbers in the scan."""
    what = f"{_many(len(frames), 'frame')} ({ranges_text(frames)})"
    return LeftOut(
        what="frames",
        why=why,
        count=len(frames),
        first=frames[:FIRST].tolist(),
        text=_line(what, why, details),
    )


def pixels_left_out(why: str, pixels: list[tuple[int, int]]) -> LeftOut:
    """Pixels by (row, column) as stored."""
    row, column = pixels[0]
    first = "at" if len(pixels) == 1 else "the first at"
    what = f"{_many(len(pixels), 'pixel')}, {first} row {row}, column {column}"
    return LeftOut(
        what="pixels", why=why, count=len(pixels), first=pixels[:FIRST], text=_line(what, why)
    )


def entries_left_out(why: str, frames: NDArray[np.intp]) -> LeftOut:
    """Pixels of single frames: the frame of each, by its number in the scan."""
    found = np.unique(frames)
    what = f"{_many(len(frames), 'pixel')} of {_many(len(found), 'frame')}"
    return LeftOut(
        what="pixels of frames",
        why=why,
        count=len(frames),
        first=found[:FIRST].tolist(),
        text=_line(f"{what} ({ranges_text(found)})", why),
    )


def ranges_text(numbers: NDArray[np.intp]) -> str:
    """Rising numbers as "3, 10-12"."""
    breaks = np.flatnonzero(np.diff(numbers) != 1)
    firsts = numbers[np.concatenate([[0], breaks + 1])]
    lasts = numbers[np.concatenate([breaks, [len(numbers) - 1]])]
    parts = [
        str(first) if first == last else f"{first}-{last}"
        for first, last in zip(firsts[:NAMED], lasts[:NAMED], strict=True)
    ]
    return ", ".join(parts) + (" and more" if len(firsts) > NAMED else "")


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _line(what: str, why: str, details: Sequence[str] = ()) -> str:
    more = f" ({', '.join(details)})" if details else ""
    return f"{what} left out: {REASONS[why]}{more}"
