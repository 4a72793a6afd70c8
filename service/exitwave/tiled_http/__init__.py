"""Tiled over plain HTTP: the only package that knows its endpoints.

Whatever asks a Tiled server for metadata, arrays, tables or its streams without Tiled's own
client belongs here; what the answers mean to a scan, a result or a trigger does not. Why
there is such a package: ``docs/decisions/0007-where-we-speak-to-tiled-ourselves.md``.

- `queries`: what is asked, and how answers are read; pure
- `connection`: address, key, time limits, attempts, and what a failure means; pure
- `reader`: the client for threads
- `async_reader`: the client for the event loop
- `stream`: messages of Tiled's WebSockets, for both
- `health`: whether a server answers
"""

from .async_reader import AsyncTiledReader
from .connection import ONCE, PERSISTENT, RetryPolicy
from .health import check_health, health_status
from .queries import (
    Json,
    StoredArray,
    array_dtype,
    array_shape,
    begins_with,
    equals,
    greater,
)
from .reader import TiledReader
from .stream import ArrayUpdate, ChildUpdate

__all__ = [
    "ONCE",
    "PERSISTENT",
    "ArrayUpdate",
    "AsyncTiledReader",
    "ChildUpdate",
    "Json",
    "RetryPolicy",
    "StoredArray",
    "TiledReader",
    "array_dtype",
    "array_shape",
    "begins_with",
    "check_health",
    "equals",
    "greater",
    "health_status",
]
