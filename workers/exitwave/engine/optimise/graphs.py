"""Updates as CUDA graphs: small batches cost more in launches than in work.

An update launches some forty kernels. Recorded once it is replayed with a single launch.
Batches of an epoch differ in size by one at most, so that no batch needs padding: each size
has a graph of its own.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from exitwave.schema.recipe import Loss

from ..data.feed import Batch, DevicePatterns
from ..data.scan import Scan
from ..gradients.step import Step
from .update import Update

LARGEST = 2**23
"""Complex numbers of a batch's exit waves: above it kernels outlast their launches."""

Key = tuple[int, Loss, float, frozenset[str]]
Run = Callable[[Batch, Loss, float], None]


def recorded(update: Update, step: Step, scan: Scan) -> Run:
    """`update.run`, or on a GPU where nothing of it needs the host its recorded form."""
    patterns = scan.patterns
    if (
        scan.device.type == "cuda"
        and isinstance(patterns, DevicePatterns)
        and step.needs_no_host
    ):
        return GraphedUpdate(update, patterns, LARGEST // step.waves_per_view).run
    return update.run


class GraphedUpdate:
    """An update that is replayed where it has been recorded; same face as `Update.run`.

    The first update of its kind (size, loss, factor, what moves) runs as it is: it
    makes what libraries make on first use. The second is recorded.

    Parameters
    ----------
    update : Update
        It must read nothing back to the host and allocate nothing that outlives it.
    patterns : DevicePatterns
        Patterns on the GPU.
    largest : int
        Batches of more patterns run as they are.
    """

    def __init__(self, update: Update, patterns: DevicePatterns, largest: int) -> None:
        self._update, self._patterns, self._largest = update, patterns, largest
        # Recording needs a stream of its own, and so does what comes before it.
        self._stream = torch.cuda.Stream(patterns.device)  # type: ignore[no-untyped-call]  # torch's
        self._seen: set[Key] = set()
        self._graphs: dict[Key, tuple[torch.cuda.CUDAGraph, Tensor]] = {}
        # Graphs run one after the other and leave nothing in their memory: one pool for all.
        self._pool = torch.cuda.graph_pool_handle()

    def run(self, batch: Batch, loss: Loss, factor: float) -> None:
        """One update with a batch."""
        if len(batch) > self._largest:
            self._update.run(batch, loss, factor)
            return
        key = (len(batch), loss, factor, self._update.moving)
        if key not in self._seen:
            self._seen.add(key)
            self._run_aside(batch, loss, factor)
            return
        if key not in self._graphs:
            self._graphs[key] = self._record(batch, loss, factor)
        graph, index_B = self._graphs[key]
        index_B.copy_(batch.index_B)
        graph.replay()

    def _run_aside(self, batch: Batch, loss: Loss, factor: float) -> None:
        current = torch.cuda.current_stream(self._patterns.device)
        # A copy of the indices, as recorded later: kernels are compiled for its alignment.
        here = self._patterns.batch(batch.chosen, batch.index_B.clone())
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            self._update.run(here, loss, factor)
        current.wait_stream(self._stream)

    def _record(
        self, batch: Batch, loss: Loss, factor: float
    ) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        """The graph, and the indices of the patterns that it reads."""
        index_B = batch.index_B.clone()
        # The host's indices would be frozen into the graph: let their use fail.
        nowhere = np.full(len(batch), -1, dtype=np.intp)
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the GPU meanwhile: they write results.
        with torch.cuda.graph(
            graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
        ):
            self._update.run(self._patterns.batch(nowhere, index_B), loss, factor)
        return graph, index_B
