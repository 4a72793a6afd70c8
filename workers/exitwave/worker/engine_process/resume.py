"""Where an attempt begins: an earlier attempt's checkpoint, or another job's result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import structlog
from numpy.typing import NDArray
from tiled.client import from_uri

from exitwave.engine import InitialGuess
from exitwave.engine.session.checkpoint import fingerprint_of
from exitwave.prepare import Prepared
from exitwave.results.node import may_pass
from exitwave.schema.errors import CheckpointError, DataError, TiledUnavailable
from exitwave.schema.job import StartRef
from exitwave.schema.recipe import Recipe
from exitwave.schema.result import OBJECT, PROBE, NodeMetadata
from exitwave.settings.service import TiledSettings

from .checkpoints import LoadedCheckpoint, found_in, read

_SAME_PIXEL = 1e-6
"""Relative difference of two pixel sizes that are one."""

_SAME_FRAME_PX = 1e-2
"""Two objects whose first pixels lie so near each other have one frame."""

_log = structlog.get_logger(__name__)


def newest_checkpoint(
    folder: Path, prepared: Prepared, recipe: Recipe
) -> tuple[LoadedCheckpoint | None, str]:
    """The newest checkpoint of this dataset and recipe, and why newer ones are of no use."""
    notes: list[str] = []
    fingerprint = ""
    for point, path in found_in(folder):
        fingerprint = fingerprint or fingerprint_of(prepared.dataset)
        try:
            loaded = read(point, path)
            loaded.checkpoint.check(recipe, fingerprint)
        except CheckpointError as error:
            _log.warning("checkpoint.skipped", path=str(path), error=str(error))
            notes.append(f"{path.stem} skipped: {error}")
        else:
            return loaded, "; ".join(notes)
    return None, "; ".join(notes)


def initial_guess(
    tiled: TiledSettings, start: StartRef, prepared: Prepared, recipe: Recipe
) -> InitialGuess:
    """Probe and, where it has the same frame, object of another job's result.

    Raises
    ------
    DataError
        There is no such result, or its pixels are not those of this job.
    LayoutError
        It is of another layout.
    TiledUnavailable
        Tiled is away.
    """
    try:
        key = tiled.api_key.get_secret_value() or None
        node = from_uri(tiled.uri, api_key=key)[start.node]
        metadata = NodeMetadata.read(start.node, node.metadata)
        object_MYX, probe_NHW = (np.asarray(node[name].read()) for name in (OBJECT, PROBE))
    except KeyError as error:
        raise DataError(
            "start", f"no result in {start.node}", "one with object and probe"
        ) from error
    except httpx.HTTPError as error:
        if may_pass(error):
            raise TiledUnavailable(f"result {start.node}: {error}") from error
        raise DataError(
            "start", f"{start.node}: {error}", "a result that can be read"
        ) from error
    _check_pixels(start, metadata, probe_NHW, prepared)
    begins = InitialGuess(
        object_MYX=object_MYX if _same_frame(metadata, object_MYX, prepared, recipe) else None,
        probe_NHW=probe_NHW,
    )
    parts = "probe" if begins.object_MYX is None else "probe and object"
    _log.info("job.starts_from", job=start.job_id, parts=parts)
    return begins


def _check_pixels(
    start: StartRef, metadata: NodeMetadata, probe_NHW: NDArray[Any], prepared: Prepared
) -> None:
    found_m, wanted_m = metadata.pixel_size_m, prepared.pixel_size_m
    if abs(found_m - wanted_m) > _SAME_PIXEL * wanted_m:
        raise DataError(
            "start",
            f"job {start.job_id} with pixels of {found_m * 1e9:.6g} nm",
            f"pixels of {wanted_m * 1e9:.6g} nm, as in this job",
        )
    found, wanted = probe_NHW.shape[1:], prepared.dataset.frames.shape_HW
    if found != wanted:
        raise DataError(
            "start", f"job {start.job_id} with a probe of {found} px", f"{wanted} px"
        )


def _same_frame(
    metadata: NodeMetadata, object_MYX: NDArray[Any], prepared: Prepared, recipe: Recipe
) -> bool:
    """Whether the object's pixels are those of this job's, one by one."""
    wanted = (recipe.object_states, *prepared.dataset.object_shape_YX)
    off_m = np.abs(np.array(metadata.origin_m) - np.array(prepared.origin_m)).max()
    return object_MYX.shape == wanted and bool(off_m <= _SAME_FRAME_PX * prepared.pixel_size_m)
