"""Live pictures: from the Tiled stream of a running attempt to the pages that watch it."""

from .frames import Frame, decode, encode
from .hub import Hub
from .viewer import Viewer

__all__ = ["Frame", "Hub", "Viewer", "decode", "encode"]
