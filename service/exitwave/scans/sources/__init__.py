"""Where a run's photon energy and its distance of sample to detector come from.

What belongs here: one file for each kind of source that a beamline profile can name, and
`registry`, which lists them. A source turns what a run recorded, or what the profile says,
into one number in eV or metres, with words on where it came from. What does not: what a
detector is (`exitwave.scans.detectors`), and how documents are fetched (`run_stream`).
"""

from .protocol import RunRecord, SourcedValue
from .registry import DistanceSource, EnergySource

__all__ = ["DistanceSource", "EnergySource", "RunRecord", "SourcedValue"]
