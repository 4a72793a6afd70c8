"""What a beamline profile says: which keys a run holds, and what turns them into metres."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Literal

from pydantic import Field, model_validator

from exitwave.schema.errors import DataError
from exitwave.schema.strict import StrictModel

from .detectors import BaseDetector, Detector
from .sources import DistanceSource, EnergySource


class Calibration(StrictModel):
    """Encoder of a motor from a date on."""

    since: date = Field(description="First day on which it holds.")
    key: str = Field(description="Data key of the encoder.")
    um_per_count: float = Field(description="Micrometres of the stage per count.")


class Motor(StrictModel):
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


class BeamSign(StrictModel):
    """Which way the beam goes on the object where the stage goes up in its own x or y."""

    x: Literal[-1, 1] = Field(description="-1: the other way.")
    y: Literal[-1, 1] = Field(description="-1: the other way.")


class Profile(StrictModel):
    """How a beamline stores its scans."""

    name: str = Field(description="Of the profile, for messages.")
    stream: str = Field(description="Stream of frames and positions.")
    baseline_stream: str = Field(
        "baseline", description="Stream with readings of what does not move during a scan."
    )
    detectors: list[Detector] = Field(
        min_length=1,
        description="Of those that a run holds, the first that its start document names is "
        "read, else the first.",
    )
    detector_names_key: str = Field(
        "scan.detectors",
        description="Start document's dotted key of the names of the detectors in the scan.",
    )
    motors: dict[str, Motor] = Field(description="Scanning motors by name.")
    samples_per_frame: list[int] = Field(
        min_length=1, description="Positions that may be recorded per frame; they are averaged."
    )
    beam_sign: BeamSign
    energy: EnergySource = Field(description="Where the photon energy comes from.")
    distance: DistanceSource | None = Field(
        None,
        description="Where the distance of sample to detector comes from, for detectors that "
        "have none of their own.",
    )

    @model_validator(mode="after")
    def _check_distances(self) -> Profile:
        for detector in self.detectors:
            self.distance_to(detector)
        return self

    def distance_to(self, detector: BaseDetector) -> DistanceSource:
        """Where the distance to this detector comes from: its own source, else the profile's.

        Raises
        ------
        ValueError
            There is neither.
        """
        source = detector.distance or self.distance
        if source is None:
            raise ValueError(f"a distance of detector {detector.key}, its own or the profile's")
        return source

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
