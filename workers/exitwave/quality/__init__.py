"""How good a reconstruction is.

- against a truth: |cPCC|, share of the error on the raster's lattice
- between two pictures: FRC
- alone: share of the picture on the raster's lattice

numpy and scipy only.
"""

from .align import Alignment, align, rectangle_of_centres
from .cpcc import cpcc
from .frc import RingCorrelation, compare_halves, ring_correlation
from .grid import error_grid_power, grid_power
from .raster import Raster, find_raster

__all__ = [
    "Alignment",
    "Raster",
    "RingCorrelation",
    "align",
    "compare_halves",
    "cpcc",
    "error_grid_power",
    "find_raster",
    "grid_power",
    "rectangle_of_centres",
    "ring_correlation",
]
