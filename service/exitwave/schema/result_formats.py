"""Names of the formats that results are downloaded in, and what each holds."""

from __future__ import annotations

from typing import Literal

ResultFormat = Literal["cxi", "npy", "npz", "png", "tiff"]

RESULT_FORMAT_TEXTS: dict[ResultFormat, str] = {
    "cxi": "HDF5 with object, probe, positions and loss",
    "npy": "zip of ptycho_gui's tree",
    "npz": "named arrays, as numpy.load reads them",
    "png": "a picture with a scale bar",
    "tiff": "one plane as float32",
}

RESULT_FORMATS_HELP = "; ".join(f"{name}: {text}" for name, text in RESULT_FORMAT_TEXTS.items())
