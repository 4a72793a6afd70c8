"""Simulated sets have the properties that they are defined by."""

from __future__ import annotations

import numpy as np
import pytest

from exitwave.schema.errors import InvalidInput
from exitwave.simulated_beamline.simulate import make_probe, simulate


@pytest.mark.parametrize(("overlap", "step"), [(0.5, 18), (0.4, 22), (0.3, 25), (0.25, 27)])
def test_raster_of_the_named_overlap(overlap: float, step: int) -> None:
    scan = simulate(overlap, 1e3, 1)
    assert scan.step_px == step and scan.patterns_nHW.shape == (225, 64, 64)
    assert scan.positions_px[0].tolist() == [8, 8]
    assert scan.positions_px[1].tolist() == [8, 8 + step]
    assert scan.object_YX.shape == (14 * step + 80,) * 2
    assert scan.region == (40, 40 + 14 * step, 40, 40 + 14 * step)


def test_counts_are_the_far_field_of_the_truth_with_dc_at_the_centre() -> None:
    scan = simulate(0.5, None, 1, grid=3)
    assert scan.patterns_nHW.dtype == np.float32
    for i in (0, 5):
        y, x = scan.positions_px[i].astype(int)
        wave = scan.object_YX[y : y + 64, x : x + 64] * scan.probe_HW
        far = np.fft.fftshift(np.fft.fft2(wave, norm="ortho"))
        np.testing.assert_allclose(scan.patterns_nHW[i], abs(far) ** 2, rtol=1e-3, atol=1e-5)
    photons = (abs(scan.probe_HW) ** 2).sum()
    assert scan.patterns_nHW[0].sum() < photons


@pytest.mark.parametrize("photons", [1e3, 1e5])
def test_brightest_pattern_expects_the_photons(photons: float) -> None:
    scan = simulate(0.5, photons, 1, grid=4)
    assert scan.patterns_nHW.dtype.kind == "u"
    brightest = float(scan.patterns_nHW.sum(axis=(1, 2)).max())
    assert brightest == pytest.approx(photons, rel=4 / np.sqrt(photons))
    expected = [
        (abs(scan.probe_HW * scan.object_YX[y : y + 64, x : x + 64]) ** 2).sum()
        for y, x in scan.positions_px.astype(int)
    ]
    assert max(expected) == pytest.approx(photons, rel=1e-4)


def test_seed_decides_the_noise_and_nothing_else() -> None:
    first, same, other = (simulate(0.5, 1e3, seed, grid=3) for seed in (1, 1, 2))
    assert np.array_equal(first.patterns_nHW, same.patterns_nHW)
    assert not np.array_equal(first.patterns_nHW, other.patterns_nHW)
    assert np.array_equal(first.object_YX, other.object_YX)


def test_geometry_gives_ten_nanometre_pixels() -> None:
    scan = simulate(0.5, 1e3, 1, grid=2)
    wavelength_m = 1.23984198e-6 / scan.energy_eV
    pixel_m = wavelength_m * scan.distance_m / (64 * scan.detector_pixel_m)
    assert pixel_m == pytest.approx(scan.pixel_size_m) == pytest.approx(10e-9)


def test_object_spans_its_ranges_and_the_probe_its_diameter() -> None:
    scan = simulate(0.5, None, 1)
    assert abs(scan.object_YX).min() == pytest.approx(0.3)
    assert abs(scan.object_YX).max() == pytest.approx(1.0)
    # Phases from 0 to pi: the imaginary part is never negative.
    assert scan.object_YX.imag.min() > -1e-6 and scan.object_YX.real.min() < -0.8
    power = abs(make_probe("disk")) ** 2
    y, x = np.mgrid[:64, :64] - 32
    assert power[np.hypot(y, x) < 20].sum() > 0.9 * power.sum()
    astigmatic = abs(make_probe("astigmatic"))
    assert abs(astigmatic - astigmatic.T).max() > 0.1


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"overlap": 1.0}, "overlap"),
        ({"photons": 0.0}, "photons"),
        ({"grid": 40}, "grid"),
        ({"grid": 1}, "grid"),
        ({"objects": ("camera", "nosuch")}, "objects"),
        ({"probe": "square"}, "probe"),
    ],
)
def test_absurd_requests_are_refused(arguments: dict[str, object], key: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        simulate(**({"overlap": 0.5, "photons": 1e3, "seed": 1} | arguments))
    assert caught.value.key == key
