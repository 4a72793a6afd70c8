"""What ptychography cannot know is pinned: translation, phase and scale.

Object and probe change together so that every exit wave keeps its modulus in the far
field, and Adam's moments follow: P(r - s) with O(r - s), exp(-i a) P with exp(i a) O, and
P / c with c O give the same counts as P with O (docs/method.md, eq. 19).
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exitwave.schema.sections import GaugeOptions

from ..data.scan import Scan

Box = tuple[int, int, int, int]
"""(y0, y1, x0, x1), half-open."""


class Gauged(Protocol):
    """Object and probe, and how they and all that belongs to them follow a gauge."""

    @property
    def object_MYX(self) -> Tensor:
        """The object; changes in place only."""
        ...

    @property
    def probe_NHW(self) -> Tensor:
        """The probe; changes in place only."""
        ...

    def roll(self, shift_YX: tuple[int, int]) -> None:
        """Move object and probe by whole pixels."""
        ...

    def turn(self, angle_rad: float) -> None:
        """Turn the object's phase, and the probe's back."""
        ...

    def rescale(self, factor: float) -> None:
        """Multiply the object, divide the probe."""
        ...


def pin(variables: Gauged, gauge: GaugeOptions, scanned: Box) -> None:
    """Apply all gauges that the recipe asks for."""
    if gauge.recentre:
        recentre(variables)
    if gauge.phase:
        pin_phase(variables)
    if gauge.scale:
        pin_scale(variables, scanned)


def recentre(variables: Gauged) -> None:
    """Roll probe and object by whole pixels so that the probe's centre of mass is central."""
    shift_YX = _off_centre(variables.probe_NHW)
    if shift_YX != (0, 0):
        variables.roll((-shift_YX[0], -shift_YX[1]))


def pin_phase(variables: Gauged) -> None:
    """Turn probe and object against each other so that the probe's mean phase is zero."""
    variables.turn(float(torch.angle(variables.probe_NHW[0].sum())))


def pin_scale(variables: Gauged, scanned: Box) -> None:
    """Divide the object by its mean modulus over the scanned box, multiply the probe."""
    y0, y1, x0, x1 = scanned
    mean = float(variables.object_MYX[:, y0:y1, x0:x1].abs().mean())
    if mean > 0:
        variables.rescale(1 / mean)


def scanned_box(
    positions_px: NDArray[np.float64], window_HW: tuple[int, int], shape_YX: tuple[int, int]
) -> Box:
    """Rectangle spanned by the view centres, widened by an eighth of a window."""
    box: list[int] = []
    for axis in (0, 1):
        window, size = window_HW[axis], shape_YX[axis]
        low = positions_px[:, axis].min() + 3 * window / 8
        high = positions_px[:, axis].max() + 5 * window / 8
        box += [max(0, int(low)), min(size, int(np.ceil(high)))]
    return box[0], box[1], box[2], box[3]


def scanned_box_of(scan: Scan) -> Box:
    """`scanned_box` of a scan's views."""
    corners_n2 = scan.corners_n2.double().cpu().numpy()
    return scanned_box(corners_n2, scan.window_HW, scan.object_shape_YX)


def _off_centre(probe_NHW: Tensor) -> tuple[int, int]:
    """Whole pixels from the window's centre (H/2, W/2) to the probe's centre of mass."""
    power_HW = (probe_NHW.real.square() + probe_NHW.imag.square()).sum(0).double()
    total = float(power_HW.sum())
    if not 0 < total < math.inf:
        return 0, 0  # gone wrong: the run's check says so
    offsets = []
    for axis in (0, 1):
        profile = power_HW.sum(1 - axis)
        place = torch.arange(len(profile), dtype=profile.dtype, device=profile.device)
        offsets.append(round(float((profile * place).sum()) / total - len(profile) // 2))
    return offsets[0], offsets[1]
