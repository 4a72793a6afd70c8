"""Whether the middle of the light is the middle of the frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.verdict import Note

from .screen.beam import light_centre

LEAST_PX = 3.0
LEAST_SHARE = 0.03
"""Of the frame's side: optics and samples shift the light by less."""


def centre_note(mean_HW: NDArray[np.float64], valid_HW: NDArray[np.bool_]) -> Note | None:
    """A note where the light's middle is off, for a mean pattern with DC at the centre."""
    height, width = mean_HW.shape
    y, x = light_centre(mean_HW, valid_HW)
    off_y, off_x = y - height // 2, x - width // 2
    off_px = float(np.hypot(off_y, off_x))
    if off_px <= max(LEAST_PX, LEAST_SHARE * max(height, width)):
        return None
    down = f"{abs(off_y):.1f} px {'below' if off_y > 0 else 'above'}"
    right = f"{abs(off_x):.1f} px {'right of' if off_x > 0 else 'left of'}"
    return Note(
        code="centre",
        text=f"the middle of the light lies {down} and {right} that of the frames; nothing "
        "is moved, and the far side goes without what the near one has more",
        figures={"off_y_px": off_y, "off_x_px": off_x},
    )
