"""The client for threads: nodes, children, searches, slabs of arrays, columns, news."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import httpx
from numpy.typing import NDArray

from exitwave.schema.errors import DataError
from exitwave.settings.service import TiledSettings

from . import queries, stream
from .connection import PERSISTENT, Connection, RetryPolicy, is_missing, retries
from .queries import PAGE, Condition, Json, Nodes, Query

T = TypeVar("T")


class TiledReader:
    """Reads from one Tiled server. Safe to use from several threads.

    Parameters
    ----------
    settings : TiledSettings
        Address and key.
    policy : RetryPolicy

    Notes
    -----
    Every method raises `TiledUnavailable` where the server does not answer, is busy for
    longer than the policy allows, or refuses the key.
    """

    def __init__(self, settings: TiledSettings, policy: RetryPolicy = PERSISTENT) -> None:
        self._connection = Connection(settings, policy)
        self._http = httpx.Client(
            base_url=self._connection.api,
            headers=self._connection.headers,
            timeout=self._connection.timeout,
        )
        # Scans hold on to their reader for as long as they are read; nobody else knows when.
        weakref.finalize(self, self._http.close)

    def node(self, path: str) -> Json | None:
        """A node's attributes (metadata, structure, ...), None if there is no such node."""
        return self._ask(queries.node(path))

    def children(self, path: str) -> Nodes | None:
        """Attributes of all children by name, None if there is no such container."""
        return self._all_pages(lambda offset: queries.children(path, offset))

    def matching(self, path: str, condition: Condition) -> Nodes | None:
        """All children whose metadata match, None if there is no such container."""
        return self._all_pages(lambda offset: queries.matching(path, condition, offset))

    def newest(self, path: str, condition: Condition, limit: int) -> Nodes:
        """At most `limit` runs whose metadata match, the one that started last first."""
        return self._ask(queries.newest(path, condition, limit)) or {}

    def slab(
        self, path: str, attributes: Json, bounds: Sequence[tuple[int, int]]
    ) -> NDArray[Any]:
        """A slab of an array: `bounds` are (start, stop) of its first axes.

        Raises
        ------
        DataError
            The server has the node but cannot read its data, or sends something else.
        """
        values = self._ask(queries.slab(path, attributes, bounds))
        if values is None:
            raise DataError(path, "no data behind the node", "an array that can be read")
        return values

    def column(self, path: str, name: str) -> list[float]:
        """One column of a table; `DataError` where it cannot be read."""
        values = self._ask(queries.column(path, name))
        if values is None:
            raise DataError(path, "no data behind the node", "a table that can be read")
        return values

    def child_updates(self, path: str) -> Iterator[stream.ChildUpdate]:
        """Changes of the metadata of a container's children, until the stream ends."""
        return stream.child_updates(self._connection, path)

    def _all_pages(self, page_at: Callable[[int], Query[Nodes]]) -> Nodes | None:
        found: Nodes = {}
        while True:
            page = self._ask(page_at(len(found)))
            if page is None:
                return None
            found |= page
            if len(page) < PAGE:
                return found

    def _ask(self, query: Query[T]) -> T | None:
        """The answer; None where there is no such node."""
        try:
            for attempt in retries(attempts=self._connection.attempts(query)):
                with attempt:
                    answer = self._http.get(
                        query.url, params=query.params, headers=query.headers
                    )
                    missing = is_missing(answer)
        except httpx.HTTPError as error:
            raise self._connection.failure(error, query) from error
        return None if missing else query.read(answer)
