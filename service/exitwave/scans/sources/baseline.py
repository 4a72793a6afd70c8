"""Energy or distance that the run's baseline holds."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from exitwave.schema.strict import StrictModel

from .protocol import RunRecord, SourcedValue, not_recorded
from .units import EV, METRES, EnergyUnit, LengthUnit


class BaselineEnergy(StrictModel):
    """A baseline reading of the photon energy."""

    kind: Literal["baseline"] = Field(description="A reading of the baseline stream.")
    key: str = Field(description="Data key of the reading in the baseline stream.")
    unit: EnergyUnit = Field("eV", description="Of the reading.")

    def read(self, run: RunRecord) -> SourcedValue:
        """The energy in eV.

        Raises
        ------
        GeometryError
            There is no such reading, or it is not a positive number.
        """
        return _read(run, self.key, self.unit, EV[self.unit], "energy_eV")


class BaselineDistance(StrictModel):
    """A baseline reading of the distance."""

    kind: Literal["baseline"] = Field(description="A reading of the baseline stream.")
    key: str = Field(description="Data key of the reading in the baseline stream.")
    unit: LengthUnit = Field("m", description="Of the reading.")

    def read(self, run: RunRecord) -> SourcedValue:
        """The distance in metres.

        Raises
        ------
        GeometryError
            There is no such reading, or it is not a positive number.
        """
        return _read(run, self.key, self.unit, METRES[self.unit], "distance_m")


def positive_reading(run: RunRecord, key: str, quantity: str, expected: str) -> float:
    """A baseline reading that is a positive number; else a `GeometryError` says so."""
    reading = run.baseline(key)
    if reading is None or not math.isfinite(reading) or reading <= 0:
        raise not_recorded(
            quantity, f"{key} = {reading} in stream {run.baseline_stream}", expected
        )
    return reading


def _read(run: RunRecord, key: str, unit: str, factor: float, quantity: str) -> SourcedValue:
    reading = positive_reading(run, key, quantity, f"a positive number of {unit}")
    origin = f"{run.baseline_stream} {key} = {reading:.6g} {unit}"
    return SourcedValue(reading * factor, origin)
