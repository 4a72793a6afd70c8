"""The kinds of sources that a profile can name, one line each; `kind` says which one it is."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from .baseline import BaselineDistance, BaselineEnergy
from .bragg_angle import BraggAngle
from .constant import ConstantDistance, ConstantEnergy
from .start import StartDistance, StartEnergy

EnergySource: TypeAlias = Annotated[
    BraggAngle  # what a monochromator's angle passes
    | BaselineEnergy  # a reading of the baseline
    | StartEnergy  # a number of the start document
    | ConstantEnergy,  # always the same
    Field(discriminator="kind"),
]

DistanceSource: TypeAlias = Annotated[
    BaselineDistance  # a reading of the baseline
    | StartDistance  # a number of the start document
    | ConstantDistance,  # always the same
    Field(discriminator="kind"),
]
