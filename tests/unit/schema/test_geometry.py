import math

import pytest

from exitwave.schema.data import data_from_mapping, geometry_from_mapping
from exitwave.schema.errors import GeometryError, InvalidInput
from exitwave.schema.geometry import Geometry


def test_pixel_size_of_a_known_setup() -> None:
    # 12.398 keV is 1 angstrom; 1 m, 100 x 100 um pixels: 1e-10 / (100 * 1e-4) = 10 nm.
    geometry = Geometry(
        energy_eV=12398.41984, distance_m=1.0, detector_pixel_m=1e-4, sources={}
    )
    assert math.isclose(geometry.wavelength_m, 1e-10, rel_tol=1e-9)
    assert math.isclose(geometry.pixel_size_m(100), 1e-8, rel_tol=1e-9)


@pytest.mark.parametrize("energy_eV", [0.0, 8.8, math.nan])
def test_an_absurd_energy_is_named(energy_eV: float) -> None:
    with pytest.raises(GeometryError, match=r"geometry\.energy_eV"):
        Geometry(energy_eV=energy_eV, distance_m=1, detector_pixel_m=1e-5, sources={})


def test_data_and_geometry_parameters_are_checked() -> None:
    assert data_from_mapping({"subset": "even"}).subset == "even"
    with pytest.raises(InvalidInput, match=r"data\.subset"):
        data_from_mapping({"subset": "third"})
    with pytest.raises(GeometryError, match=r"geometry\.distance_m"):
        geometry_from_mapping({"distance_m": -1})
