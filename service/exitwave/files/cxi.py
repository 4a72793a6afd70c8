"""CXI as exitwave writes it: a scan, a result, or both; and results read again.

Scans in CXI files, ours and others', are read by `formats`.

=============================================  =======================================
``/entry_1/data_1/data``                       (n, H, W) counts, DC at the array centre
``/entry_1/data_1/translation``                (n, 3) metres (x, y, 0) on the object
``/entry_1/instrument_1/detector_1/distance``  metres; also ``x_pixel_size``,
                                               ``y_pixel_size``, optional ``mask`` (0 = good)
``/entry_1/instrument_1/source_1/energy``      joules
``/exitwave/object``, ``probe``                (M, Y, X), (N, H, W) complex64: a result
``/exitwave/positions_px``                     (n, 2) (y, x) top-left pixels in that object
``/exitwave/positions_m``                      (n, 2) (y, x) of the same views, as measured
``/exitwave/loss``                             (epochs,)
``/exitwave/quality/prtf``, ``frc``            (rows, columns); attribute ``columns``
``/exitwave/quality/held_out_poisson``         and further numbers, where they are known
``/exitwave/verdict``                          see `cxi_verdict`
``/exitwave/frame_masks/offsets``, ``pixels``  pixels that are bad in single frames only
``/truth/object``, ``probe``                   of simulated data
=============================================  =======================================
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError
from exitwave.schema.geometry import Geometry
from exitwave.schema.result import CURVES

from .cxi_verdict import put_verdict, read_verdict
from .hdf5 import created, opened
from .reconstruction import Curve, QualityFigures, Reconstruction
from .stored import AnyMeasurement, StoredCounts
from .tree import Hdf5Tree, number
from .units import JOULES_PER_EV

CXI_VERSION = 160
COUNTS = "entry_1/data_1/data"
TRANSLATION = "entry_1/data_1/translation"
DETECTOR = "entry_1/instrument_1/detector_1"
MASK = f"{DETECTOR}/mask"
ENERGY = "entry_1/instrument_1/source_1/energy"
RESULT = "exitwave"
QUALITY = f"{RESULT}/quality"
MONITOR = "entry_1/data_1/monitor"
FRAME_MASKS = f"{RESULT}/frame_masks"
TRUTH = "truth"
CHUNK_BYTES = 1 << 20


def read_reconstruction(path: Path) -> Reconstruction:
    """Read the result in a CXI file that exitwave wrote.

    Raises
    ------
    DataError
        No readable HDF5 file, or a dataset is missing, which the message names.
    """
    with opened(path) as file:
        object_MYX = _array(file, path, f"{RESULT}/object")
        attributes = file[RESULT].attrs
        if "pixel_size_m" not in attributes:
            raise DataError(f"{path}:/{RESULT}", "no attribute pixel_size_m", "metres")
        box = attributes.get("illuminated_box")
        return Reconstruction(
            object_MYX=object_MYX,
            probe_NHW=_array(file, path, f"{RESULT}/probe"),
            positions_px=_array(file, path, f"{RESULT}/positions_px"),
            positions_m=_array(file, path, f"{RESULT}/positions_m"),
            loss=_array(file, path, f"{RESULT}/loss"),
            pixel_size_m=float(attributes["pixel_size_m"]),
            geometry=_geometry(file, path) if ENERGY in file else None,
            box=None if box is None else (int(box[0]), int(box[1]), int(box[2]), int(box[3])),
            quality=_quality(file, path),
            **read_verdict(file[RESULT], path),
            metadata=json.loads(attributes.get("metadata", "{}")),
        )


def write_measurement(path: Path, measurement: AnyMeasurement) -> None:
    """Write a scan; the file appears under its name only once it is whole."""
    with created(path) as file:
        file["cxi_version"] = CXI_VERSION
        _put_measurement(file, measurement)


def write_reconstruction(
    path: Path, result: Reconstruction, measurement: AnyMeasurement | None = None
) -> None:
    """Write a result, and where it is at hand the measurement it came from.

    Without a measurement, positions and geometry are written, patterns are not.
    """
    with created(path) as file:
        file["cxi_version"] = CXI_VERSION
        if measurement is not None:
            _put_measurement(file, measurement)
        else:
            _put_positions(file, result.positions_m)
            if result.geometry is not None:
                _put_geometry(file, result.geometry)
        group = file.require_group(RESULT)
        _put_array(group, "object", result.object_MYX.astype(np.complex64, copy=False))
        _put_array(group, "probe", result.probe_NHW.astype(np.complex64, copy=False))
        group["positions_px"] = np.asarray(result.positions_px, dtype=np.float64)
        group["positions_px"].attrs["axes"] = "y, x of the top-left pixel of each view"
        group["positions_m"] = np.asarray(result.positions_m, dtype=np.float64)
        group["positions_m"].attrs["axes"] = "y, x"
        group["loss"] = np.asarray(result.loss, dtype=np.float64)
        _put_quality(file, result.quality)
        put_verdict(group, result)
        group.attrs["pixel_size_m"] = result.pixel_size_m
        group.attrs["metadata"] = json.dumps(dict(result.metadata))
        if result.box is not None:
            group.attrs["illuminated_box"] = np.asarray(result.box, dtype=np.int64)


def _put_measurement(file: h5py.File, measurement: AnyMeasurement) -> None:
    if isinstance(measurement.counts_nHW, StoredCounts):
        measurement.counts_nHW.copy_to(file, COUNTS)
    else:
        _put_array(file, COUNTS, measurement.counts_nHW, one_frame=True)
    _put_positions(file, measurement.positions_m)
    _put_geometry(file, measurement.geometry)
    if measurement.mask_HW is not None:
        file[MASK] = (~measurement.mask_HW).astype(np.uint32)
    if measurement.frame_masks is not None:
        _put_array(file, f"{FRAME_MASKS}/offsets", measurement.frame_masks.offsets)
        _put_array(file, f"{FRAME_MASKS}/pixels", measurement.frame_masks.pixels)
    if measurement.monitor_n is not None:
        file[MONITOR] = measurement.monitor_n
    if measurement.truth is not None:
        _put_array(file, f"{TRUTH}/object", measurement.truth.object_YX)
        _put_array(file, f"{TRUTH}/probe", measurement.truth.probe_HW)


def _put_quality(file: h5py.File, quality: QualityFigures) -> None:
    for name, value in quality.numbers.items():
        file[f"{QUALITY}/{name}"] = float(value)
    for name, curve in quality.curves.items():
        file[f"{QUALITY}/{name}"] = np.asarray(curve.values, dtype=np.float64)
        file[f"{QUALITY}/{name}"].attrs["columns"] = ", ".join(curve.columns)


def _put_positions(file: h5py.File, positions_m: NDArray[np.float64]) -> None:
    translation = np.zeros((len(positions_m), 3))
    translation[:, :2] = positions_m[:, ::-1]
    file[TRANSLATION] = translation
    file[TRANSLATION].attrs["units"] = "m"


def _put_geometry(file: h5py.File, geometry: Geometry) -> None:
    for name, value, unit in (
        (f"{DETECTOR}/distance", geometry.distance_m, "m"),
        (f"{DETECTOR}/x_pixel_size", geometry.detector_pixel_m, "m"),
        (f"{DETECTOR}/y_pixel_size", geometry.detector_pixel_m, "m"),
        (ENERGY, geometry.energy_eV * JOULES_PER_EV, "J"),
    ):
        file[name] = value
        file[name].attrs["units"] = unit


def _put_array(
    group: h5py.Group, name: str, values: NDArray[Any], *, one_frame: bool = False
) -> None:
    """Compressed with gzip, which every HDF5 reader knows; frames in chunks of about 1 MB."""
    if not values.size:
        group[name] = values
        return
    chunks: bool | tuple[int, ...] = True
    if one_frame:
        frames = max(1, CHUNK_BYTES // max(1, values[0].nbytes))
        chunks = (min(len(values), frames), *values.shape[1:])
    group.create_dataset(
        name, data=values, chunks=chunks, compression="gzip", compression_opts=4, shuffle=True
    )


def _geometry(file: h5py.File, path: Path) -> Geometry:
    x_pixel_m = _number(file, path, f"{DETECTOR}/x_pixel_size")
    y_pixel_m = _number(file, path, f"{DETECTOR}/y_pixel_size")
    if not np.isclose(x_pixel_m, y_pixel_m, rtol=1e-4):
        raise DataError(
            f"{path}:/{DETECTOR}",
            f"pixels of {x_pixel_m:g} m by {y_pixel_m:g} m",
            "square detector pixels",
        )
    source = f"CXI file {path.name}"
    return Geometry(
        energy_eV=_number(file, path, ENERGY) / JOULES_PER_EV,
        distance_m=abs(_number(file, path, f"{DETECTOR}/distance")),
        detector_pixel_m=x_pixel_m,
        sources=dict.fromkeys(("energy_eV", "distance_m", "detector_pixel_m"), source),
    )


def _quality(file: h5py.File, path: Path) -> QualityFigures:
    names = [] if QUALITY not in file else [f"{QUALITY}/{name}" for name in file[QUALITY]]
    curves = [name for name in names if name.rpartition("/")[2] in CURVES]
    return QualityFigures(
        numbers={
            name.rpartition("/")[2]: _number(file, path, name)
            for name in names
            if name not in curves
        },
        curves={
            name.rpartition("/")[2]: Curve(
                columns=tuple(file[name].attrs.get("columns", "").split(", ")),
                values=_array(file, path, name),
            )
            for name in curves
        },
    )


def _number(file: h5py.File, path: Path, name: str) -> float:
    return number(Hdf5Tree(path, file), name)


def _array(file: h5py.File, path: Path, name: str) -> NDArray[Any]:
    return Hdf5Tree(path, file).whole(name)
