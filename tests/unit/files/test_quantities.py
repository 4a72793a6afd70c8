"""Energy, distance, pixel and positions in any unit, from any place."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from tests.unit.files.made import (
    DATA,
    DETECTOR,
    DETECTOR_PIXEL_M,
    DISTANCE_M,
    ENERGY_EV,
    GEOMETRY,
    JOULES,
    PIXEL_M,
    SOURCE,
    cxi,
    positions_m,
    put,
    xyz_m,
)

from exitwave.files.scan_formats import open_measurement
from exitwave.schema.data import GeometryOverrides
from exitwave.schema.errors import DataError, GeometryError
from exitwave.schema.geometry import Geometry

ENERGY, DISTANCE, TRANSLATION = (
    f"{SOURCE}/energy",
    f"{DETECTOR}/distance",
    f"{DATA}/translation",
)
X_SIZE, Y_SIZE = f"{DETECTOR}/x_pixel_size", f"{DETECTOR}/y_pixel_size"


def same_geometry(found: Geometry) -> None:
    assert found.energy_eV == pytest.approx(ENERGY_EV, rel=1e-6)
    assert found.distance_m == pytest.approx(DISTANCE_M)
    assert found.detector_pixel_m == pytest.approx(DETECTOR_PIXEL_M)


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [
        (ENERGY, ENERGY_EV, "eV"),
        (ENERGY, ENERGY_EV / 1e3, "keV"),
        (ENERGY, ENERGY_EV * JOULES, b"J"),
        (ENERGY, ENERGY_EV * JOULES * 1e15, "fJ"),
        (DISTANCE, DISTANCE_M * 1e3, "mm"),
        (DISTANCE, -DISTANCE_M * 1e2, "cm"),
        (DISTANCE, [DISTANCE_M] * 25, "m"),
        (X_SIZE, DETECTOR_PIXEL_M * 1e6, "um"),
        (X_SIZE, DETECTOR_PIXEL_M * 1e6, "\u00b5m"),
        (X_SIZE, DETECTOR_PIXEL_M * 1e6, "\u03bcm"),
        (X_SIZE, DETECTOR_PIXEL_M * 1e6, "Microns"),
        (X_SIZE, DETECTOR_PIXEL_M, "NX_LENGTH"),
    ],
)
def test_stated_units_are_obeyed(
    tmp_path: Path, name: str, value: float, unit: str | bytes
) -> None:
    same_geometry(
        open_measurement(cxi(tmp_path / "a.cxi", {name: value}, {name: unit})).geometry
    )


@pytest.mark.parametrize(
    ("factor", "unit"),
    [(1e6, "um"), (1e9, "nm"), (1e3, "mm"), (1e10, "angstrom"), (1e12, "pm")],
)
def test_units_of_positions(tmp_path: Path, factor: float, unit: str) -> None:
    changes = {TRANSLATION: xyz_m() * factor}
    path = cxi(tmp_path / "a.cxi", changes, {TRANSLATION: [unit] * 3})
    np.testing.assert_allclose(open_measurement(path).positions_m, positions_m(), rtol=1e-9)


def test_a_unit_that_nothing_states_is_guessed_at_but_not_taken(tmp_path: Path) -> None:
    path = cxi(tmp_path / "a.cxi", {TRANSLATION: xyz_m() * 1e6})
    with pytest.raises(GeometryError, match="they would fit: --positions-unit um"):
        open_measurement(path)
    measurement = open_measurement(path, positions_unit="um")
    np.testing.assert_allclose(measurement.positions_m, positions_m(), rtol=1e-9)


def test_positions_in_pixels_of_the_object(tmp_path: Path) -> None:
    path = cxi(tmp_path / "a.cxi", {TRANSLATION: xyz_m() / PIXEL_M}, {TRANSLATION: "px"})
    np.testing.assert_allclose(open_measurement(path).positions_m, positions_m(), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "unit"), [(ENERGY, "eVs"), (DISTANCE, "MM"), (TRANSLATION, "steps"), (X_SIZE, "J")]
)
def test_an_unknown_unit_is_named(tmp_path: Path, name: str, unit: str) -> None:
    path = cxi(tmp_path / "a.cxi", {}, {name: unit})
    with pytest.raises(DataError, match=f"{name}: found the unit '{unit}'; expected one of"):
        open_measurement(path)


def test_columns_of_different_units(tmp_path: Path) -> None:
    path = cxi(tmp_path / "a.cxi", {}, {TRANSLATION: ["um", "mm", "um"]})
    with pytest.raises(DataError, match="the units mm, um"):
        open_measurement(path)


def test_the_wavelength_for_the_energy(tmp_path: Path) -> None:
    name = f"{SOURCE}/wavelength"
    path = cxi(tmp_path / "a.cxi", {ENERGY: None, name: GEOMETRY.wavelength_m})
    same_geometry(open_measurement(path).geometry)
    put(path, {name: GEOMETRY.wavelength_m * 1e10}, {name: "Angstrom"})
    same_geometry(open_measurement(path).geometry)
    put(path, {ENERGY: 1.1 * ENERGY_EV * JOULES})
    measurement = open_measurement(path)
    assert measurement.geometry.energy_eV == pytest.approx(1.1 * ENERGY_EV)
    assert "wavelength" in measurement.notes[0].text


def test_the_energy_of_the_beam_comes_before_that_of_the_machine(tmp_path: Path) -> None:
    beam = "entry_1/instrument_1/beam_1/incident_beam_energy"
    path = cxi(tmp_path / "a.cxi", {ENERGY: 3.0, beam: ENERGY_EV}, {ENERGY: "GeV", beam: "eV"})
    same_geometry(open_measurement(path).geometry)
    put(path, {beam: None})
    with pytest.raises(GeometryError, match=r"3e\+09 from .*GeV.*--set geometry.energy_eV"):
        open_measurement(path)


def test_electron_volts_without_a_unit(tmp_path: Path) -> None:
    measurement = open_measurement(cxi(tmp_path / "a.cxi", {ENERGY: ENERGY_EV}))
    same_geometry(measurement.geometry)
    assert "taken for electron volts" in measurement.notes[0].text
    put(tmp_path / "a.cxi", {ENERGY: ENERGY_EV / 1e3})
    with pytest.raises(GeometryError, match="energy_eV"):
        open_measurement(tmp_path / "a.cxi")


def test_electrons(tmp_path: Path) -> None:
    """300 keV: 1.969 pm."""
    path = cxi(
        tmp_path / "a.cxi",
        {
            ENERGY: 300.0,
            f"{SOURCE}/probe": "electron",
            DISTANCE: 1.0,
            TRANSLATION: xyz_m() * 1e-3,
        },
        {ENERGY: "keV"},
    )
    measurement = open_measurement(path)
    assert measurement.geometry.wavelength_m == pytest.approx(1.9687e-12, rel=1e-4)
    assert "electrons" in measurement.notes[0].text


def test_one_pixel_size_for_two(tmp_path: Path) -> None:
    measurement = open_measurement(cxi(tmp_path / "a.cxi", {X_SIZE: None}))
    same_geometry(measurement.geometry)
    assert "both sides" in measurement.notes[0].text
    put(tmp_path / "a.cxi", {X_SIZE: 2 * DETECTOR_PIXEL_M})
    with pytest.raises(DataError, match="square detector pixels"):
        open_measurement(tmp_path / "a.cxi")


def test_all_that_is_missing_is_named_at_once_and_can_be_given(tmp_path: Path) -> None:
    path = cxi(tmp_path / "a.cxi", {ENERGY: None, DISTANCE: None, X_SIZE: None, Y_SIZE: None})
    with pytest.raises(GeometryError) as caught:
        open_measurement(path)
    for name in ("energy_eV", "distance_m", "detector_pixel_m"):
        assert f"--set geometry.{name}=" in str(caught.value)
    assert "source_1/wavelength" in str(caught.value)
    given = GeometryOverrides(
        energy_eV=ENERGY_EV, distance_m=DISTANCE_M, detector_pixel_m=DETECTOR_PIXEL_M
    )
    measurement = open_measurement(path, geometry=given)
    same_geometry(measurement.geometry)
    assert set(measurement.geometry.sources.values()) == {"override"}


def test_given_values_come_before_what_cannot_be_read(tmp_path: Path) -> None:
    path = cxi(tmp_path / "a.cxi", {DISTANCE: np.nan, ENERGY: [8e-16, 9e-16]})
    with pytest.raises(DataError, match="distance: found readings from nan"):
        open_measurement(path)
    with pytest.raises(DataError, match="energy: found readings from 8e-16 to 9e-16"):
        open_measurement(path, geometry=GeometryOverrides(distance_m=DISTANCE_M))
    given = GeometryOverrides(distance_m=DISTANCE_M, energy_eV=ENERGY_EV)
    same_geometry(open_measurement(path, geometry=given).geometry)


def test_where_each_value_came_from(tmp_path: Path) -> None:
    path = cxi(tmp_path / "a.cxi", {DISTANCE: 310.0}, {DISTANCE: "mm"})
    measurement = open_measurement(path, geometry=GeometryOverrides(energy_eV=8100))
    origins = {origin.name: origin for origin in measurement.origins}
    assert origins["distance"].place == f"/{DISTANCE} (mm)"
    assert origins["energy"].place == "given"
    assert origins["frames"].value == "uint16 (25, 32, 32)"
    assert math.isclose(measurement.geometry.energy_eV, 8100)
    assert "mm" in measurement.geometry.sources["distance_m"]
