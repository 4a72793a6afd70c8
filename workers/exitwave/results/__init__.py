"""Results: live pictures while the engine runs, and the final arrays.

- `planes`: complex binning to display planes
- `node`: an attempt's node and its children in Tiled
- `sink`: live pictures and progress, in the background, latest wins
- `final`: final arrays, delivered and read back
- `protocol`: what a sink must do
- `tiled`: the sink that writes to Tiled
- `registry`: all sinks there are
- `history`: a line of figures for each epoch
- `spool`: results on disk until all sinks have them
"""

from .final import FinalArrays, deliver
from .history import History
from .node import AttemptRecord, ResultNode
from .planes import Planes, binned_planes
from .protocol import Sink, Snapshot
from .sink import LiveSink
from .spool import Spool, Spooled

__all__ = [
    "AttemptRecord",
    "FinalArrays",
    "History",
    "LiveSink",
    "Planes",
    "ResultNode",
    "Sink",
    "Snapshot",
    "Spool",
    "Spooled",
    "binned_planes",
    "deliver",
]
