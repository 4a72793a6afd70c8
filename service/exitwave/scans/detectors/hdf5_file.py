"""Frames in a dataset of an HDF5 file that is a data key of the run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..arrays import RunArray
from ..run_stream import RunStream
from .protocol import BaseDetector


class Hdf5File(BaseDetector):
    """A detector whose data key is a whole HDF5 file, as its own writer made it."""

    kind: Literal["hdf5_file"] = Field(
        description="The data key is an HDF5 file; frames are in it."
    )
    dataset: str = Field(min_length=1, description="Path of the frames in the file.")

    def find(self, stream: RunStream) -> RunArray | None:
        """The array of the dataset in the file of that key."""
        return stream.dataset(self.key, self.dataset)
