"""Scans as beamlines store them: found, checked and read. No torch.

What belongs here: reading runs from Tiled (`tiled_scans`, `run`, `run_stream`, `arrays`),
beamline profiles (`profile`, `profile_file`) and what profiles name by kind (`detectors`,
`sources`).
What does not: files that people hand over (`exitwave.files`), and making scans ready for the
engine (`exitwave.prepare`).
"""

from .profile import Profile
from .profile_file import load_profile
from .source import Scan
from .tiled_scans import TiledScans

__all__ = ["Profile", "Scan", "TiledScans", "load_profile"]
