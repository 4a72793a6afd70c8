"""How good a reconstruction is: |cPCC| against a truth, FRC between two pictures.

numpy and scipy only.
"""

from .align import Alignment, align, rectangle_of_centres
from .cpcc import cpcc
from .frc import RingCorrelation, compare_halves, ring_correlation

__all__ = [
    "Alignment",
    "RingCorrelation",
    "align",
    "compare_halves",
    "cpcc",
    "rectangle_of_centres",
    "ring_correlation",
]
