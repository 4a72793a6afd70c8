"""Energy and distance of every kind of source, and what is said where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import TypeAdapter

from exitwave.scans.sources import DistanceSource, EnergySource, SourcedValue
from exitwave.schema.errors import GeometryError

ENERGY: TypeAdapter[EnergySource] = TypeAdapter(EnergySource)
DISTANCE: TypeAdapter[DistanceSource] = TypeAdapter(DistanceSource)


@dataclass
class Run:
    """What a run recorded."""

    start: Mapping[str, Any] = field(default_factory=dict)
    readings: dict[str, float] = field(default_factory=dict)
    profile_name: str = "mine"
    baseline_stream: str = "baseline"

    def baseline(self, key: str) -> float | None:
        return self.readings.get(key)


def energy(run: Run, **values: Any) -> SourcedValue:
    return ENERGY.validate_python(values).read(run)


def distance(run: Run, **values: Any) -> SourcedValue:
    return DISTANCE.validate_python(values).read(run)


def test_bragg_angle() -> None:
    run = Run(readings={"mono": 30.0})
    found = energy(run, kind="bragg_angle", key="mono", unit="deg", spacing_angstrom=3.1355893)
    assert found.value == pytest.approx(12398.41984 / 3.1355893)
    assert found.origin == "baseline mono = 30 deg"


def test_baseline() -> None:
    run = Run(readings={"e": 9.5, "z": 1500.0}, baseline_stream="once")
    assert energy(run, kind="baseline", key="e", unit="keV") == SourcedValue(
        9500.0, "once e = 9.5 keV"
    )
    assert distance(run, kind="baseline", key="z", unit="mm") == SourcedValue(
        1.5, "once z = 1500 mm"
    )


def test_start() -> None:
    run = Run(start={"beam": {"energy": 9000, "from": "nominal"}, "z": 1.5})
    assert energy(run, kind="start", key="beam.energy") == SourcedValue(
        9000.0, "start.beam.energy"
    )
    remarked = energy(run, kind="start", key="beam.energy", note_key="beam.from")
    assert remarked.origin == "start.beam.energy (nominal)"
    assert distance(run, kind="start", key="z") == SourcedValue(1.5, "start.z")


def test_constant() -> None:
    assert energy(Run(), kind="constant", energy_eV=700.0) == SourcedValue(
        700.0, "profile mine"
    )
    assert distance(Run(), kind="constant", distance_m=0.1) == SourcedValue(0.1, "profile mine")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            {"kind": "baseline", "key": "e"},
            r"geometry\.energy_eV: found e = None in stream",
        ),
        (
            {"kind": "start", "key": "beam.energy"},
            r"found start\.beam\.energy = None",
        ),
        ({"kind": "start", "key": "word"}, r"found start\.word = high"),
        ({"kind": "start", "key": "flag"}, r"found start\.flag = True"),
        (
            {"kind": "bragg_angle", "key": "dark", "unit": "deg", "spacing_angstrom": 3.1},
            r"dark = -1\.0 .*monochromator's angle there, or an override geometry\.energy_eV",
        ),
    ],
)
def test_no_energy(values: dict[str, Any], says: str) -> None:
    run = Run(start={"word": "high", "flag": True}, readings={"dark": -1.0})
    with pytest.raises(GeometryError, match=says):
        energy(run, **values)


def test_no_distance() -> None:
    with pytest.raises(GeometryError, match=r"geometry\.distance_m: found start\.z = None"):
        distance(Run(), kind="start", key="z")
