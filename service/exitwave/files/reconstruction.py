"""A measured scan and a finished reconstruction, as files hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError
from exitwave.schema.geometry import Geometry
from exitwave.schema.verdict import Note, Preparation, Start, Verdict

from .frame_masks import FrameMasks
from .phase import Box

ILLUMINATED_SHARE = 0.05
"""Of the greatest illumination: a pixel of the object that got less is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a simulated measurement was made from.

    Attributes
    ----------
    object_YX : complex array (Y, X)
    probe_HW : complex array (H, W)
        Carries the photons.
    """

    object_YX: NDArray[np.complex64]
    probe_HW: NDArray[np.complex64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A scan: patterns, where they were taken, with what geometry.

    Attributes
    ----------
    counts_nHW : array (n, H, W)
        Counts, DC at the array centre.
    positions_m : array (n, 2)
        (y, x) on the object; y grows along its rows, x along its columns. In a simulated
        measurement the top-left corner of the view in the true object.
    geometry : Geometry
    mask_HW : bool array (H, W), optional
        True = valid.
    truth : Truth, optional
        Of a simulated measurement.
    frame_masks : FrameMasks, optional
        Pixels that are bad in single frames only.
    monitor_n : float array (n,), optional
        Reading of a beam monitor for each frame, in any unit.
    notes : tuple of Note
        What people should know about the file.
    """

    counts_nHW: NDArray[Any]
    positions_m: NDArray[np.float64]
    geometry: Geometry
    mask_HW: NDArray[np.bool_] | None = None
    truth: Truth | None = None
    frame_masks: FrameMasks | None = None
    monitor_n: NDArray[np.float64] | None = None
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        counts = self.counts_nHW
        check_scan(counts.shape, counts.dtype, self.positions_m, self.mask_HW)
        check_numbers(len(counts), len(self.positions_m))
        check_finite("positions", self.positions_m)
        check_finite("frames", counts)


@dataclass(frozen=True, slots=True)
class Curve:
    """A figure over frequency, as a table.

    Attributes
    ----------
    columns : tuple of str
        Names, with units.
    values : array (rows, columns)
    """

    columns: tuple[str, ...]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFigures:
    """How good a result is.

    Attributes
    ----------
    numbers : mapping of str to float
        By name, units in the names, such as ``held_out_poisson``.
    curves : mapping of str to Curve
        Those of `CURVES` that there are.
    """

    numbers: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Curve] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstruction:
    """What came out.

    Attributes
    ----------
    object_MYX : complex array (M, Y, X)
        Object states; NaN where not illuminated, if the writer marked that.
    probe_NHW : complex array (N, H, W)
        Probe states, centred in their window; they carry the photons.
    positions_px : array (n, 2)
        (y, x) top-left pixel of each view in the object.
    positions_m : array (n, 2)
        (y, x) of the same views as they were measured.
    loss : array (epochs,)
        Total loss of each epoch.
    pixel_size_m : float
        Pixel of object and probe.
    geometry : Geometry, optional
    box : tuple of int, optional
        Illuminated box (y0, y1, x0, x1) of the object, ends excluded.
    quality : QualityFigures
    verdict : Verdict, optional
        None: of an earlier release, or nobody judged it.
    preparation : Preparation, optional
        What was left out of the fit, and why.
    start : Start, optional
        Where the run began.
    metadata : mapping
        Recipe, scan, software and the like; JSON values.
    """

    object_MYX: NDArray[np.complex64]
    probe_NHW: NDArray[np.complex64]
    positions_px: NDArray[np.float64]
    positions_m: NDArray[np.float64]
    loss: NDArray[np.float64]
    pixel_size_m: float
    geometry: Geometry | None = None
    box: Box | None = None
    quality: QualityFigures = field(default_factory=QualityFigures)
    verdict: Verdict | None = None
    preparation: Preparation | None = None
    start: Start | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def illuminated_box(self) -> Box:
        """The box named by the writer, else the one all views span."""
        if self.box is not None:
            return self.box
        height, width = self.probe_NHW.shape[-2:]
        y0, x0 = np.floor(self.positions_px.min(axis=0)).astype(int)
        y1, x1 = np.ceil(self.positions_px.max(axis=0)).astype(int)
        return int(y0), int(y1) + height, int(x0), int(x1) + width

    def visible_object_YX(self) -> NDArray[np.complex64]:
        """The first object state, NaN where the views brought hardly any light."""
        power_HW = (np.abs(self.probe_NHW) ** 2).sum(axis=0)
        height, width = power_HW.shape
        lit_YX = np.zeros(self.object_MYX.shape[1:], dtype=np.float32)
        for y, x in np.rint(self.positions_px).astype(int):
            lit_YX[y : y + height, x : x + width] += power_HW
        dark_YX = lit_YX < ILLUMINATED_SHARE * lit_YX.max()
        return np.where(dark_YX, np.complex64(np.nan), self.object_MYX[0])


def flat_numbers(values: Mapping[str, Any], group: str = "") -> dict[str, float]:
    """The numbers of nested values, by ``group_name``; texts and None are left out."""
    numbers: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            numbers |= flat_numbers(value, f"{group}{name}_")
        elif isinstance(value, (int, float)):
            numbers[f"{group}{name}"] = float(value)
    return numbers


def check_scan(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    positions_m: NDArray[np.float64],
    mask_HW: NDArray[np.bool_] | None,
) -> None:
    """Raise `DataError` where patterns of this shape and type do not go with the rest."""
    if len(shape) != 3 or 0 in shape:
        raise DataError("frames", f"shape {shape}", "shape (n, H, W)")
    if dtype.kind not in "uif":
        raise DataError("frames", f"values of type {dtype}", "counts")
    if positions_m.ndim != 2 or positions_m.shape[1] != 2:
        raise DataError("positions", f"shape {positions_m.shape}", "shape (n, 2)")
    if mask_HW is not None and mask_HW.shape != shape[1:]:
        raise DataError("mask", f"shape {mask_HW.shape}", f"that of a frame, {shape[1:]}")


def check_numbers(frames: int, positions: int) -> None:
    """Raise `DataError` unless there is one position for each frame."""
    if frames != positions:
        raise DataError(
            "positions",
            f"{positions} positions for {frames} frames",
            "one position per frame",
        )


def check_finite(name: str, values: NDArray[Any]) -> None:
    """Raise `DataError` that counts what is not finite and names the first index."""
    if values.dtype.kind != "f":
        return
    bad = np.flatnonzero(~np.isfinite(values).all(axis=tuple(range(1, values.ndim))))
    if bad.size:
        raise DataError(
            name, f"NaN or infinity in {bad.size} entries, first {bad[0]}", "finite numbers"
        )
