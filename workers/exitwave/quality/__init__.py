"""How good a reconstruction is, and how good it can be judged.

- against a truth: |cPCC|, share of the error on the raster's lattice
- between two pictures: FRC; halves of the data to make them from
- against the measured patterns: PRTF
- alone: share of the picture on the raster's lattice

Here belong figures as functions of arrays, with numpy and scipy only. Which of them a run gets
is decided in `exitwave.run_quality`, what they mean for its verdict in `exitwave.verdict`.
"""

from .align import Alignment, align, rectangle_of_centres
from .cpcc import cpcc
from .frc import RingCorrelation, compare_halves, ring_correlation
from .halves import ChosenFrames, ThinnedFrames
from .prtf import TransferFunction, transfer_function
from .raster import Raster, find_raster
from .raster_artefacts import error_raster_artefact, raster_artefact

__all__ = [
    "Alignment",
    "ChosenFrames",
    "Raster",
    "RingCorrelation",
    "ThinnedFrames",
    "TransferFunction",
    "align",
    "compare_halves",
    "cpcc",
    "error_raster_artefact",
    "find_raster",
    "raster_artefact",
    "rectangle_of_centres",
    "ring_correlation",
    "transfer_function",
]
