"""What stored values mean, estimated from a sample: the detector's pedestal, gain and noise.

Here belongs how numbers become photons; which pixels and frames lie is asked in `screen`.
"""

from .calibration import DetectorCalibration
from .estimate_calibration import estimate_calibration

__all__ = ["DetectorCalibration", "estimate_calibration"]
