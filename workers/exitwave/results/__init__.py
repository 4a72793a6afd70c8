"""Results: live pictures while the engine runs, and the final arrays.

- `planes`: complex binning to display planes
- `node`: an attempt's node and its children in Tiled
- `live_writer`: live pictures and progress into Tiled, in the background, latest wins
- `final`: final arrays, delivered to Tiled and read back
- `protocol`: what a sink must do
- `tiled_sink`: the sink that writes to Tiled
- `registry`: all sinks there are
- `history`: a line of figures for each epoch
- `spool`: results on disk until all sinks have them

Here belongs how a result reaches the places where it is kept; a sink is one file and one line
of `registry`. What a result holds and how it is named does not: that is
`exitwave.schema.result`. Nor when it is written: that is the worker's.
"""

from .final import FinalArrays, deliver
from .history import History
from .live_writer import LiveWriter
from .node import AttemptRecord, ResultNode
from .planes import Planes, binned_planes
from .protocol import Sink, Snapshot
from .spool import Spool, Spooled

__all__ = [
    "AttemptRecord",
    "FinalArrays",
    "History",
    "LiveWriter",
    "Planes",
    "ResultNode",
    "Sink",
    "Snapshot",
    "Spool",
    "Spooled",
    "binned_planes",
    "deliver",
]
