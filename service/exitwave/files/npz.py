"""A result as named arrays in one npz file: what the Python client reads, with numpy alone.

================  ===========================================================
``object_MYX``    complex64; NaN = not illuminated
``probe_NHW``     complex64
``positions_m``   (n, 2) (y, x) of the views, as measured
``positions_px``  (n, 2) (y, x) of the views' top-left pixels in that object
``loss``          (epochs,)
``pixel_size_m``  a number
``verdict``       JSON text, like ``preparation`` and ``start``; null: none
================  ===========================================================
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .reconstruction import Reconstruction
from .verdict_text import verdict_json


def write_npz(path: Path, result: Reconstruction) -> None:
    """Write a result, not compressed: complex pictures do not shrink."""
    with path.open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            object_MYX=result.object_MYX.astype(np.complex64, copy=False),
            probe_NHW=result.probe_NHW.astype(np.complex64, copy=False),
            positions_m=np.asarray(result.positions_m, dtype=np.float64),
            positions_px=np.asarray(result.positions_px, dtype=np.float64),
            loss=np.asarray(result.loss, dtype=np.float64),
            pixel_size_m=np.float64(result.pixel_size_m),
            **{name: np.array(text) for name, text in verdict_json(result).items()},
        )
