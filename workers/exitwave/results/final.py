"""Final arrays: delivered when Tiled gives them back equal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import stamina
import structlog
from numpy.typing import NDArray
from pydantic import BaseModel

from exitwave.files.reconstruction import Curve
from exitwave.schema.errors import LayoutError, SinkError
from exitwave.schema.job import Quality
from exitwave.schema.result import JUDGED, OBJECT, POSITIONS, PROBE, ArrayMetadata, curve_array
from exitwave.schema.verdict import Preparation, Start, Verdict

from .node import AttemptRecord, Numbers, ResultNode, holds, may_pass

LONGEST_PAUSE_S = 3.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalArrays:
    """What a reconstruction leaves.

    Attributes
    ----------
    object_MYX, probe_NHW : ndarray, complex64
    positions_m : ndarray (n, 2)
        (y, x) of the beam on the object.
    known_YX : ndarray of bool
        Where the object is illuminated; for pictures.
    illuminated_box : (int, int, int, int)
        (y0, y1, x0, x1), half-open, in pixels of the object: where it is known.
    epochs : int
        Epochs done.
    loss : float
        Of the last one.
    quality : Quality
        Figures, for the node's metadata.
    verdict, preparation, start : Verdict, Preparation, Start, optional
        Likewise: whether there is a picture, what was left out, where the run began.
    curves : mapping of str to Curve
        By name, of `CURVES`.
    further : mapping of str to ndarray
        More arrays, by name.
    diverged : str
        Why these are the arrays of the last good epoch and not of the last; else empty.
    stopped : bool
        The run was ended before its last epoch.
    """

    object_MYX: NDArray[np.complex64]
    probe_NHW: NDArray[np.complex64]
    positions_m: NDArray[np.float64]
    known_YX: NDArray[np.bool_]
    illuminated_box: tuple[int, int, int, int]
    epochs: int
    loss: float
    quality: Quality = field(default_factory=Quality)
    verdict: Verdict | None = None
    preparation: Preparation | None = None
    start: Start | None = None
    curves: Mapping[str, Curve] = field(default_factory=dict)
    further: Mapping[str, Numbers] = field(default_factory=dict)
    diverged: str = ""
    stopped: bool = False

    @property
    def complete(self) -> bool:
        """Whether all epochs were done, and well."""
        return not (self.diverged or self.stopped)

    def verdict_metadata(self) -> dict[str, dict[str, Any] | None]:
        """Verdict, preparation and start as JSON values; None where there is none."""
        parts: dict[str, BaseModel | None] = {name: getattr(self, name) for name in JUDGED}
        return {
            name: None if part is None else json.loads(part.model_dump_json())
            for name, part in parts.items()
        }


def deliver(node: ResultNode, final: FinalArrays, go_on: Callable[[], None]) -> None:
    """Write the final arrays, read them back and, where they are, mark the node complete.

    While Tiled is away this tries again until it is back.

    Parameters
    ----------
    node : ResultNode
    final : FinalArrays
    go_on : callable
        Called before every attempt; raises to give up.

    Raises
    ------
    SinkError
        Tiled refuses the result, or does not give it back as it was.
    """
    try:
        for attempt in stamina.retry_context(
            on=may_pass, attempts=None, timeout=None, wait_max=LONGEST_PAUSE_S
        ):
            with attempt:
                go_on()
                _write(node, final)
    except (httpx.HTTPError, KeyError, ValueError, LayoutError) as error:
        raise SinkError(f"result {node.path} is not in Tiled ({error})") from error
    _log.info("result.delivered", node=node.path)


def _write(node: ResultNode, final: FinalArrays) -> None:
    try:
        for name, values, metadata in _named_arrays(final, node.record):
            array = node.array(name, values, metadata)
            array.write(values)
            if not holds(array, values):
                raise ValueError(f"{name} comes back with other values than were sent")
        node.update(
            epoch=final.epochs,
            loss=final.loss,
            illuminated_box=final.illuminated_box,
            quality=final.quality,
            verdict=final.verdict,
            preparation=final.preparation,
            start=final.start,
            complete=final.complete,
        )
    except httpx.HTTPError:
        node.forget()
        raise


def _named_arrays(
    final: FinalArrays, record: AttemptRecord
) -> Iterator[tuple[str, Numbers, ArrayMetadata]]:
    """Every array under its name, with its metadata."""
    pixel_size_m = record.pixel_size_m
    placed = ArrayMetadata(pixel_size_m=pixel_size_m, origin_m=record.origin_m)
    yield OBJECT, final.object_MYX, placed
    yield PROBE, final.probe_NHW, ArrayMetadata(pixel_size_m=pixel_size_m)
    yield POSITIONS, final.positions_m, ArrayMetadata(order="y, x")
    for name, values in final.further.items():
        yield name, values, ArrayMetadata()
    for name, curve in final.curves.items():
        yield curve_array(name), curve.values, ArrayMetadata(columns=curve.columns)
