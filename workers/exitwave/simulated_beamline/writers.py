"""HDF5 files that grow step by step while others read them, announced to a RunEngine."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from bluesky.protocols import StreamAsset
from event_model import ComposeStreamResourceBundle, DataKey, compose_stream_resource
from numpy.typing import NDArray

STEP_FRAMES = 26
"""Frames per write to disk: one second of the default pace."""

_CHUNK_BYTES = 2**21


class Hdf5Writer(ABC):
    """Datasets of one HDF5 file that grow step by step, readable while they do (SWMR).

    Subclasses give `columns`, data key to (dataset, shape of one frame, type), and
    `measure`. The rows of a frame are stored end to end: a detector's (1, H, W) makes a
    dataset (n, H, W), ten samples of a position make one of length 10 n.
    """

    parent = None
    name: str
    columns: dict[str, tuple[str, tuple[int, ...], np.dtype[Any]]]

    def __init__(self) -> None:
        self._written = 0
        self.announced = 0  # frames that documents told of

    @abstractmethod
    def measure(self, key: str, start: int, stop: int) -> NDArray[Any]:
        """Rows of a dataset for frames `start` to `stop`."""

    def open(self, path: Path) -> None:
        """Create the file and tell how its content will be announced."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = h5py.File(path, "w-", libver="latest", locking=False)
        self._resources: dict[str, ComposeStreamResourceBundle] = {}
        for key, (dataset, shape, dtype) in self.columns.items():
            row_bytes = dtype.itemsize * math.prod(shape[1:])
            chunk = max(1, min(STEP_FRAMES * shape[0], _CHUNK_BYTES // row_bytes))
            self._file.create_dataset(
                dataset,
                shape=(0, *shape[1:]),
                maxshape=(None, *shape[1:]),
                chunks=(chunk, *shape[1:]),
                dtype=dtype,
            )
            self._resources[key] = compose_stream_resource(
                mimetype="application/x-hdf5",
                uri=f"file://localhost{path.resolve().as_posix()}",
                data_key=key,
                parameters={"dataset": dataset, "swmr": True, "locking": False},
            )
        self._file.swmr_mode = True

    def write(self, start: int, stop: int) -> None:
        """Measure frames `start` to `stop` and put them into the file."""
        for key, (dataset, shape, _) in self.columns.items():
            target = self._file[dataset]
            rows = shape[0]
            target.resize(stop * rows, axis=0)
            target[start * rows : stop * rows] = self.measure(key, start, stop)
            target.flush()
        self._written = stop

    def close(self) -> None:
        """Close the file; nothing more will come."""
        self._file.close()

    def describe_collect(self) -> dict[str, DataKey]:
        """Data keys of the stream that this device takes part in."""
        return {
            key: {
                "source": f"SIM:{self.name}",
                "dtype": "array",
                "dtype_numpy": dtype.str,
                "shape": list(shape),
                "external": "STREAM:",
            }
            for key, (_, shape, dtype) in self.columns.items()
        }

    def get_index(self) -> int:
        """Frames that can be read."""
        return self._written

    def collect_asset_docs(self, index: int | None = None) -> Iterator[StreamAsset]:
        """Documents of what was written since the last call, up to frame `index`."""
        stop = self._written if index is None else min(index, self._written)
        if stop <= self.announced:
            return
        for bundle in self._resources.values():
            if self.announced == 0:
                yield "stream_resource", bundle.stream_resource_doc
            yield (
                "stream_datum",
                bundle.compose_stream_datum({"start": self.announced, "stop": stop}),
            )
        self.announced = stop
