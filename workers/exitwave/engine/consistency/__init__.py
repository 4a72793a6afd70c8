"""Whether positions and patterns belong together, found by short runs of a few patterns."""

from .bench import Bench, OutOfTimeError, Tried
from .ways import WAYS, Ways, try_ways

__all__ = ["WAYS", "Bench", "OutOfTimeError", "Tried", "Ways", "try_ways"]
