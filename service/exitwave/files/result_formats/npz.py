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

from exitwave.schema.result import NPZ_ARRAYS

from ..reconstruction import Reconstruction
from ..verdict_text import verdict_json
from .protocol import ExportOptions, ResultWriter


def write_npz(path: Path, result: Reconstruction) -> None:
    """Write a result, not compressed: complex pictures do not shrink."""
    with path.open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            **{
                name: np.asarray(getattr(result, name), dtype)
                for name, dtype in NPZ_ARRAYS.items()
            },
            **{name: np.array(text) for name, text in verdict_json(result).items()},
        )


def _write(path: Path, result: Reconstruction, _: ExportOptions) -> None:
    write_npz(path, result)


NPZ = ResultWriter(name="npz", suffix=".npz", media_type="application/zip", write=_write)
