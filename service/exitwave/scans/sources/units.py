"""Units that profiles may name."""

from __future__ import annotations

from typing import Literal

EnergyUnit = Literal["eV", "keV"]
LengthUnit = Literal["m", "cm", "mm"]

EV: dict[EnergyUnit, float] = {"eV": 1.0, "keV": 1e3}
METRES: dict[LengthUnit, float] = {"m": 1.0, "cm": 1e-2, "mm": 1e-3}
