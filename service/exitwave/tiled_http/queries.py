"""What Tiled is asked, and what its answers mean: shared by both clients, without I/O."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar, cast
from urllib.parse import quote

import httpx
import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError

T = TypeVar("T")
Json: TypeAlias = dict[str, Any]
Nodes: TypeAlias = dict[str, Json]
"""Attributes of nodes by name."""
Condition: TypeAlias = dict[str, str]
"""What metadata must hold, as parameters of a search."""

PAGE = 300
"""Children per request: the most that Tiled gives at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query(Generic[T]):
    """One GET, and how its answer is read.

    Attributes
    ----------
    url : str
        Below the server's ``/api/v1``.
    read : callable
        From the answer to what was asked for.
    params : mapping
        Of the URL.
    is_data : bool
        It asks for numbers, which may have to be read from files, not for metadata.
    blamed : str
        Path of the node whose data are at fault where the server cannot read them; empty
        where that may pass.
    """

    url: str
    read: Callable[[httpx.Response], T]
    params: Mapping[str, Any] = field(default_factory=dict)
    is_data: bool = False
    blamed: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """Which form of the answer is wanted."""
        return {"Accept": "application/octet-stream" if self.is_data else "application/json"}


@dataclass(frozen=True, slots=True)
class StoredArray:
    """An array as it stands in Tiled, with its metadata."""

    values: NDArray[Any]
    metadata: Json


def node(path: str) -> Query[Json]:
    """A node's attributes: metadata, structure, specs."""

    def read(answer: httpx.Response) -> Json:
        return cast(Json, answer.json()["data"]["attributes"])

    return Query(url=f"/metadata/{quote(path)}", read=read)


def children(path: str, offset: int) -> Query[Nodes]:
    """A page of a container's children with structure and data sources."""
    return _page(path, {"page[offset]": offset, "include_data_sources": True})


def matching(path: str, condition: Condition, offset: int) -> Query[Nodes]:
    """A page of the children that match, with their metadata."""
    return _page(path, {**condition, "page[offset]": offset, "fields": "metadata"})


def newest(path: str, condition: Condition, limit: int) -> Query[Nodes]:
    """Metadata of the runs that match, the one that started last first."""
    sorting = {"page[limit]": limit, "sort": "-start.time", "fields": "metadata"}
    return _page(path, {**condition, **sorting})


def slab(path: str, attributes: Json, bounds: Sequence[tuple[int, int]]) -> Query[NDArray[Any]]:
    """A slab of an array: `bounds` are (start, stop) of its first axes."""
    shape, dtype = array_shape(attributes), array_dtype(attributes)
    expected = tuple(stop - start for start, stop in bounds) + shape[len(bounds) :]

    def read(answer: httpx.Response) -> NDArray[Any]:
        content = answer.content
        if len(content) != dtype.itemsize * int(np.prod(expected)):
            raise DataError(path, f"{len(content)} bytes", f"{dtype} of shape {expected}")
        return np.frombuffer(content, dtype).reshape(expected)

    slices = ",".join(f"{start}:{stop}" for start, stop in bounds)
    return Query(
        url=_array_url(path),
        params={"slice": slices} if bounds else {},
        read=read,
        is_data=True,
        blamed=path,
    )


def growing_array(path: str, attributes: Json) -> Query[StoredArray]:
    """A whole array that may be written meanwhile: its first axis grows, values change."""
    shape, dtype = array_shape(attributes), array_dtype(attributes)

    def read(answer: httpx.Response) -> StoredArray:
        values = np.frombuffer(answer.content, dtype).reshape(-1, *shape[1:])
        return StoredArray(values, attributes["metadata"])

    return Query(url=_array_url(path), read=read, is_data=True)


def column(path: str, name: str) -> Query[list[float]]:
    """One column of a table."""

    def read(answer: httpx.Response) -> list[float]:
        return cast(list[float], answer.json()[name])

    return Query(
        url=f"/table/full/{quote(path)}",
        params={"column": name, "format": "application/json"},
        read=read,
        is_data=True,
        blamed=path,
    )


def stream_url(api: str, path: str, since: int | None = None) -> str:
    """WebSocket of a node's stream; `since` has messages come again from that number on.

    Messages are msgpack: Tiled's JSON would turn arrays into nested lists.
    """
    replay = "" if since is None else f"&start={since}"
    server = api.removeprefix("http")
    return f"ws{server}/stream/single/{quote(path)}?envelope_format=msgpack{replay}"


def equals(key: str, value: object) -> Condition:
    """The metadata have this value under a key such as ``start.scan_id``."""
    return _condition("eq", key=key, value=json.dumps(value))


def begins_with(key: str, text: str) -> Condition:
    """The text under a key begins like this; it must not hold ``%`` or ``_``."""
    return _condition("like", key=key, pattern=json.dumps(f"{text}%"))


def greater(key: str, value: float) -> Condition:
    """The number under a key is greater."""
    return _condition("comparison", operator="gt", key=key, value=json.dumps(value))


def array_shape(attributes: Json) -> tuple[int, ...]:
    """Shape of an array node."""
    return tuple(attributes["structure"]["shape"])


def array_dtype(attributes: Json) -> np.dtype[Any]:
    """Type of an array node's elements."""
    return dtype_of(attributes["structure"]["data_type"])


def dtype_of(data_type: Json) -> np.dtype[Any]:
    """Tiled's description of a type as NumPy's."""
    order = {"little": "<", "big": ">", "not_applicable": "|"}[data_type["endianness"]]
    return np.dtype(f"{order}{data_type['kind']}{data_type['itemsize']}")


def _array_url(path: str) -> str:
    return f"/array/full/{quote(path)}"


def _page(path: str, params: Mapping[str, Any]) -> Query[Nodes]:
    def read(answer: httpx.Response) -> Nodes:
        return {child["id"]: child["attributes"] for child in answer.json()["data"]}

    return Query(
        url=f"/search/{quote(path)}", params={"page[limit]": PAGE, **params}, read=read
    )


def _condition(kind: str, **arguments: str) -> Condition:
    return {f"filter[{kind}][condition][{name}]": text for name, text in arguments.items()}
