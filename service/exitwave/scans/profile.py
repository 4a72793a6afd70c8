"""Beamline profiles: which keys a run holds and what turns them into metres."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from exitwave.schema.errors import DataError, InvalidInput
from exitwave.settings.recipes import configs_dir, read_mapping


class _Part(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FrameKey(_Part):
    """A detector: the key of its frames and the pitch of its pixels."""

    key: str
    pixel_m: float = Field(gt=0, lt=1e-2)


class Orientation(_Part):
    """What is done to a stored frame, in this order."""

    transpose: bool
    flip_y: bool
    flip_x: bool


class Calibration(_Part):
    """Encoder of a motor from a date on."""

    since: date
    key: str
    um_per_count: float


class Motor(_Part):
    """A scanning motor.

    `projection` is the share of its way that lies across the beam at the sample's angle:
    all of it, its cosine or its sine.
    """

    axis: Literal["x", "y"]
    projection: Literal["full", "cos", "sin"] = "full"
    angle: str | None = Field(None, description="Baseline key of the angle, in degrees.")
    calibrations: list[Calibration] = Field(min_length=1)


class BeamSign(_Part):
    """Which way the beam goes on the object where the stage goes up in its own x or y."""

    x: Literal[-1, 1]
    y: Literal[-1, 1]


class Energy(_Part):
    """Photon energy from the Bragg angle of a monochromator."""

    stream: str
    key: str
    unit: Literal["deg", "rad"]
    spacing_angstrom: float = Field(gt=0)
    hc_kev_angstrom: float = Field(gt=0)

    def energy_eV(self, angle: float) -> float:
        """E = hc / (2 d sin angle)."""
        angle_rad = math.radians(angle) if self.unit == "deg" else angle
        return 1e3 * self.hc_kev_angstrom / (2 * self.spacing_angstrom * math.sin(angle_rad))


class Profile(_Part):
    """How a beamline stores its scans."""

    name: str
    stream: str
    frames: list[FrameKey] = Field(min_length=1)
    orientation: Orientation
    motors: dict[str, Motor]
    samples_per_frame: list[int] = Field(min_length=1)
    beam_sign: BeamSign
    energy: Energy
    distance_key: str

    def calibration(self, motor: str, at: float) -> Calibration:
        """The calibration of `motor` that held at the Unix time `at`.

        Raises
        ------
        DataError
            The motor is not in the profile, or the scan is older than its table.
        """
        if motor not in self.motors:
            raise DataError(
                "start.motors",
                motor,
                f"a motor of profile {self.name}: {', '.join(self.motors)}",
            )
        day = datetime.fromtimestamp(at, UTC).date()
        table = sorted(self.motors[motor].calibrations, key=lambda entry: entry.since)
        valid = [entry for entry in table if entry.since <= day]
        if not valid:
            raise DataError(
                "start.time",
                day.isoformat(),
                f"{table[0].since} or later: profile {self.name} has no earlier calibration "
                f"of {motor}",
            )
        return valid[-1]


def load_profile(name: str) -> Profile:
    """A shipped profile, ``configs/beamlines/<name>.yaml``.

    Raises
    ------
    InvalidInput
        There is no such profile, or it is not valid; the message names the key.
    """
    folder = configs_dir() / "beamlines"
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in names:
        raise InvalidInput("beamline", name, f"one of {', '.join(names)}")
    try:
        return Profile.model_validate(read_mapping(folder / f"{name}.yaml"))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise InvalidInput(f"{name}.yaml:{key}", first.get("input"), first["msg"]) from None
