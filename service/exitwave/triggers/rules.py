"""Which finished scans become jobs."""

from __future__ import annotations

from collections.abc import Callable

from .protocol import FinishedScan

Rule = Callable[[FinishedScan], bool]
"""Whether a finished scan becomes a job."""


def ended_well(scan: FinishedScan) -> bool:
    """The scan was neither aborted nor did it fail."""
    return scan.exit_status == "success"
