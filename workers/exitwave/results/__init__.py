"""Results in Tiled: live pictures while the engine runs, and the final arrays.

- `planes`: complex binning to display planes
- `node`: an attempt's node and its children in Tiled
- `sink`: live pictures and progress, in the background, latest wins
- `final`: final arrays, delivered and read back
- `spool`: results on disk until Tiled has them
"""

from .final import FinalArrays, deliver
from .node import AttemptRecord, ResultNode
from .planes import Planes, binned_planes
from .sink import LiveSink
from .spool import Spool, Spooled

__all__ = [
    "AttemptRecord",
    "FinalArrays",
    "LiveSink",
    "Planes",
    "ResultNode",
    "Spool",
    "Spooled",
    "binned_planes",
    "deliver",
]
