"""Pixels and frames that lie, found by robust statistics before anything is fitted.

Checks are functions in modules of their own, and a line in `PIXEL_CHECKS` or `FRAME_CHECKS`.
"""

from .run import FRAME_CHECKS, PIXEL_CHECKS, Fault, Screened, screen

__all__ = ["FRAME_CHECKS", "PIXEL_CHECKS", "Fault", "Screened", "screen"]
