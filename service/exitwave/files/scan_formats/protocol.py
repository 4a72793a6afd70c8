"""What a format of files with scans is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..places import ReadOptions
from ..stored import StoredMeasurement


@dataclass(frozen=True, slots=True)
class ScanFormat:
    """A format of files with scans.

    Attributes
    ----------
    name : str
        For people.
    recognises : callable
        Whether a file is one of these; it exists, and may be of any kind.
    read : callable
        Reads a scan but for its patterns.
    """

    name: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path, ReadOptions], StoredMeasurement]
