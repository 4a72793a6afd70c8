"""Files a beamline knows: scans in, results out. No torch.

``counts, positions = exitwave.files.read("scan.cxi")`` gives a notebook the arrays that the
engine takes. What belongs here is what a file says and how it is written, each thing once:

- `scan_formats`: one file for each format that scans are read from, and `open_measurement`
- `result_formats`: one file for each format that results are written to
- `assemble`: from a file to a measurement, with `frames`, `positions`, `quantities`,
  `detector_vectors`, `masks`, `units`, `sources` and `far_field` for its parts
- `stored`: a measurement whose patterns stay in their file; `frame_orientation`: how they lie
- `mask_file`: the pixels to use, as `data.mask` or a beamline profile names them
- `cxi`: scans and results as exitwave writes them
- `cxi_verdict`, `verdict_text`: what files say of a verdict
- `pattern_png`: a mean pattern; `phase` takes ramp and piston out of an object
- `checkpoint`: named arrays in one file that is always whole
- `reconstruction`: what all files of results hold
- `display`, `colours`, `codes`: values, units, limits and colours of all pictures, the page's
  among them

What does not belong here: scans in Tiled (`exitwave.scans`), and what is left out of a fit
(`exitwave.prepare`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .arrays import read as read

__all__ = ["read"]


def __getattr__(name: str) -> Any:
    """`read` comes with HDF5, which not all who import the package need."""
    if name != "read":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .arrays import read

    return read
