"""Reading a scan from a file of any format."""

from __future__ import annotations

from pathlib import Path

from exitwave.schema.data import GeometryOverrides

from ..places import ReadOptions
from ..reconstruction import Measurement
from ..stored import StoredMeasurement
from .registry import format_of


def open_measurement(
    path: Path,
    dataset: str | None = None,
    positions: str | None = None,
    *,
    positions_unit: str | None = None,
    geometry: GeometryOverrides | None = None,
) -> StoredMeasurement:
    """Read a scan but for its patterns, which stay in their file where they can.

    Parameters
    ----------
    path : Path
    dataset : str, optional
        Name of the patterns in the file; found where the format keeps them, otherwise.
    positions : str, optional
        Name of the positions in the file, or another file: npy, or text in columns.
    positions_unit : str, optional
        m, mm, um, nm, px and the like; else what the file states.
    geometry : GeometryOverrides, optional
        Values that replace those of the file, or that it lacks.

    Returns
    -------
    StoredMeasurement
        Its notes say what people should know, its origins where each value came from.

    Raises
    ------
    DataError
        The file cannot be read, or a part is missing, contradicts itself or is no scan of
        the far field; the message names the part and what was looked at.
    GeometryError
        Values of the geometry are missing or out of range.
    """
    options = ReadOptions(
        dataset=dataset,
        positions=positions,
        positions_unit=positions_unit,
        geometry=geometry or GeometryOverrides(),
    )
    return format_of(path).read(path, options)


def read_measurement(
    path: Path,
    dataset: str | None = None,
    positions: str | None = None,
    *,
    positions_unit: str | None = None,
    geometry: GeometryOverrides | None = None,
) -> Measurement:
    """Read a scan with its patterns; as `open_measurement`, but stricter.

    Raises
    ------
    DataError
        Also where frames and positions differ in number or are not finite.
    GeometryError
        As `open_measurement`.
    """
    stored = open_measurement(
        path, dataset, positions, positions_unit=positions_unit, geometry=geometry
    )
    return Measurement(
        counts_nHW=stored.counts_nHW[:],
        positions_m=stored.positions_m,
        geometry=stored.geometry,
        mask_HW=stored.mask_HW,
        truth=stored.truth,
        frame_masks=stored.frame_masks,
        monitor_n=stored.monitor_n,
        notes=stored.notes,
    )
