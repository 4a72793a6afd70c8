"""Detectors as beamline profiles describe them.

What belongs here: one file for each way in which a run in Tiled holds a detector's frames, and
`registry`, which lists them and chooses the detector of a run. What does not: how frames are
read (`exitwave.scans.arrays`), and what is done with them afterwards.
"""

from .protocol import BaseDetector
from .registry import Detector, choose_detector

__all__ = ["BaseDetector", "Detector", "choose_detector"]
