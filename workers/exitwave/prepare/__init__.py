"""From a scan to what the engine reconstructs: frames, masks, photons, positions in pixels.

What belongs here: choosing frames (`selection`), reading them (`frame_reader`, `frames`),
what stored values mean (`values`, `photons`, `invalid_values`), finding pixels and frames
whose values cannot be right (`screen`), the record of what is left out (`exclusions`,
`left_out`), flux, background and orientation of the positions. What does not: where scans
come from (`exitwave.scans`, `exitwave.files`), and anything that is fitted.
"""

from .auto_orientation import ResolvedOrientation, build_oriented, resolve_orientation
from .dataset import Prepared, build_dataset
from .orientations import ORIENTATIONS, inverse_of, oriented

__all__ = [
    "ORIENTATIONS",
    "Prepared",
    "ResolvedOrientation",
    "build_dataset",
    "build_oriented",
    "inverse_of",
    "oriented",
    "resolve_orientation",
]
