"""What a reconstruction yields after each epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..algorithm import LossTerms
from ..assessment.coverage import illumination, probe_power
from ..assessment.fit_evidence import Evidence
from ..assessment.held_out import HeldOut
from ..assessment.placement import Placement
from ..initial_guess.candidates import Search
from ..optimise.gauge import Box
from .checkpoint import Checkpoint

ILLUMINATED_SHARE = 0.05
"""Of the greatest illumination: below it a pixel of the object counts as unknown."""


@dataclass(frozen=True, kw_only=True)  # no slots: the illumination is computed once
class EpochState:
    """One epoch's outcome. It keeps its own copy on the device: right for ever.

    Attributes
    ----------
    epoch, epochs : int
        Number of this epoch from 1, and how many the recipe has.
    stage : int
        Number of the stage, from 1.
    loss : LossTerms
    seconds : float
        That the epoch took.
    batch : int
        Patterns per update.
    positions_px : ndarray (n, 2)
        (y, x) top-left pixel of each view in this object's array.
    held_out : HeldOut or None
        How well patterns left out are modelled, once they have been judged.
    evidence : callable
        ``state.evidence()`` is what tells a right picture from a wrong one: all patterns are
        modelled once, at the first call.
    placement : callable
        ``state.placement()`` is how patterns pull at their views, likewise.
    search : Search
        Where the run began, and what else was tried.
    run, runs : int
        Number of the start that this picture comes from, in the order of `search.candidates`
        from 1, and how many have been begun with.
    wild_frames : ndarray of int
        Frames that are left out of the fit since no picture of the others explains them.
    checkpoint : callable
        ``state.checkpoint()`` is all that the run needs to go on from here. Call it before
        asking for the next state; later it raises `EngineError`.
    checkpoint_bytes : int
        Host memory that it takes.
    on_device : mapping of Tensor
        Parameters by name, this state's own: object, probe, and what further parts of the
        forward model fit.
    """

    epoch: int
    epochs: int
    stage: int
    loss: LossTerms
    seconds: float
    batch: int
    positions_px: NDArray[np.float64]
    held_out: HeldOut | None
    evidence: Callable[[], Evidence]
    placement: Callable[[], Placement]
    search: Search
    run: int
    runs: int
    wild_frames: NDArray[np.intp]
    checkpoint: Callable[[], Checkpoint]
    checkpoint_bytes: int
    on_device: Mapping[str, Tensor]

    def parameters(self) -> dict[str, NDArray[Any]]:
        """All that was fitted, by name: copies in host memory, in single precision."""
        return {name: _host_copy(values) for name, values in self.on_device.items()}

    def object_MYX(self) -> NDArray[np.complex64]:
        """The object (M, Y, X), a copy in host memory."""
        return _host_copy(self.on_device["object"])

    def probe_NHW(self) -> NDArray[np.complex64]:
        """The probe (N, H, W), a copy in host memory; centred in its window."""
        return _host_copy(self.on_device["probe"])

    def illumination_YX(self) -> NDArray[np.float32]:
        """Photons per pixel that all views brought to the object, (Y, X) float32."""
        return self._illumination_YX.copy()

    @cached_property
    def _illumination_YX(self) -> NDArray[np.float32]:
        corners_n2 = np.rint(self.positions_px).astype(np.int64)
        rows, columns = self.on_device["object"].shape[1:]
        power_HW = probe_power(self.on_device["probe"].to(torch.complex64))
        return illumination(corners_n2, power_HW, (rows, columns))

    def illuminated_YX(self) -> NDArray[np.bool_]:
        """Where the object is known: at least 5 % of the greatest illumination, (Y, X)."""
        light_YX = self._illumination_YX
        known_YX: NDArray[np.bool_] = light_YX >= ILLUMINATED_SHARE * light_YX.max()
        return known_YX

    def illuminated_box(self) -> Box:
        """Smallest box (y0, y1, x0, x1), half-open, around `illuminated_YX`."""
        known_YX = self.illuminated_YX()
        rows, columns = (np.flatnonzero(known_YX.any(axis=axis)) for axis in (1, 0))
        return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _host_copy(values: Tensor) -> NDArray[Any]:
    single = torch.complex64 if values.is_complex() else torch.float32
    copied: NDArray[Any] = values.to(single).cpu().numpy().copy()
    return copied
