"""Tiled's streams: who writes what into a node, as it happens.

Tiled's own subscriptions run a thread and an executor each, hang for ever when the server
refuses the handshake (a node that is not there yet answers 404), and cannot be awaited.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

from exitwave.schema.errors import TiledUnavailable

from .connection import Connection
from .queries import Json, dtype_of, stream_url

LARGEST_MESSAGE = 64 * 2**20
OPEN_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class ArrayUpdate:
    """One write to an array. `sequence` counts the writes of the node from 1.

    Tiled's in-memory stream cache forgets the count when the server restarts.
    """

    sequence: int
    values: NDArray[Any]


@dataclass(frozen=True, slots=True)
class ChildUpdate:
    """New metadata of a child: `key` is its name in the container."""

    key: str
    metadata: Json


@asynccontextmanager
async def array_updates(
    connection: Connection, path: str, since: int | None
) -> AsyncIterator[AsyncIterator[ArrayUpdate]]:
    """Writes to an array from now on, or from the one numbered `since` on.

    Raises
    ------
    TiledUnavailable
        The server is away or refuses.
    """
    try:
        async with connect_async(
            stream_url(connection.api, path, since),
            additional_headers=connection.headers,
            max_size=LARGEST_MESSAGE,
            open_timeout=OPEN_TIMEOUT_S,
        ) as socket:
            schema = msgpack.unpackb(await socket.recv(decode=False))
            yield _array_updates(socket, dtype_of(schema["data_type"]))
    except (OSError, TimeoutError, WebSocketException) as error:
        raise _lost(path, error) from error


def child_updates(connection: Connection, path: str) -> Iterator[ChildUpdate]:
    """Changes of the metadata of a container's children, until the stream is closed.

    Raises
    ------
    TiledUnavailable
        The server is away or refuses, or the stream breaks.
    """
    try:
        with connect(
            stream_url(connection.api, path),
            additional_headers=connection.headers,
            max_size=LARGEST_MESSAGE,
            open_timeout=OPEN_TIMEOUT_S,
        ) as socket:
            for message in socket:
                content = msgpack.unpackb(message)
                if content["type"] == "container-child-metadata-updated":
                    yield ChildUpdate(content["key"], content["metadata"])
    except (OSError, TimeoutError, WebSocketException) as error:
        raise _lost(path, error) from error


async def _array_updates(
    socket: ClientConnection, dtype: np.dtype[Any]
) -> AsyncIterator[ArrayUpdate]:
    try:
        async for message in socket:
            content = msgpack.unpackb(message)
            if content["type"] == "array-data":
                values = np.frombuffer(content["payload"], dtype).reshape(content["shape"])
                yield ArrayUpdate(int(content["sequence"]), values)
    except ConnectionClosed:
        return


def _lost(path: str, error: Exception) -> TiledUnavailable:
    return TiledUnavailable(f"Tiled stream {path}: {str(error) or type(error).__name__}")
