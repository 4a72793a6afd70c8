"""Near-field scans are refused with the reason; no far-field scan is."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.unit.files.made import DATA, DETECTOR, cxi, put, xyz_m

from exitwave.files.far_field import check_far_field, nearest_step, says_near_field
from exitwave.files.scan_formats import open_measurement
from exitwave.schema.errors import DataError, GeometryError
from exitwave.schema.geometry import PLANCK_TIMES_C_EV_M, Geometry


def geometry(wavelength_m: float, distance_m: float, pixel_m: float) -> Geometry:
    return Geometry(
        energy_eV=PLANCK_TIMES_C_EV_M / wavelength_m,
        distance_m=distance_m,
        detector_pixel_m=pixel_m,
        sources={},
    )


FAR = {
    "hard X-rays, 10 nm pixels": (1.4e-10, 0.5, 55e-6, 256, 0.1e-6),
    "hard X-rays, 75 um": (2e-10, 2.0, 75e-6, 128, 0.6e-6),
    "a large pinhole, 7 m": (2e-10, 7.2, 172e-6, 192, 2.5e-6),
    "a diffuser, 14 m": (1.3e-10, 14.0, 55e-6, 512, 8e-6),
    "soft X-rays": (2.5e-9, 0.15, 20e-6, 256, 0.3e-6),
    "soft X-rays, coarse": (2.5e-9, 0.8, 20e-6, 1024, 12e-6),
    "extreme ultraviolet": (13.5e-9, 0.04, 13.5e-6, 1024, 3e-6),
    "electrons, defocused": (2.5e-12, 1.0, 55e-6, 256, 1e-9),
    "electrons, in focus": (2e-12, 0.3, 150e-6, 128, 5e-11),
    "an optical bench": (632.8e-9, 0.1, 5e-6, 1024, 60e-6),
    "an optical bench, small": (632.8e-9, 0.1, 6.5e-6, 2048, 300e-6),
    "an optical bench with a lens": (632.8e-9, 0.1, 10e-6, 512, 500e-6),
    "a line of a single position": (1.4e-10, 0.5, 55e-6, 256, 0.0),
}


@pytest.mark.parametrize("name", FAR)
def test_far_field_scans_pass(name: str) -> None:
    wavelength_m, distance_m, pixel_m, side, step_m = FAR[name]
    notes = check_far_field(geometry(wavelength_m, distance_m, pixel_m), side, step_m)
    assert notes == [] or "optical" in name


NEAR = {
    "contact: a micrometre pixel at 5 mm": (1.4e-10, 5e-3, 1e-6, 512, 10e-6),
    "in line, 0.5 m": (1.4e-10, 0.5, 1e-6, 64, 12e-6),
    "in line, 0.2 m": (1.4e-10, 0.2, 1e-6, 64, 12e-6),
    "in line, far behind": (1.0e-10, 10.0, 0.5e-6, 512, 20e-6),
    "enlarged, by effective values": (7.3e-11, 24e-3, 0.1e-6, 2048, 5e-6),
    "positions in mm taken for m": (1.4e-10, 0.5, 55e-6, 256, 1e-4),
}


@pytest.mark.parametrize("name", NEAR)
def test_near_field_scans_are_refused(name: str) -> None:
    wavelength_m, distance_m, pixel_m, side, step_m = NEAR[name]
    with pytest.raises(GeometryError, match="near-field") as caught:
        check_far_field(geometry(wavelength_m, distance_m, pixel_m), side, step_m)
    assert "unit" in str(caught.value) or "wrong" in str(caught.value)


def test_what_may_be_near_field_is_told_of() -> None:
    (note,) = check_far_field(geometry(7.3e-11, 1.2, 3e-6), 2048, 6e-6)
    assert note.figures["fresnel_number"] == pytest.approx(0.41, abs=0.01)


def test_the_file_of_a_near_field_scan(tmp_path: Path) -> None:
    """A detector of 1 um right behind the sample, and steps of some of its pixels."""
    pixels = {f"{DETECTOR}/{axis}_pixel_size": 1e-6 for axis in "xy"}
    changes = {**pixels, f"{DETECTOR}/distance": 0.02, f"{DATA}/translation": xyz_m() * 60}
    with pytest.raises(GeometryError, match="Fresnel number"):
        open_measurement(cxi(tmp_path / "a.cxi", changes))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("entry_1/definition", "NXptychography_nearfield"),
        ("entry_1/process_1/propagation", "Fresnel"),
        ("entry_1/process_1/method", "near-field ptychography"),
        ("entry_1/process_1/regime", "near_field"),
        ("entry_1/experiment_description", "A cell, near-field ptychography at 17 keV"),
        ("entry_1/title", "Nearfield scan of a star"),
    ],
)
def test_a_file_that_says_near_field(tmp_path: Path, name: str, text: str) -> None:
    path = cxi(tmp_path / "a.cxi", {name: text})
    with pytest.raises(DataError, match=f"{name}: found {text}; .*near-field"):
        open_measurement(path)
    put(path, {name: None})
    group, _, attribute = name.rpartition("/")
    with h5py.File(path, "r+") as file:
        file.require_group(group).attrs[attribute] = text
    with pytest.raises(DataError, match=f"{name}: found {text}"):
        open_measurement(path)


def test_a_fresnel_number_in_the_file(tmp_path: Path) -> None:
    path = cxi(tmp_path / "a.cxi", {"entry_1/process_1/fresnel_number": 0.002})
    open_measurement(path)
    put(path, {"entry_1/process_1/fresnel_number": 35.0})
    with pytest.raises(DataError, match="a Fresnel number of 35"):
        open_measurement(path)


def test_a_title_only_makes_a_note(tmp_path: Path) -> None:
    path = cxi(tmp_path / "a.cxi", {"entry_1/title": "after the near-field scan"})
    (note,) = open_measurement(path).notes
    assert "after the near-field scan" in note.text


def test_words_that_are_no_near_field() -> None:
    assert not says_near_field("Fresnel zone plate")
    assert not says_near_field("a fresnel-lens")
    assert not says_near_field("far field, not near field")
    assert says_near_field("NearField") and says_near_field("in-line holography")


def test_the_step() -> None:
    positions = np.array([[0, 0], [0, 3], [4, 0], [4, 3], [np.nan, 0]], float)
    assert nearest_step(positions) == 3.0
    assert nearest_step(positions[:1]) == 0.0
