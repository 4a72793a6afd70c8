"""Whether positions and patterns belong together, found by short runs of a few patterns."""

from .bench import Bench, OutOfTimeError
from .ways import WAYS, Ways, try_ways

__all__ = ["WAYS", "Bench", "OutOfTimeError", "Ways", "try_ways"]
