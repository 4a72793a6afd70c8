"""Frames rendered from the arrays of one attempt. Pure; called in threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.job import Job
from exitwave.schema.result import (
    LIVE_OBJECT,
    LIVE_PROBE,
    LOSS_CURVE,
    ArrayMetadata,
    FramePlane,
    NodeMetadata,
)

from .frames import Frame
from .planes import (
    Complexes,
    Picture,
    bin_complex,
    object_pictures,
    probe_pictures,
    to_complex,
)


@dataclass(frozen=True, slots=True)
class FrameContext:
    """What all frames of an attempt have in common."""

    job: str
    attempt: int
    n_frames: int | None
    note: str = ""


def frame_context(job: Job, node: NodeMetadata) -> FrameContext:
    """From the job's record and the metadata of its attempt's node."""
    note = nominal_note(node.geometry.sources)
    return FrameContext(job.id, job.attempt, job.spec.scan.n_frames, note)


def nominal_note(sources: Mapping[str, str]) -> str:
    """What the geometry's sources say about values that are nominal, not measured."""
    nominal = [f"{key}: {text}" for key, text in sources.items() if "nominal" in text.lower()]
    return "; ".join(nominal)


def object_frames(
    context: FrameContext,
    live_PYX: NDArray[np.float32],
    metadata: ArrayMetadata,
    epoch: int,
    version: int,
) -> list[Frame]:
    """Frames of ``live/object`` (2, h, w)."""
    planes = object_pictures(to_complex(live_PYX))
    pixel_m, origin_m = _scale(metadata)
    return _frames(context, planes, epoch, version, pixel_m, origin_m)


def probe_frames(
    context: FrameContext,
    live_PHW: NDArray[np.float32],
    metadata: ArrayMetadata,
    epoch: int,
    version: int,
) -> list[Frame]:
    """Frames of ``live/probe`` (2, h, w), its centre at zero."""
    return _probe_frames(context, to_complex(live_PHW), _scale(metadata)[0], epoch, version)


def final_frames(
    context: FrameContext,
    object_MYX: Complexes,
    probe_NHW: Complexes,
    node: NodeMetadata,
    epoch: int,
) -> list[Frame]:
    """Frames of the final complex arrays, first states, binned for the screen."""
    pixel_m, origin_m = _scale(node)
    object_YX, factor = bin_complex(object_MYX[0].astype(np.complex64, copy=False))
    frames = _frames(context, object_pictures(object_YX), epoch, 0, pixel_m * factor, origin_m)
    probe_HW, factor = bin_complex(probe_NHW[0].astype(np.complex64, copy=False))
    return frames + _probe_frames(context, probe_HW, pixel_m * factor, epoch, 0)


RENDERERS = {LIVE_OBJECT: object_frames, LIVE_PROBE: probe_frames}
"""From a live array to its frames, by the array's name."""


def loss_frame(context: FrameContext, curve: NDArray[np.float32]) -> Frame:
    """The loss curve, (epochs, 2)."""
    lo, hi = (float(curve[:, 1].min()), float(curve[:, 1].max())) if len(curve) else (0.0, 1.0)
    epoch = int(curve[-1, 0]) if len(curve) else 0
    return Frame(
        job=context.job,
        attempt=context.attempt,
        epoch=epoch,
        version=epoch,
        plane=LOSS_CURVE,
        data=curve,
        lo=lo,
        hi=hi,
        n_frames=context.n_frames,
        note=context.note,
    )


def _probe_frames(
    context: FrameContext, probe_HW: Complexes, pixel_m: float, epoch: int, version: int
) -> list[Frame]:
    height, width = probe_HW.shape
    origin_m = (-pixel_m * height / 2, -pixel_m * width / 2)
    return _frames(context, probe_pictures(probe_HW), epoch, version, pixel_m, origin_m)


def _frames(
    context: FrameContext,
    planes: Mapping[FramePlane, Picture],
    epoch: int,
    version: int,
    pixel_size_m: float,
    origin_m: tuple[float, float],
) -> list[Frame]:
    return [
        Frame(
            job=context.job,
            attempt=context.attempt,
            epoch=epoch,
            version=version,
            plane=name,
            data=plane.codes_YX,
            lo=plane.lo,
            hi=plane.hi,
            unit=plane.unit,
            cyclic=plane.cyclic,
            pixel_size_m=pixel_size_m,
            origin_m=origin_m,
            n_frames=context.n_frames,
            note=context.note,
        )
        for name, plane in planes.items()
    ]


def _scale(metadata: ArrayMetadata | NodeMetadata) -> tuple[float, tuple[float, float]]:
    """Pixel pitch, and (y, x) of the first pixel's outer corner; writers name its centre."""
    pixel_m = metadata.pixel_size_m
    y_m, x_m = metadata.origin_m
    return pixel_m, (y_m - pixel_m / 2, x_m - pixel_m / 2)
