"""What a run holds beside its documents: streams of keys, and readings of its baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from exitwave.tiled_http import Json, TiledReader

from .arrays import RunArray


class Samples(Protocol):
    """Readings of one key: only their number and their order count."""

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def flat(self) -> NDArray[Any]:
        """All of them in one dimension."""
        ...


@dataclass(frozen=True, slots=True)
class ColumnSamples:
    """Readings in a column of a table, where Bluesky keeps what comes with single events."""

    values: NDArray[Any]

    @property
    def size(self) -> int:
        """How many there are."""
        return self.values.size

    def flat(self) -> NDArray[Any]:
        """All of them in one dimension."""
        return self.values


class RunStream:
    """The keys of one stream of a run, in any of the layouts in use.

    Keys lie in ``<run>/<stream>``, ``<run>/<stream>/data``, ``<run>/streams/<stream>`` or
    ``<run>/streams/<stream>/data``; numbers of single events are columns of tables.
    """

    def __init__(self, server: TiledReader, path: str, nodes: dict[str, Json]) -> None:
        self._server = server
        self._path = path
        self._nodes = nodes

    @classmethod
    def find(cls, server: TiledReader, run: str, name: str) -> RunStream | None:
        """The stream of that name, None if the run has none."""
        for path in (f"{run}/{name}", f"{run}/streams/{name}"):
            nodes = server.children(path)
            if nodes is None:
                continue
            data = nodes.get("data")
            if data is not None and data["structure_family"] == "container":
                path = f"{path}/data"  # one level deeper
                nodes = server.children(path) or {}
            return cls(server, path, nodes)
        return None

    @property
    def keys(self) -> list[str]:
        """Names of the arrays, for messages."""
        return sorted(self._nodes)

    def array(self, key: str) -> RunArray | None:
        """The array of that key, None if there is none."""
        node = self._nodes.get(key)
        if node is None or node["structure_family"] != "array":
            return None
        return RunArray(self._server, f"{self._path}/{key}", node)

    def dataset(self, key: str, dataset: str) -> RunArray | None:
        """The array of a dataset in the HDF5 file of that key, None if there is none."""
        file = self._nodes.get(key)
        if file is None or file["structure_family"] != "container":
            return None
        path = f"{self._path}/{key}/{dataset.strip('/')}"
        node = self._server.node(path)
        if node is None or node["structure_family"] != "array":
            return None
        return RunArray(self._server, path, {**node, "data_sources": _sources(file, dataset)})

    def samples(self, key: str) -> Samples | None:
        """The readings of that key, an array or a column of a table; None if there is none."""
        array = self.array(key)
        if array is not None:
            return array
        for name, node in self._nodes.items():
            columns = (node.get("structure") or {}).get("columns") or []
            if node["structure_family"] == "table" and key in columns:
                values = self._server.column(f"{self._path}/{name}", key)
                return ColumnSamples(np.asarray(values))
        return None

    def number(self, key: str) -> float | None:
        """First reading of a scalar key, None if there is none."""
        samples = self.samples(key)
        return float(samples.flat()[0]) if samples is not None and samples.size else None


class RunReadings:
    """What a run recorded beside its frames, as sources of energy and distance ask for it.

    Parameters
    ----------
    server : TiledReader
    run : str
        Path of the run.
    start : dict
        Its start document.
    profile_name : str
        Of the profile it is read with.
    baseline_stream : str
        Name of the stream with readings of what does not move.
    """

    def __init__(
        self,
        server: TiledReader,
        run: str,
        start: dict[str, Any],
        *,
        profile_name: str,
        baseline_stream: str,
    ) -> None:
        self.start = start
        self.profile_name = profile_name
        self.baseline_stream = baseline_stream
        self._server = server
        self._run = run
        self._is_found = False
        self._stream: RunStream | None = None

    def baseline(self, key: str) -> float | None:
        """First baseline reading of a data key, None if there is none."""
        if not self._is_found:
            self._stream = RunStream.find(self._server, self._run, self.baseline_stream)
            self._is_found = True
        return None if self._stream is None else self._stream.number(key)


def _sources(file: Json, dataset: str) -> list[Json]:
    """The data sources of an HDF5 file's node as those of one dataset in it."""
    return [
        {
            **source,
            "parameters": {
                **source["parameters"],
                "dataset": f"{source['parameters'].get('dataset') or ''}/{dataset.strip('/')}",
            },
        }
        for source in file.get("data_sources") or []
    ]
