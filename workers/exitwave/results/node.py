"""An attempt's node in Tiled: made when first needed, whatever parts of it exist already.

`exitwave.schema.result` tells what it holds: live arrays from the first epoch on, the final
ones and curves at the end; of a job of kind frc these are the first half's, beside the
other's. Each attempt writes below its own node: a stalled one cannot spoil another's result.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from tiled.client import from_uri
from tiled.client.utils import ClientError, handle_error, should_retry
from tiled.structures.array import ArrayStructure, BuiltinDtype
from tiled.structures.core import StructureFamily
from tiled.structures.data_source import DataSource

from exitwave.schema.job import JobKind, ScanRef
from exitwave.schema.result import LAYOUT, SPEC, ArrayMetadata, NodeMetadata, attempt_keys
from exitwave.settings.service import TiledSettings

Numbers = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """What a node says of itself from the beginning.

    Attributes
    ----------
    scan : ScanRef
    job_id : str
    attempt : int
    recipe : dict
        Plain values of the whole recipe.
    geometry : dict
        Energy, distance and detector pixel in SI units, and where each came from.
    pixel_size_m : float
        Of the object.
    origin_m : (float, float)
        (y, x) of the centre of the object's pixel (0, 0).
    device : str
        What it was computed on.
    kind : {"reconstruction", "frc"}
    parent : str or None
        The job that an frc belongs to.
    """

    scan: ScanRef
    job_id: str
    attempt: int
    recipe: dict[str, Any]
    geometry: dict[str, Any]
    pixel_size_m: float
    origin_m: tuple[float, float]
    device: str
    kind: JobKind = "reconstruction"
    parent: str | None = None

    def metadata(self, **ending: Any) -> NodeMetadata:
        """Metadata of the node as it is made; `ending` is what it ends with."""
        values = {
            "layout": LAYOUT,
            "scan_uid": self.scan.uid,
            "scan_id": self.scan.scan_id,
            "sample": self.scan.sample,
            "job_id": self.job_id,
            "attempt": self.attempt,
            "kind": self.kind,
            "parent": self.parent,
            "recipe": self.recipe,
            "geometry": self.geometry,
            "software": {**software_versions(), "device": self.device},
            "pixel_size_m": self.pixel_size_m,
            "origin_m": self.origin_m,
            "epoch": 0,
            "loss": None,
            "complete": False,
            **ending,
        }
        return NodeMetadata.read(f"metadata of job {self.job_id}", values)


class ResultNode:
    """The node of one attempt.

    Parameters
    ----------
    tiled : TiledSettings
        Server, key, container of the results and access tags.
    record : AttemptRecord

    Notes
    -----
    Every method may raise an `httpx.HTTPError`; after one, call `forget` and try again: all
    methods may be repeated. A worker's single writer at a time needs no lock.
    """

    def __init__(self, tiled: TiledSettings, record: AttemptRecord) -> None:
        self._tiled = tiled
        self.record = record
        self.keys = attempt_keys(tiled.results, record.scan.uid, record.job_id, record.attempt)
        # Now, that a record which is not of the layout fails before anything is computed.
        self._metadata = record.metadata()
        self._clients: dict[str, Any] = {}

    @property
    def path(self) -> str:
        """Tiled path of the node."""
        return "/".join(self.keys)

    def forget(self) -> None:
        """Look everything up again at the next call: the server may be another one now."""
        self._clients.clear()

    def array(self, name: str, like: Numbers, metadata: ArrayMetadata) -> Any:
        """Client of the child array `name`, made without content where it is missing.

        Parameters
        ----------
        name : str
            Such as `OBJECT` or `LIVE_OBJECT`.
        like : ndarray
            Gives shape and dtype; stored as one chunk, so that no reader sees a torn array.
        metadata : ArrayMetadata
            Of the array as it is made.
        """
        if name not in self._clients:
            *containers, key = name.split("/")
            parent = self._container("/".join(containers))
            structure = ArrayStructure(
                shape=like.shape,
                chunks=tuple((size,) for size in like.shape),
                data_type=BuiltinDtype.from_numpy_dtype(like.dtype),
            )
            source = DataSource(structure=structure, structure_family=StructureFamily.array)
            self._clients[name] = _made_or_found(
                parent, key, StructureFamily.array, [source], metadata.written()
            )
        return self._clients[name]

    def update(self, **ending: Any) -> None:
        """Write what the node's metadata end with."""
        metadata = self.record.metadata(**ending).written()
        self._container("").update_metadata(metadata, drop_revision=True)

    def _container(self, name: str) -> Any:
        """The attempt's node for ``""``, else a container right below it."""
        if name not in self._clients:
            if name:
                made = self._make(self._container(""), name, {}, [])
            else:
                key = self._tiled.api_key.get_secret_value() or None
                parent = from_uri(self._tiled.uri, api_key=key)
                for part in self.keys[:-1]:
                    parent = self._make(parent, part, {}, [])
                made = self._make(parent, self.keys[-1], self._metadata.written(), [SPEC])
            self._clients[name] = made
        return self._clients[name]

    def _make(self, parent: Any, key: str, metadata: dict[str, Any], specs: list[str]) -> Any:
        return _made_or_found(
            parent,
            key,
            StructureFamily.container,
            [],
            metadata,
            specs=specs,
            access_tags=self._tiled.access_tags or None,
        )


def put_once(array: Any, values: Numbers) -> None:
    """Overwrite the whole array in one request that is not repeated.

    The client's own `write` repeats a request whose answer was lost; the stream would then
    carry the same picture twice, and its message numbers no longer be the picture's.
    """
    response = array.context.http_client.put(
        array.item["links"]["full"],
        content=np.ascontiguousarray(values).tobytes(),
        headers={"Content-Type": "application/octet-stream"},
    )
    handle_error(response)


def holds(array: Any, values: Numbers) -> bool:
    """Whether the array, read back, is what was to be written."""
    return np.array_equal(array.read(), values, equal_nan=True)


def may_pass(error: Exception) -> bool:
    """Whether a failure looks like a Tiled that is away or overloaded: try again."""
    return bool(should_retry(error))


@cache
def software_versions() -> dict[str, str]:
    """Versions that a result depends on."""
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in ("exitwave", "numpy", "torch")},
    }


def _made_or_found(
    parent: Any,
    key: str,
    family: StructureFamily,
    sources: list[DataSource],
    metadata: dict[str, Any],
    **more: Any,
) -> Any:
    try:
        return parent.new(family, sources, key=key, metadata=metadata, **more)
    except ClientError as error:
        if error.response.status_code != httpx.codes.CONFLICT:
            raise
        return parent[key]
