"""Files a beamline knows: scans in, results out. No torch.

``counts, positions = exitwave.files.read("scan.cxi")`` gives a notebook the arrays that the
engine takes. Scans are read by

- `formats`: one entry for each format, and `open_measurement`
- `cxi_layout`, `nexus_layout`, `plain_layout`: where a format keeps what
- `assemble`: from a layout to a measurement, with `frames`, `positions`, `quantities`,
  `orientation`, `masks`, `units`, `sources` and `far_field` for its parts
- `stored`: a measurement whose patterns stay in their file

and results are written and read by

- `cxi`: scans and results as CXI
- `npy`: the ``recon_result`` tree
- `npz`: a result for the Python client
- `tiff`: an object's phase or amplitude as float32
- `png`, `pattern_png`: pictures with a scale
- `display`, `colours`, `codes`: values, units, limits and colours of all pictures, the page's
  among them; `phase` takes ramp and piston out before
- `verdict_text`, `cxi_verdict`: what these files say of a verdict
- `reconstruction`: what all of them hold
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
