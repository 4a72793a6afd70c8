"""Reading a scan's frames into one array, slab by slab."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.scans import Scan
from exitwave.schema.errors import DataError

from .frames import Framing, kept_type

SLAB_FRAMES = 64

ReadProgress = Callable[[int, int], None]
"""Called with frames read and frames in all."""


def read_frames(
    scan: Scan,
    chosen: NDArray[np.intp],
    framing: Framing,
    on_progress: ReadProgress | None = None,
) -> NDArray[Any]:
    """The chosen frames (n, H, W) as stored, framed.

    Raises
    ------
    DataError
        The scan gives fewer frames than it has, or none.
    """
    counts_nHW: NDArray[Any] | None = None
    end = int(chosen[-1]) + 1
    for start in range(0, end, SLAB_FRAMES):
        stop = min(start + SLAB_FRAMES, end)
        low, high = np.searchsorted(chosen, [start, stop])
        if low < high:
            slab = scan.frames(start, stop)
            if slab.shape[0] != stop - start:
                raise DataError(
                    f"frames {start} to {stop}",
                    f"{slab.shape[0]} frames",
                    f"{stop - start} frames",
                )
            framed = framing.apply(slab[chosen[low:high] - start])
            if counts_nHW is None:
                side_px = framing.side_px
                shape_nHW = (len(chosen), side_px, side_px)
                counts_nHW = np.empty(shape_nHW, kept_type(slab.dtype))
            counts_nHW[low:high] = framed
        if on_progress is not None:
            on_progress(stop, end)
    if counts_nHW is None:
        raise DataError("frames", "no frame", "at least one")
    return counts_nHW


def slabs_of(count: int) -> list[slice]:
    """Frames by the slab."""
    return [
        slice(start, min(start + SLAB_FRAMES, count)) for start in range(0, count, SLAB_FRAMES)
    ]
