"""Live pictures: from the Tiled streams of a running attempt to the pages that watch it.

What stands between Tiled and a page's websocket belongs here; how Tiled is spoken to
(`exitwave.tiled_http`) and who may look (`exitwave.api.access`) do not.

- `hub`: joins the ledger, Tiled and the pages
- `viewer`: one page's connection, with flow control
- `job_subscription`: one job through its attempts, for all pages
- `attempt_stream`: the streams of one attempt
- `progress_table`, `frame_sequencer`: which epoch a picture shows, which picture a message is
- `render`, `planes`: from arrays to frames; pure
- `frames`: the codec of a frame
- `latest_value`: handing over the latest value only
"""

from .frames import Frame, decode, encode
from .hub import Hub
from .viewer import Viewer

__all__ = ["Frame", "Hub", "Viewer", "decode", "encode"]
