"""Live pictures: from the Tiled stream of a running attempt to the pages that watch it."""

from .frames import PLANES, Frame, Plane, decode, encode
from .hub import Hub
from .viewer import Viewer

__all__ = ["PLANES", "Frame", "Hub", "Plane", "Viewer", "decode", "encode"]
