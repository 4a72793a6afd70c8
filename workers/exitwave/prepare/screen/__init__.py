"""Pixels and frames whose values cannot be right, found by robust statistics before any fit.

Checks are functions in modules of their own, and a line in `PIXEL_CHECKS` or `FRAME_CHECKS`.
"""

from .run import FRAME_CHECKS, PIXEL_CHECKS, Fault, ScreeningResult, screen

__all__ = ["FRAME_CHECKS", "PIXEL_CHECKS", "Fault", "ScreeningResult", "screen"]
