"""Scans as beamlines store them: found, checked and read. No torch."""

from .profile import Orientation, Profile, load_profile
from .source import Scan
from .tiled_scans import TiledScans

__all__ = ["Orientation", "Profile", "Scan", "TiledScans", "load_profile"]
