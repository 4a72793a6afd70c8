"""Formats that scans are read from.

What belongs here: one file for each format, `registry`, which lists them, and `read`, which
opens a file of any of them. A format recognises its files and says where they keep the parts of
a scan. What does not: how parts are read and checked, which is the same for all formats
(`exitwave.files.assemble` and its neighbours), and the files that results are written to
(`exitwave.files.result_formats`).
"""

from .read import open_measurement, read_measurement
from .registry import SCAN_FORMATS, format_of

__all__ = ["SCAN_FORMATS", "format_of", "open_measurement", "read_measurement"]
