"""The client for the event loop: metadata, whole arrays, and their updates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx

from exitwave.settings.service import TiledSettings

from . import queries, stream
from .connection import ONCE, Connection, RetryPolicy, is_missing, retries
from .queries import Json, Query, StoredArray

T = TypeVar("T")


class AsyncTiledReader:
    """Reads from one Tiled server. Close it when done.

    Parameters
    ----------
    settings : TiledSettings
        Address and key.
    policy : RetryPolicy

    Notes
    -----
    Every method raises `TiledUnavailable` where the server does not answer or refuses.
    """

    def __init__(self, settings: TiledSettings, policy: RetryPolicy = ONCE) -> None:
        self._connection = Connection(settings, policy)
        self._http = httpx.AsyncClient(
            base_url=self._connection.api,
            headers=self._connection.headers,
            timeout=self._connection.timeout,
        )

    async def close(self) -> None:
        """Close the HTTP connections."""
        await self._http.aclose()

    async def metadata(self, path: str) -> Json | None:
        """Metadata of a node; None where there is none."""
        attributes = await self._ask(queries.node(path))
        return None if attributes is None else dict(attributes["metadata"])

    async def array(self, path: str) -> StoredArray | None:
        """A whole array as it stands; None where there is none."""
        attributes = await self._ask(queries.node(path))
        if attributes is None:
            return None
        return await self._ask(queries.growing_array(path, attributes))

    @asynccontextmanager
    async def updates(
        self, path: str, *, since: int | None = None
    ) -> AsyncIterator[AsyncIterator[stream.ArrayUpdate] | None]:
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
        """
        # Asked first: for each refused handshake the server logs an error.
        if await self._ask(queries.node(path)) is None:
            yield None
            return
        async with stream.array_updates(self._connection, path, since) as updates:
            yield updates

    async def _ask(self, query: Query[T]) -> T | None:
        """The answer; None where there is no such node."""
        try:
            async for attempt in retries(attempts=self._connection.attempts(query)):
                with attempt:
                    answer = await self._http.get(
                        query.url, params=query.params, headers=query.headers
                    )
                    missing = is_missing(answer)
        except httpx.HTTPError as error:
            raise self._connection.failure(error, query) from error
        return None if missing else query.read(answer)
