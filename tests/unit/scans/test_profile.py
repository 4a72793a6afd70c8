from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from exitwave.scans import Profile, load_profile
from exitwave.schema.errors import DataError, InvalidInput


def unix(year: int, month: int, day: int) -> float:
    return datetime(year, month, day, tzinfo=UTC).timestamp()


def test_bragg_angle_gives_the_photon_energy() -> None:
    energy = load_profile("hxn").energy
    # Si(111) at 12 keV: sin(theta) = 12.39842 / (12 x 2 x 3.1355893).
    theta_deg = math.degrees(math.asin(12.39842 / (12.0 * 2 * 3.1355893)))
    assert energy.energy_eV(theta_deg) == pytest.approx(12_000, abs=1e-6)


def test_calibration_is_the_one_of_the_day() -> None:
    profile = load_profile("hxn")
    before = profile.calibration("pt_tomo_ssx", unix(2025, 10, 31))
    after = profile.calibration("pt_tomo_ssx", unix(2025, 11, 1))
    assert before.um_per_count == -after.um_per_count == 1e-4


@pytest.mark.parametrize(
    ("motor", "at", "names"),
    [
        ("ssx", unix(2026, 1, 1), ["start.motors", "ssx", "zpssx"]),
        ("zpssx", unix(2001, 1, 1), ["2001-01-01", "2020-01-01", "zpssx"]),
    ],
)
def test_motor_without_a_calibration(motor: str, at: float, names: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        load_profile("hxn").calibration(motor, at)
    assert all(name in str(caught.value) for name in names)


def test_unknown_profile_names_those_there_are() -> None:
    with pytest.raises(InvalidInput, match=r"beamline: found nowhere; expected one of .*hxn"):
        load_profile("nowhere")


def test_unknown_key_of_a_profile_is_refused() -> None:
    values = load_profile("hxn").model_dump()
    with pytest.raises(ValidationError, match="frame_keys"):
        Profile.model_validate({**values, "frame_keys": []})
