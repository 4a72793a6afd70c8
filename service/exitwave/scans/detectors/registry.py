"""The kinds of detectors that a profile can name, one line each; the choice among several."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, TypeAlias

from pydantic import Field

from ..arrays import RunArray
from ..run_stream import RunStream
from .hdf5_file import Hdf5File
from .image_key import ImageKey
from .protocol import BaseDetector

Detector: TypeAlias = Annotated[
    ImageKey  # the data key is an array of frames
    | Hdf5File,  # the data key is an HDF5 file with a dataset of frames
    Field(discriminator="kind"),
]


def choose_detector(
    detectors: Sequence[Detector], stream: RunStream, named: Collection[str]
) -> tuple[BaseDetector, RunArray] | None:
    """The detector whose frames are read, with its frames; None if the stream holds none.

    Of those that the stream holds, the first whose device is `named` in the run's start
    document, else the first.
    """
    present = [
        (detector, frames)
        for detector in detectors
        if (frames := detector.find(stream)) is not None
    ]
    asked = [entry for entry in present if entry[0].device in named]
    return next(iter(asked or present), None)
