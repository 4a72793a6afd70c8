"""What DAP is compared with: ePIE, difference map and ADMM.

They share the dataset, states, initial guess, gauges and checkpoints of the engine; a recipe
asks for one of them by ``algorithm``. Their object has one state.

Here belong published algorithms and what they share; not DAP, which uses the difference map
in one of its stages.
"""

from .admm import Admm
from .difference_map import DifferenceMap
from .epie import Epie

__all__ = ["Admm", "DifferenceMap", "Epie"]
