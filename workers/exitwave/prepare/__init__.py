"""From a scan to what the engine reconstructs: frames, masks, photons, positions in pixels."""

from .belonging import Resolved, build_oriented, resolve_orientation
from .dataset import Prepared, build_dataset
from .orient import ORIENTATIONS, inverse_of, oriented

__all__ = [
    "ORIENTATIONS",
    "Prepared",
    "Resolved",
    "build_dataset",
    "build_oriented",
    "inverse_of",
    "oriented",
    "resolve_orientation",
]
