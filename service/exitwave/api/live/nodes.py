"""Result nodes in Tiled: read one, follow one.

The relay speaks to three of Tiled's endpoints itself, with httpx and websockets, instead
of through Tiled's Python client: that client runs a thread and an executor for each
subscription, hangs for ever when the server rejects the handshake (a node that is not
there yet answers 404, which is the normal case here), and cannot be awaited. Messages
are msgpack, because Tiled's JSON envelope turns arrays into nested lists.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import msgpack
import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from exitwave.schema.errors import TiledUnavailable
from exitwave.settings.service import TiledSettings

LARGEST_MESSAGE = 64 * 2**20
TIMEOUT_S = 30.0
_MISSING = 404


@dataclass(frozen=True, slots=True)
class StoredArray:
    """An array as it stands in Tiled, with its metadata."""

    values: NDArray[Any]
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Update:
    """One write to a followed array. `sequence` counts the writes of the node from 1.

    Tiled's in-memory stream cache forgets the count when the server restarts.
    """

    sequence: int
    values: NDArray[Any]


class ResultNodes:
    """Reads and follows nodes of one Tiled server. Close it when done."""

    def __init__(self, settings: TiledSettings) -> None:
        key = settings.api_key.get_secret_value()
        self._headers = {"Authorization": f"Apikey {key}"} if key else {}
        self._api = f"{settings.uri.rstrip('/')}/api/v1"
        self._http = httpx.AsyncClient(headers=self._headers, timeout=TIMEOUT_S)

    async def close(self) -> None:
        """Close the HTTP connections."""
        await self._http.aclose()

    async def metadata(self, path: str) -> dict[str, Any] | None:
        """Metadata of a node; None where there is none."""
        attributes = await self._attributes(path)
        return None if attributes is None else dict(attributes["metadata"])

    async def array(self, path: str) -> StoredArray | None:
        """A whole array as it stands; None where there is none.

        Raises
        ------
        TiledUnavailable
            The server is away or refuses.
        """
        attributes = await self._attributes(path)
        if attributes is None:
            return None
        answer = await self._get(f"array/full/{quote(path)}", "application/octet-stream")
        if answer is None:
            return None
        structure = attributes["structure"]
        values = np.frombuffer(answer.content, _dtype(structure["data_type"]))
        # The first axis may have grown since the structure was read.
        return StoredArray(values.reshape(-1, *structure["shape"][1:]), attributes["metadata"])

    @asynccontextmanager
    async def updates(
        self, path: str, *, since: int | None = None
    ) -> AsyncIterator[AsyncIterator[Update] | None]:
        """Subscribe to the writes of an array; gives None where there is no such node.

        Everything announced after entering arrives; what was written before is to be read
        with `array`. The iterator ends when the stream is closed.

        Parameters
        ----------
        path : str
            Tiled path of the array.
        since : int, optional
            Writes announced before come too, from this sequence number on, as far as
            Tiled still has them.

        Raises
        ------
        TiledUnavailable
            The server is away or refuses.
        """
        # Asked first: for each refused handshake the server logs an error.
        if await self._attributes(path) is None:
            yield None
            return
        uri = f"ws{self._api.removeprefix('http')}/stream/single/{quote(path)}"
        replay = "" if since is None else f"&start={since}"
        try:
            async with connect(
                f"{uri}?envelope_format=msgpack{replay}",
                additional_headers=self._headers,
                max_size=LARGEST_MESSAGE,
                open_timeout=TIMEOUT_S,
            ) as socket:
                schema = msgpack.unpackb(await socket.recv(decode=False))
                yield _updates(socket, _dtype(schema["data_type"]))
        except (OSError, TimeoutError, WebSocketException) as error:
            raise TiledUnavailable(f"Tiled stream {path}: {error}") from error

    async def _attributes(self, path: str) -> dict[str, Any] | None:
        answer = await self._get(f"metadata/{quote(path)}", "application/json")
        if answer is None:
            return None
        attributes: dict[str, Any] = answer.json()["data"]["attributes"]
        return attributes

    async def _get(self, endpoint: str, kind: str) -> httpx.Response | None:
        try:
            answer = await self._http.get(f"{self._api}/{endpoint}", headers={"Accept": kind})
            if answer.status_code == _MISSING:
                return None
            return answer.raise_for_status()
        except httpx.HTTPError as error:
            raise TiledUnavailable(f"Tiled {endpoint}: {error}") from error


async def _updates(socket: Any, dtype: np.dtype[Any]) -> AsyncIterator[Update]:
    try:
        async for message in socket:
            content = msgpack.unpackb(message)
            if content["type"] == "array-data":
                values = np.frombuffer(content["payload"], dtype).reshape(content["shape"])
                yield Update(int(content["sequence"]), values)
    except ConnectionClosed:
        return


def _dtype(data_type: dict[str, Any]) -> np.dtype[Any]:
    order = {"little": "<", "big": ">"}.get(data_type["endianness"], "|")
    return np.dtype(f"{order}{data_type['kind']}{data_type['itemsize']}")
