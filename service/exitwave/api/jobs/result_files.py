"""From a job's final node in Tiled to a file."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from exitwave.files.reconstruction import (
    Curve,
    QualityFigures,
    Reconstruction,
    flat_numbers,
)
from exitwave.files.result_formats import RESULT_WRITERS, ExportOptions
from exitwave.schema.errors import ResultNotFound, TransitionNotAllowed
from exitwave.schema.job import Job, Quality
from exitwave.schema.result import (
    CURVES,
    FINAL_ARRAYS,
    JUDGED,
    LIVE_PROGRESS,
    LOSS,
    OBJECT,
    POSITIONS,
    PROBE,
    ArrayMetadata,
    NodeMetadata,
    Plane,
    below,
    curve_array,
)
from exitwave.schema.result_formats import ResultFormat
from exitwave.tiled_http import AsyncTiledReader, StoredArray


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A finished file, open and already without a name on disk."""

    content: BinaryIO
    size: int
    name: str
    media_type: str


async def read_result(tiled: AsyncTiledReader, job: Job) -> Reconstruction:
    """The arrays and metadata of a job's final node.

    Raises
    ------
    TransitionNotAllowed
        The job has not ended.
    ResultNotFound
        It ended without a result, or its node is no longer in Tiled.
    LayoutError
        It is of another layout.
    TiledUnavailable
        Tiled is away.
    """
    if not job.state.terminal:
        raise TransitionNotAllowed(
            f"job {job.id}: found state {job.state.value}; expected one that has ended",
            job.state.value,
        )
    if job.result is None:
        raise ResultNotFound(f"job {job.id} has no result; it is {job.state}")
    path = job.result.node
    stored = await tiled.metadata(path)
    if stored is None:
        raise ResultNotFound(f"job {job.id}: Tiled no longer has its result at {path}")
    metadata = NodeMetadata.read(path, stored)
    arrays = {
        name: (await _array(tiled, job, below(path, name))).values for name in FINAL_ARRAYS
    }
    progress = await _array(tiled, job, below(path, LIVE_PROGRESS))
    fields = ArrayMetadata.read(below(path, LIVE_PROGRESS), progress.metadata).fields
    return Reconstruction(
        object_MYX=arrays[OBJECT],
        probe_NHW=arrays[PROBE],
        positions_px=_corners_px(arrays[POSITIONS], metadata, arrays[PROBE].shape[-1]),
        positions_m=arrays[POSITIONS],
        loss=progress.values[:, fields.index(LOSS)],
        pixel_size_m=metadata.pixel_size_m,
        geometry=metadata.geometry,
        box=metadata.illuminated_box,
        quality=QualityFigures(
            numbers=flat_numbers(_plain(metadata.quality)),
            curves=await _curves(tiled, path),
        ),
        verdict=job.result.verdict,
        preparation=job.result.preparation,
        start=job.result.start,
        # What was judged has places of its own in every file, and a file no layout of Tiled's.
        metadata=metadata.written(without=(*JUDGED, "layout")),
    )


def write_result(
    result: Reconstruction, job: Job, format: ResultFormat, plane: Plane = "phase"
) -> ResultFile:
    """Make the file. It takes seconds for large objects: call in a thread."""
    scan = job.spec.scan
    label = scan.uid[:8] if scan.scan_id is None else str(scan.scan_id)
    writer = RESULT_WRITERS[format]
    plane_part = f"_{plane}" if writer.shows_plane else ""
    name = f"scan_{label}_{job.id}{plane_part}{writer.suffix}"
    options = ExportOptions(
        plane=plane, scan_id=scan.scan_id or 0, sign=job.id, about=_about(job)
    )
    with tempfile.TemporaryDirectory(prefix="exitwave-") as folder:
        path = Path(folder) / "result"
        writer.write(path, result, options)
        # Kept open while the folder goes: nothing is left behind, however the transfer ends.
        content = path.open("rb")
        return ResultFile(content, path.stat().st_size, name, writer.media_type)


def _about(job: Job) -> dict[str, str]:
    """Where a picture comes from, under the names that PNG gives such texts."""
    scan = job.spec.scan
    number = "" if scan.scan_id is None else f"{scan.scan_id} "
    about = {"Scan": f"{number}{scan.uid}", "Job": job.id}
    if scan.sample:
        about["Sample"] = scan.sample
    if job.ended_at is not None:
        about["Creation Time"] = format_datetime(job.ended_at)
    return about


async def _array(tiled: AsyncTiledReader, job: Job, path: str) -> StoredArray:
    found = await tiled.array(path)
    if found is None:
        raise ResultNotFound(f"job {job.id}: Tiled has no {path}")
    return found


async def _curves(tiled: AsyncTiledReader, path: str) -> dict[str, Curve]:
    curves = {}
    for name in CURVES:
        array = below(path, curve_array(name))
        found = await tiled.array(array)
        if found is not None:
            columns = ArrayMetadata.read(array, found.metadata).columns
            curves[name] = Curve(columns=columns, values=found.values)
    return curves


def _corners_px(
    positions_m: NDArray[np.float64], metadata: NodeMetadata, side_px: int
) -> NDArray[np.float64]:
    """Top-left pixels of the views; `origin_m` is where pixel (0, 0) of the object is.

    The beam of a view is at its middle pixel, side // 2.
    """
    beam_px = (positions_m - np.array(metadata.origin_m)) / metadata.pixel_size_m
    corners_px: NDArray[np.float64] = beam_px - side_px // 2
    return corners_px


def _plain(quality: Quality | None) -> dict[str, Any]:
    return {} if quality is None else quality.model_dump()
