"""Pixels and frames whose values cannot be right, found by robust statistics before any fit.

Here belong checks, each a function in a module of its own and a line in `checks`, and what they
look at: sums over all frames (`evidence`) and each frame beside its neighbours
(`frame_statistics`). What is done with what they find is not decided here.
"""

from .checks import FRAME_CHECKS, PIXEL_CHECKS, Check
from .run import Fault, ScreeningResult, screen

__all__ = ["FRAME_CHECKS", "PIXEL_CHECKS", "Check", "Fault", "ScreeningResult", "screen"]
