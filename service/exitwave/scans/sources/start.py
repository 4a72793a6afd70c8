"""Energy or distance that the start document holds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from exitwave.schema.strict import StrictModel

from .protocol import RunRecord, SourcedValue, not_recorded, value_in_start
from .units import EV, METRES, EnergyUnit, LengthUnit


class _StartKey(StrictModel):
    """A number in the start document."""

    kind: Literal["start"] = Field(description="A number of the start document.")
    key: str = Field(description="Dotted key of the start document, such as scan.energy.")
    note_key: str | None = Field(
        None, description="Start document's key of a remark on how far to trust the number."
    )

    def _read(self, run: RunRecord, factor: float, quantity: str, words: str) -> SourcedValue:
        value = value_in_start(run.start, self.key)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise not_recorded(quantity, f"start.{self.key} = {value}", words)
        note = value_in_start(run.start, self.note_key) if self.note_key else None
        origin = f"start.{self.key}"
        return SourcedValue(float(value) * factor, f"{origin} ({note})" if note else origin)


class StartEnergy(_StartKey):
    """The photon energy as the start document gives it."""

    unit: EnergyUnit = Field("eV", description="Of the number.")

    def read(self, run: RunRecord) -> SourcedValue:
        """The energy in eV.

        Raises
        ------
        GeometryError
            There is no number under that key.
        """
        return self._read(run, EV[self.unit], "energy_eV", f"a photon energy in {self.unit}")


class StartDistance(_StartKey):
    """The distance as the start document gives it."""

    unit: LengthUnit = Field("m", description="Of the number.")

    def read(self, run: RunRecord) -> SourcedValue:
        """The distance in metres.

        Raises
        ------
        GeometryError
            There is no number under that key.
        """
        words = "metres" if self.unit == "m" else f"a distance in {self.unit}"
        return self._read(run, METRES[self.unit], "distance_m", words)
