"""What all kinds of detectors have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod

from pydantic import Field

from exitwave.files.frame_orientation import AS_STORED, FrameOrientation
from exitwave.schema.strict import StrictModel

from ..arrays import RunArray
from ..run_stream import RunStream
from ..sources import DistanceSource


class BaseDetector(StrictModel, ABC):
    """A detector of a beamline. Kinds differ in how they find their frames."""

    key: str = Field(description="Data key of the frames in the profile's stream.")
    device: str | None = Field(
        None,
        description="Its name in the start document's list of detectors; a run that names it "
        "is read with it.",
    )
    pixel_m: float = Field(gt=0, lt=1e-2, description="Pitch of the pixels.")
    orientation: FrameOrientation = Field(
        AS_STORED,
        description="What turns a stored frame into one whose rows run down and whose columns "
        "run to the right, seen along the beam.",
    )
    mask: str | None = Field(
        None,
        description="File of the pixels that work, as the frames are stored: .npy, .tif, or "
        "mask.h5:/path/of/the/dataset, beside the profile or with its whole path. Of true and "
        "false, true is used; of numbers, 0 is used.",
    )
    distance: DistanceSource | None = Field(
        None, description="Sample to this detector, where it is not the profile's."
    )

    @abstractmethod
    def find(self, stream: RunStream) -> RunArray | None:
        """The frames in a stream, None if it holds none of this detector."""
