"""Beamline profiles: which keys a run holds and what turns them into metres."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from exitwave.schema.errors import DataError, InvalidInput
from exitwave.settings.yaml_files import configs_dir, read_mapping


class _Part(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FrameKey(_Part):
    """A detector: the key of its frames and the pitch of its pixels."""

    key: str = Field(description="Name of the data key that holds the frames.")
    pixel_m: float = Field(gt=0, lt=1e-2, description="Pitch of the pixels.")


class Orientation(_Part):
    """What is done to a stored frame, in this order."""

    transpose: bool = Field(description="Rows become columns.")
    flip_y: bool = Field(description="The last row comes first.")
    flip_x: bool = Field(description="The last column comes first.")


class Calibration(_Part):
    """Encoder of a motor from a date on."""

    since: date = Field(description="First day on which it holds.")
    key: str = Field(description="Data key of the encoder.")
    um_per_count: float = Field(description="Micrometres of the stage per count.")


class Motor(_Part):
    """A scanning motor.

    `projection` is the share of its way that lies across the beam at the sample's angle:
    all of it, its cosine or its sine.
    """

    axis: Literal["x", "y"] = Field(description="x runs along columns, y along rows.")
    projection: Literal["full", "cos", "sin"] = Field(
        "full", description="Share of its way that lies across the beam at that angle."
    )
    angle: str | None = Field(None, description="Baseline key of the angle, in degrees.")
    calibrations: list[Calibration] = Field(
        min_length=1, description="Each holds until the next one's day."
    )


class BeamSign(_Part):
    """Which way the beam goes on the object where the stage goes up in its own x or y."""

    x: Literal[-1, 1] = Field(description="-1: the other way.")
    y: Literal[-1, 1] = Field(description="-1: the other way.")


class Energy(_Part):
    """Photon energy from the Bragg angle of a monochromator."""

    stream: str = Field(description="Stream that holds the angle.")
    key: str = Field(description="Data key of the angle.")
    unit: Literal["deg", "rad"] = Field(description="Of the angle.")
    spacing_angstrom: float = Field(gt=0, description="Of the crystal's lattice planes, d.")
    hc_kev_angstrom: float = Field(gt=0, description="Planck's constant times light's speed.")

    def energy_eV(self, angle: float) -> float:
        """E = hc / (2 d sin angle)."""
        angle_rad = math.radians(angle) if self.unit == "deg" else angle
        return 1e3 * self.hc_kev_angstrom / (2 * self.spacing_angstrom * math.sin(angle_rad))


class Profile(_Part):
    """How a beamline stores its scans."""

    name: str = Field(description="As in the settings' `beamline`.")
    stream: str = Field(description="Stream of frames and positions.")
    frames: list[FrameKey] = Field(
        min_length=1, description="Detectors; the first that a run holds is taken."
    )
    orientation: Orientation
    motors: dict[str, Motor] = Field(description="Scanning motors by name.")
    samples_per_frame: list[int] = Field(
        min_length=1, description="Positions that may be recorded per frame; they are averaged."
    )
    beam_sign: BeamSign
    energy: Energy
    distance_key: str = Field(
        description="Start document's key of sample to detector, in metres."
    )

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
