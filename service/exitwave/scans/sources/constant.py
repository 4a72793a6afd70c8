"""Energy or distance that the profile itself gives."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from exitwave.schema.strict import StrictModel

from .protocol import RunRecord, SourcedValue


class ConstantEnergy(StrictModel):
    """One photon energy for all runs."""

    kind: Literal["constant"] = Field(description="The profile gives it.")
    energy_eV: float = Field(gt=0, description="Photon energy.")

    def read(self, run: RunRecord) -> SourcedValue:
        """The energy in eV."""
        return SourcedValue(self.energy_eV, f"profile {run.profile_name}")


class ConstantDistance(StrictModel):
    """One distance for all runs."""

    kind: Literal["constant"] = Field(description="The profile gives it.")
    distance_m: float = Field(gt=0, description="Sample to detector.")

    def read(self, run: RunRecord) -> SourcedValue:
        """The distance in metres."""
        return SourcedValue(self.distance_m, f"profile {run.profile_name}")
