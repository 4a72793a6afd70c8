"""From a scan to what the engine reconstructs: frames, masks, photons, positions in pixels."""

from .dataset import Prepared, build_dataset
from .mask_file import mask_within
from .orient import ORIENTATIONS, inverse_of, oriented

__all__ = [
    "ORIENTATIONS",
    "Prepared",
    "build_dataset",
    "inverse_of",
    "mask_within",
    "oriented",
]
