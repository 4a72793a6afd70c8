"""All checks of single frames and pixels: the one list that screening goes through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .cut import cut
from .evidence import Bools, PixelMaps
from .fog import fog
from .frame_statistics import FrameStatistics
from .gaps import gaps
from .hot import hot
from .no_beam import no_beam
from .noise import too_noisy, too_quiet
from .repeated import repeated
from .stuck import stuck
from .too_bright import too_bright

Seen = TypeVar("Seen", FrameStatistics, PixelMaps)


@dataclass(frozen=True, slots=True)
class Check(Generic[Seen]):
    """A kind of fault and how it is found.

    Attributes
    ----------
    why : str
        Name of the kind, in records and on the page.
    find : callable
        From what is known of frames or pixels to those that are left out.
    reason : str
        What people are told, after "left out: ".
    """

    why: str
    find: Callable[[Seen], Bools]
    reason: str


FRAME_CHECKS: tuple[Check[FrameStatistics], ...] = (
    Check("repeated", repeated, "the same as the frame before, count by count"),
    Check("no beam", no_beam, "no beam in them, only scattered counts"),
    Check("fog", fog, "an even or smooth background lies over them"),
    Check("cut off", cut, "a part of them was not written"),
    Check("too bright", too_bright, "brighter than the beam: brighter than all around them"),
)
"""Frames (n,) to leave out; the first that finds one names it."""

PIXEL_CHECKS: tuple[Check[PixelMaps], ...] = (
    Check("stuck", stuck, "the same value in every frame"),
    Check(
        "gap",
        gaps,
        "never a count, amid illuminated pixels: gaps, dead pixels or a beamstop",
    ),
    Check("hot", hot, "far brighter than light can be beside its neighbours"),
    Check("too quiet", too_quiet, "far less noise than the pixels around"),
    Check("too noisy", too_noisy, "far more noise than the pixels around"),
)
"""Pixels (H, W) to leave out in all frames, likewise."""
