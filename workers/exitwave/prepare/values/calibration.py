"""What stored values mean: photons, or a detector's units with pedestal, gain and noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.verdict import Note

Floats = NDArray[np.float64]

RESOLVED = 0.25
"""Noise of a pixel, in photons, up to which single photons can be told apart."""

LOWEST = 2.0
"""Standard deviations of noise that are kept below the level without light."""

EMPTY_TIMES = (1.0, 100.0)
"""Empty pixels over pixels with one photon, within which that share is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorCalibration:
    """How stored values are made photons: ``(value - pedestal) / gain``.

    Attributes
    ----------
    pedestal : float
        Value of a pixel without light.
    gain : float, optional
        Value of one photon; None where that is not known.
    noise : float
        Standard deviation of a pixel without light, in stored values; 0 = none.
    photons : bool
        The outcome is whole photons.
    empty_times : float
        How much more often a dim pixel is empty than it holds one photon.
    """

    pedestal: float = 0.0
    gain: float | None = 1.0
    noise: float = 0.0
    photons: bool = True
    empty_times: float = 1.0

    @property
    def changes(self) -> bool:
        """Whether stored values are anything else than photons already."""
        return self.pedestal != 0 or self.noise != 0 or self.gain not in (None, 1.0)

    def splits(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Which whole numbers hold a part of a photon, as only faults can."""
        gain = self.gain or 1.0
        if self.noise > 0 or gain <= 1 or gain != round(gain) or values.dtype.kind not in "iu":
            return np.zeros(values.shape, np.bool_)
        above = values.astype(np.int64) - round(self.pedestal)
        splits: NDArray[np.bool_] = (above % round(gain) != 0) & (above > 0)
        return splits

    @property
    def kept_pedestal(self) -> float:
        """What the outcome keeps below all light, so that noise stays above zero."""
        if self.noise == 0 or self.photons:
            return 0.0
        return LOWEST * self.noise / (self.gain or 1.0)

    def apply(self, values_nHW: NDArray[Any]) -> NDArray[np.float32]:
        """Photons (n, H, W), or light with `kept_pedestal` where they are not resolved."""
        photons_nHW = values_nHW.astype(np.float32)
        photons_nHW -= np.float32(self.pedestal)
        photons_nHW *= np.float32(1 / (self.gain or 1.0))
        if self.photons:
            if self.noise > 0:
                photons_nHW[photons_nHW < self._first_photon()] = 0
            np.rint(photons_nHW, out=photons_nHW)
        else:
            photons_nHW += np.float32(self.kept_pedestal)
        return np.maximum(photons_nHW, 0, out=photons_nHW)

    def _first_photon(self) -> float:
        """From where on a value is a photon rather than the noise of an empty pixel.

        Empty pixels are far more than others: between 0 and 1 the limit is not the middle.
        """
        times = min(max(self.empty_times, EMPTY_TIMES[0]), EMPTY_TIMES[1])
        return 0.5 + (self.noise / (self.gain or 1.0)) ** 2 * math.log(times)

    def notes(self) -> list[Note]:
        """What people should know."""
        if not self.changes:
            return []
        figures = {"pedestal": self.pedestal, "noise": self.noise}
        said = []
        if self.pedestal:
            said.append(f"a pixel without light holds {self.pedestal:.4g}: subtracted")
        if self.gain is not None and self.gain != 1:
            figures["gain"] = self.gain
            said.append(f"one photon counts {self.gain:.4g}: divided by that")
        if self.noise:
            said.append(f"noise of {self.noise:.3g} about zero{self._noise_use()}")
        code = "gain" if self.gain not in (None, 1.0) else "pedestal"
        return [Note(code=code, text=f"frames: {'; '.join(said)}", figures=figures)]

    def _noise_use(self) -> str:
        if self.photons:
            return ", so that single photons are seen: rounded to whole ones"
        return f": kept, on a level of {self.kept_pedestal:.3g} that is modelled, too"
