"""What is asked of a Tiled server to read scans: nodes, children, slabs of arrays, columns.

Plain HTTP rather than Tiled's client objects: the same answer whether or not special
clients are installed, structure and data sources of a whole stream in one request, and
patience of our own choosing (Tiled's client tries for most of a minute).
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast
from urllib.parse import quote

import httpx
import numpy as np
import stamina
from numpy.typing import NDArray

from exitwave.schema.errors import DataError, TiledUnavailable
from exitwave.settings.service import TiledSettings

Json: TypeAlias = dict[str, Any]

_PAGE = 300
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_ASK_ATTEMPTS = 3
_READ_ATTEMPTS = 5


class TiledServer:
    """A Tiled server, read only.

    Parameters
    ----------
    settings : TiledSettings
        Address and key.

    Notes
    -----
    Every method raises `TiledUnavailable` where the server does not answer, is busy for
    longer than our patience, or refuses the key.
    """

    def __init__(self, settings: TiledSettings) -> None:
        self.uri = settings.uri.rstrip("/")
        key = settings.api_key.get_secret_value()
        self._http = httpx.Client(
            base_url=f"{self.uri}/api/v1",
            headers={"Authorization": f"Apikey {key}"} if key else {},
            timeout=_TIMEOUT,
        )
        # Scans hold on to their server for as long as they are read; nobody else knows when.
        weakref.finalize(self, self._http.close)

    def node(self, path: str) -> Json | None:
        """A node's attributes (metadata, structure, ...), None if there is no such node."""
        answer = self._get(f"/metadata/{quote(path)}", {}, _ASK_ATTEMPTS)
        return None if answer is None else cast(Json, answer.json()["data"]["attributes"])

    def children(self, path: str) -> dict[str, Json] | None:
        """Attributes of all children by name, None if there is no such container."""
        found: dict[str, Json] = {}
        while True:
            answer = self._get(
                f"/search/{quote(path)}",
                {
                    "page[limit]": _PAGE,
                    "page[offset]": len(found),
                    "include_data_sources": True,
                },
                _ASK_ATTEMPTS,
            )
            if answer is None:
                return None
            page = answer.json()["data"]
            found |= {child["id"]: child["attributes"] for child in page}
            if len(page) < _PAGE:
                return found

    def search(
        self, path: str, kind: str, condition: Mapping[str, object], limit: int
    ) -> dict[str, Json]:
        """Children whose metadata match, the run that started last first.

        Parameters
        ----------
        kind : str
            Name of one of Tiled's queries, ``eq`` or ``like``.
        condition : mapping
            Its arguments.
        """
        filters = {
            f"filter[{kind}][condition][{name}]": value if name == "key" else json.dumps(value)
            for name, value in condition.items()
        }
        answer = self._get(
            f"/search/{quote(path)}",
            {**filters, "page[limit]": limit, "sort": "-start.time", "fields": "metadata"},
            _ASK_ATTEMPTS,
        )
        if answer is None:
            return {}
        return {child["id"]: child["attributes"] for child in answer.json()["data"]}

    def array(
        self, path: str, attributes: Json, slices: Sequence[tuple[int, int]]
    ) -> NDArray[Any]:
        """A slab of an array: ``slices`` are (start, stop) of its first axes.

        Raises
        ------
        DataError
            The server has the node but cannot read its data, or sends something else.
        """
        shape = array_shape(attributes)
        expected = [stop - start for start, stop in slices] + list(shape[len(slices) :])
        dtype = array_dtype(attributes)
        params = {"slice": ",".join(f"{start}:{stop}" for start, stop in slices)}
        answer = self._get(
            f"/array/full/{quote(path)}", params if slices else {}, _READ_ATTEMPTS, data=path
        )
        if answer is None:
            raise DataError(path, "no data behind the node", "an array that can be read")
        content = answer.content
        if len(content) != dtype.itemsize * int(np.prod(expected)):
            raise DataError(
                path, f"{len(content)} bytes", f"{dtype} of shape {tuple(expected)}"
            )
        return np.frombuffer(content, dtype).reshape(expected)

    def column(self, path: str, name: str) -> list[float]:
        """One column of a table."""
        answer = self._get(
            f"/table/full/{quote(path)}",
            {"column": name, "format": "application/json"},
            _READ_ATTEMPTS,
            data=path,
        )
        if answer is None:
            raise DataError(path, "no data behind the node", "a table that can be read")
        return cast(list[float], answer.json()[name])

    def _get(
        self, url: str, params: Mapping[str, Any], attempts: int, *, data: str | None = None
    ) -> httpx.Response | None:
        """GET with patience; None for 404. `data` names the node whose data are asked for."""
        try:
            for attempt in stamina.retry_context(
                on=_transient,
                attempts=attempts,
                wait_initial=0.1,
                wait_jitter=0.2,
                wait_max=3.0,
                timeout=60.0,
            ):
                with attempt:
                    answer = self._http.get(
                        url,
                        params=dict(params),
                        headers={} if data is None else {"Accept": "application/octet-stream"},
                    )
                    if answer.status_code != httpx.codes.NOT_FOUND:
                        answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            raise self._refusal(error, data) from None
        except httpx.HTTPError as error:
            raise TiledUnavailable(f"Tiled at {self.uri} does not answer: {error}") from error
        return None if answer.status_code == httpx.codes.NOT_FOUND else answer

    def _refusal(
        self, error: httpx.HTTPStatusError, data: str | None
    ) -> TiledUnavailable | DataError:
        status = error.response.status_code
        if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            return TiledUnavailable(
                f"Tiled at {self.uri} refuses the key ({status}); expected a key that may "
                "read scans in setting tiled.api_key"
            )
        unreadable = {httpx.codes.INTERNAL_SERVER_ERROR, httpx.codes.GONE}
        if data is not None and status in unreadable:
            return DataError(
                data,
                f"Tiled cannot read the data ({status}): {_detail(error.response)}",
                "a complete file that Tiled can read",
            )
        return TiledUnavailable(f"Tiled at {self.uri} answers {status} to {error.request.url}")


def array_shape(attributes: Json) -> tuple[int, ...]:
    """Shape of an array node."""
    return tuple(attributes["structure"]["shape"])


def array_dtype(attributes: Json) -> np.dtype[Any]:
    """Type of an array node's elements."""
    kind = attributes["structure"]["data_type"]
    order = {"little": "<", "big": ">", "not_applicable": "|"}[kind["endianness"]]
    return np.dtype(f"{order}{kind['kind']}{kind['itemsize']}")


def _transient(error: Exception) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return status >= 500 or status == httpx.codes.TOO_MANY_REQUESTS
    return isinstance(error, httpx.TransportError)


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase
