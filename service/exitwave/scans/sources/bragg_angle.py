"""Photon energy from the Bragg angle of a monochromator."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from exitwave.schema.strict import StrictModel

from .baseline import positive_reading
from .protocol import RunRecord, SourcedValue


class BraggAngle(StrictModel):
    """The energy that the monochromator passes at its angle: E = hc / (2 d sin(angle))."""

    kind: Literal["bragg_angle"] = Field(description="From a monochromator's angle.")
    key: str = Field(description="Data key of the angle in the baseline stream.")
    unit: Literal["deg", "rad"] = Field(description="Of the angle.")
    spacing_angstrom: float = Field(gt=0, description="Of the crystal's lattice planes, d.")
    hc_kev_angstrom: float = Field(
        12.39841984, gt=0, description="Planck's constant times the speed of light, hc."
    )

    def energy_eV(self, angle: float) -> float:
        """E = hc / (2 d sin angle), in eV, of an angle in this source's unit."""
        angle_rad = math.radians(angle) if self.unit == "deg" else angle
        return 1e3 * self.hc_kev_angstrom / (2 * self.spacing_angstrom * math.sin(angle_rad))

    def read(self, run: RunRecord) -> SourcedValue:
        """The energy in eV.

        Raises
        ------
        GeometryError
            The run has no such angle, or it is not positive.
        """
        angle = positive_reading(run, self.key, "energy_eV", "the monochromator's angle")
        origin = f"{run.baseline_stream} {self.key} = {angle:.6g} {self.unit}"
        return SourcedValue(self.energy_eV(angle), origin)
