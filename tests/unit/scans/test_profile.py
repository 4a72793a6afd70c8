from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from exitwave.scans import Profile, load_profile
from exitwave.scans.sources.bragg_angle import BraggAngle
from exitwave.schema.errors import DataError, InvalidInput


def unix(year: int, month: int, day: int) -> float:
    return datetime(year, month, day, tzinfo=UTC).timestamp()


def test_bragg_angle_gives_the_photon_energy() -> None:
    energy = load_profile("hxn").energy
    assert isinstance(energy, BraggAngle)
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


GENERIC = Path(__file__).parents[2] / "support" / "area_detector.yaml"


def changed(folder: Path, **sections: Any) -> str:
    values = yaml.safe_load(GENERIC.read_text())
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({**values, **sections}))
    return str(path)


def all_of(kinds: str) -> str:
    """A pattern for a list of kinds in any order, with others among them."""
    return "".join(rf"(?=.*\b{kind}\b)" for kind in kinds.split())


def detector(**changes: Any) -> dict[str, Any]:
    return {"kind": "image_key", "key": "cam_image", "pixel_m": 172e-6, **changes}


def test_a_profile_may_be_any_yaml_file() -> None:
    profile = load_profile(str(GENERIC))
    assert profile.name == "area_detector"
    assert profile.detectors[0].orientation.flip_x
    assert profile.detectors[0].mask == str(GENERIC.parent / "area_detector_mask.npy")


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        (
            {"energy": {"kind": "wiggler", "key": "a"}},
            r"energy\.kind: found wiggler; expected one of "
            + all_of("bragg_angle baseline start constant"),
        ),
        (
            {"energy": {"key": "a"}},
            r"energy\.kind: found nothing; expected one of "
            + all_of("bragg_angle baseline start constant"),
        ),
        (
            {"distance": {"kind": "bragg_angle"}},
            r"distance\.kind: found bragg_angle; expected one of "
            + all_of("baseline start constant"),
        ),
        (
            {"detectors": [detector(), detector(kind="ccd")]},
            r"detectors\.1\.kind: found ccd; expected one of " + all_of("image_key hdf5_file"),
        ),
        (
            {"detectors": [detector(distance={"kind": "wire"})]},
            r"detectors\.0\.distance\.kind: found wire; expected one of "
            + all_of("baseline start constant"),
        ),
        (
            {"detectors": [detector(pixel_m=-1.0)]},
            r"detectors\.0\.pixel_m: found -1\.0; .*greater than 0",
        ),
        (
            {"detectors": [detector(pitch_m=1e-4)]},
            r"detectors\.0\.pitch_m: found 0\.0001; expected no such key",
        ),
        (
            {"energy": {"kind": "start", "key": "a", "unit": "MeV"}},
            r"energy\.unit: found MeV; .*'eV' or 'keV'",
        ),
        ({"energy": {"kind": "start"}}, r"energy\.key: found nothing"),
        ({"stream": None}, r"mine\.yaml:stream: found None; .*string"),
        (
            {"distance": None},
            r"mine\.yaml: found nothing; expected a distance of detector cam_image",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, sections: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        load_profile(changed(tmp_path, **sections))


def test_a_profile_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"none\.yaml; expected a file that exists"):
        load_profile(str(tmp_path / "none.yaml"))
