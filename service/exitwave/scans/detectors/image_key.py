"""Frames that are a data key of the run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..arrays import RunArray
from ..run_stream import RunStream
from .protocol import BaseDetector


class ImageKey(BaseDetector):
    """A detector whose data key is an array of frames."""

    kind: Literal["image_key"] = Field(description="The data key is an array of frames.")

    def find(self, stream: RunStream) -> RunArray | None:
        """The array of that key."""
        return stream.array(self.key)
