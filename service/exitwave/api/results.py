"""From a job's final node in Tiled to a file."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from exitwave.files.cxi import write_reconstruction
from exitwave.files.npy import write_npy_tree
from exitwave.files.npz import write_npz
from exitwave.files.png import Plane, object_png
from exitwave.files.reconstruction import (
    CURVES,
    Curve,
    QualityFigures,
    Reconstruction,
    flat_numbers,
)
from exitwave.files.tiff import write_tiff
from exitwave.schema.errors import ResultNotFound, TransitionNotAllowed
from exitwave.schema.geometry import Geometry
from exitwave.schema.job import Job

from .live.nodes import ResultNodes, StoredArray

Format = Literal["cxi", "npy", "npz", "png", "tiff"]

MEDIA_TYPES: dict[Format, str] = {
    "cxi": "application/x-hdf5",
    "npy": "application/zip",
    "npz": "application/zip",
    "png": "image/png",
    "tiff": "image/tiff",
}
JUDGED = frozenset({"verdict", "preparation", "start"})
"""Keys of a node's metadata that its job's record has, too, and checked."""

PICTURES: frozenset[Format] = frozenset({"png", "tiff"})
"""Show one plane, which their name tells."""

SUFFIXES: dict[Format, str] = {
    "cxi": ".cxi",
    "npy": "-recon_result.zip",
    "npz": ".npz",
    "png": ".png",
    "tiff": ".tiff",
}


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A finished file, open and already without a name on disk."""

    content: BinaryIO
    size: int
    name: str
    media_type: str


async def read_result(nodes: ResultNodes, job: Job) -> Reconstruction:
    """The arrays and metadata of a job's final node.

    Raises
    ------
    TransitionNotAllowed
        The job has not ended.
    ResultNotFound
        It ended without a result, or its node is no longer in Tiled.
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
    metadata = await nodes.metadata(path)
    if metadata is None:
        raise ResultNotFound(f"job {job.id}: Tiled no longer has its result at {path}")
    arrays = {
        name: (await _array(nodes, job, f"{path}/{name}")).values
        for name in ("object", "probe", "positions_m")
    }
    progress = await _array(nodes, job, f"{path}/live/progress")
    y0, y1, x0, x1 = (int(edge) for edge in metadata["illuminated_box"])
    return Reconstruction(
        object_MYX=arrays["object"],
        probe_NHW=arrays["probe"],
        positions_px=_corners_px(arrays["positions_m"], metadata, arrays["probe"].shape[-1]),
        positions_m=arrays["positions_m"],
        loss=progress.values[:, progress.metadata["fields"].index("loss")],
        pixel_size_m=float(metadata["pixel_size_m"]),
        geometry=_geometry(metadata["geometry"]),
        box=(y0, y1, x0, x1),
        quality=QualityFigures(
            numbers=flat_numbers(metadata.get("quality", {})),
            curves=await _curves(nodes, path),
        ),
        verdict=job.result.verdict,
        preparation=job.result.preparation,
        start=job.result.start,
        # What was judged has places of its own in every file.
        metadata={name: value for name, value in metadata.items() if name not in JUDGED},
    )


def write_result(
    result: Reconstruction, job: Job, format: Format, plane: Plane = "phase"
) -> ResultFile:
    """Make the file. It takes seconds for large objects: call in a thread."""
    scan = job.spec.scan
    label = scan.uid[:8] if scan.scan_id is None else str(scan.scan_id)
    name = f"scan_{label}_{job.id}{f'_{plane}' if format in PICTURES else ''}{SUFFIXES[format]}"
    with tempfile.TemporaryDirectory(prefix="exitwave-") as folder:
        path = Path(folder) / "result"
        if format == "cxi":
            write_reconstruction(path, result)
        elif format == "npy":
            write_npy_tree(Path(folder), result, scan_id=scan.scan_id or 0, sign=job.id)
            _zip_tree(path, Path(folder) / "recon_result")
        elif format == "npz":
            write_npz(path, result)
        elif format == "tiff":
            write_tiff(
                path,
                result.visible_object_YX(),
                result.illuminated_box,
                result.pixel_size_m,
                plane,
                verdict=result.verdict,
                about=_about(job),
            )
        else:
            picture = object_png(
                result.visible_object_YX(),
                result.illuminated_box,
                result.pixel_size_m,
                plane,
                nominal=result.geometry is not None and result.geometry.nominal,
                verdict=result.verdict,
                about=_about(job),
            )
            path.write_bytes(picture)
        # Kept open while the folder goes: nothing is left behind, however the transfer ends.
        content = path.open("rb")
        return ResultFile(content, path.stat().st_size, name, MEDIA_TYPES[format])


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


async def _array(nodes: ResultNodes, job: Job, path: str) -> StoredArray:
    found = await nodes.array(path)
    if found is None:
        raise ResultNotFound(f"job {job.id}: Tiled has no {path}")
    return found


async def _curves(nodes: ResultNodes, path: str) -> dict[str, Curve]:
    curves = {}
    for name in CURVES:
        found = await nodes.array(f"{path}/quality/{name}")
        if found is not None:
            columns = tuple(found.metadata["columns"])
            curves[name] = Curve(columns=columns, values=found.values)
    return curves


def _corners_px(
    positions_m: NDArray[np.float64], metadata: dict[str, Any], side_px: int
) -> NDArray[np.float64]:
    """Top-left pixels of the views; `origin_m` is where pixel (0, 0) of the object is.

    The beam of a view is at its middle pixel, side // 2.
    """
    beam_px = (positions_m - np.array(metadata["origin_m"])) / float(metadata["pixel_size_m"])
    corners_px: NDArray[np.float64] = beam_px - side_px // 2
    return corners_px


def _geometry(values: dict[str, Any]) -> Geometry:
    return Geometry(
        energy_eV=float(values["energy_eV"]),
        distance_m=float(values["distance_m"]),
        detector_pixel_m=float(values["detector_pixel_m"]),
        sources=dict(values["sources"]),
    )


def _zip_tree(path: Path, root: Path) -> None:
    # Stored, not deflated: complex pictures do not shrink.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(path for path in root.rglob("*") if path.is_file()):
            archive.write(file, file.relative_to(root.parent))
