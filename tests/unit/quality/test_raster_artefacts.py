"""The grid artefact on pictures with known answers, and the lattice that it needs."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.textures import textured

from exitwave.quality import align, error_raster_artefact, find_raster, raster_artefact

REGION = (20, 200, 24, 208)


def raster(
    rows: int = 12,
    columns: int = 12,
    down: tuple[float, float] = (15, 0),
    right: tuple[float, float] = (0, 15),
    scatter_px: float = 0.0,
) -> np.ndarray:
    i, j = np.mgrid[:rows, :columns].reshape(2, -1, 1)
    views = i * np.array(down) + j * np.array(right) + (30.3, 7.9)
    return views + scatter_px * np.random.default_rng(0).standard_normal(views.shape)


def waves(frequencies: list[tuple[float, float]], amplitude: float = 0.1) -> np.ndarray:
    """An object of modulus about one with such waves on it, in cycles per pixel (y, x)."""
    y, x = np.mgrid[:220, :230]
    picture = np.ones((220, 230), complex)
    for k, (fy, fx) in enumerate(frequencies):
        picture += amplitude * np.exp(2j * np.pi * (fy * y + fx * x) + 1j * k)
    return picture


def spiral(n: int = 300) -> np.ndarray:
    turn, radius = np.arange(n) * 2.39996, 8 * np.sqrt(np.arange(n))
    return np.stack([radius * np.sin(turn), radius * np.cos(turn)], axis=1)


@pytest.mark.parametrize(
    ("views", "steps"),
    [
        (raster(), [(15, 0), (0, 15)]),
        (raster(40, 8, (3.4, 0.2), (1.0, 66.0)), [(3.4, 0.2), (1.0, 66.0)]),
        (raster(14, 14, (10, 0), (5, 10)), [(10, 0), (5, 10)]),
        (raster(scatter_px=0.3), [(15, 0), (0, 15)]),
        (raster(201, 201, (10.01, 0.1), (0, 10), scatter_px=0.2), [(10.01, 0.1), (0, 10)]),
        (raster(15, 15)[::2], [(15, 15), (15, -15)]),
        (np.repeat(raster(scatter_px=0.05), 2, axis=0), [(15, 0), (0, 15)]),
    ],
    ids=["square", "oblong", "oblique", "encoders", "large", "every-other", "twice"],
)
def test_a_raster_is_found(views: np.ndarray, steps: list[tuple[float, float]]) -> None:
    found = find_raster(np.random.default_rng(1).permutation(views))
    assert found is not None
    # The same lattice: each step a whole combination of the other two, and the same cell.
    ratio = np.array(steps) @ np.linalg.inv(found.steps_px)
    np.testing.assert_allclose(ratio, np.rint(ratio), atol=0.01)
    assert abs(np.linalg.det(ratio)) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    "views",
    [
        raster(scatter_px=1.5),
        spiral(),
        np.random.default_rng(2).uniform(0, 200, (200, 2)),
        raster(1, 30),
        raster(2, 4),
        np.full((20, 2), 5.0),
    ],
    ids=["jittered", "spiral", "random", "line", "few", "one place"],
)
def test_without_a_raster_there_is_no_number(views: np.ndarray) -> None:
    assert find_raster(views) is None
    assert raster_artefact(waves([(2 / 15, 1 / 15)]), views, REGION) is None


def test_harmonics_fill_the_band_once() -> None:
    found = find_raster(raster(15, 15, (18, 0), (0, 18)))
    assert found is not None
    assert len(found.harmonics_per_px()) == 18 * 18 - 1


def test_waves_of_the_lattice_are_all_of_the_power() -> None:
    views = raster()
    on = [(1 / 15, 0.0), (-2 / 15, 3 / 15), (0.0, -4 / 15)]
    off = [(1 / 15 + 1 / 30, 0.0), (2.5 / 15, 3.5 / 15)]
    assert raster_artefact(waves(on), views, REGION) == pytest.approx(1, abs=0.02)
    assert raster_artefact(waves(off), views, REGION) == pytest.approx(0, abs=0.01)
    assert raster_artefact(waves([on[0], off[1]]), views, REGION) == pytest.approx(
        0.5, abs=0.02
    )


def test_waves_of_an_oblong_turned_lattice_count_too() -> None:
    steps = np.array([(14.2, 1.7), (-2.0, 23.0)])
    views = raster(13, 8, tuple(steps[0]), tuple(steps[1]))
    reciprocal = np.linalg.inv(steps).T
    on = [tuple(reciprocal[0]), tuple(2 * reciprocal[1] - reciprocal[0])]
    assert raster_artefact(waves(on), views, REGION) == pytest.approx(1, abs=0.02)


def test_a_ramp_and_a_factor_make_no_difference() -> None:
    views, picture = raster(), waves([(1 / 15, 0.0), (2.5 / 15, 3.5 / 15)])
    y, x = np.mgrid[:220, :230]
    ramped = 3j * picture * np.exp(2j * np.pi * (0.013 * y - 0.021 * x))
    plain = raster_artefact(picture, views, REGION)
    assert raster_artefact(ramped, views, REGION) == pytest.approx(plain, abs=0.01)


def test_white_noise_has_its_share_of_bins() -> None:
    noise = np.random.default_rng(3).standard_normal((2, 220, 230))
    found = raster_artefact(10 + noise[0] + 1j * noise[1], raster(), REGION)
    assert found == pytest.approx(2.25 * (15 * 15 - 1) / (180 * 184), rel=0.3)


def test_of_the_error_only_the_error_counts() -> None:
    truth = textured(230)
    y, x = np.mgrid[:230, :230]
    lattice = 0.1 * np.exp(2j * np.pi * (y / 15 - 2 * x / 15))
    views = raster()
    on = error_raster_artefact(align(truth + lattice, truth, REGION), views)
    off = error_raster_artefact(
        align(truth + 0.1 * np.exp(2j * np.pi * (2.5 * y / 15 - 2.4 * x / 15)), truth, REGION),
        views,
    )
    assert on is not None
    assert off is not None
    assert on > 0.95
    assert off < 0.05


def test_too_few_steps_or_a_constant_give_no_number() -> None:
    views = raster()
    assert raster_artefact(waves([(1 / 15, 0)]), views, (20, 70, 20, 200)) is None
    assert raster_artefact(np.ones((220, 230), complex), views, REGION) is None
    assert (
        raster_artefact(waves([(0.3, 0.3)]), raster(60, 60, (1.5, 0), (0, 1.5)), REGION) is None
    )
