"""Where a worker keeps checkpoints and results that are not in Tiled yet."""

from __future__ import annotations

from pathlib import Path

from exitwave.settings.connection import connection_file
from exitwave.settings.service import Settings


def checkpoints_folder(settings: Settings) -> Path:
    """Holds a folder for each job."""
    return settings.worker.checkpoints or _data_dir(settings) / "checkpoints"


def spool_folder(settings: Settings) -> Path:
    """Holds a file for each result: ``<job>-a<attempt>.npz``."""
    return _data_dir(settings) / "spool"


def _data_dir(settings: Settings) -> Path:
    return settings.data_dir or connection_file().parent
