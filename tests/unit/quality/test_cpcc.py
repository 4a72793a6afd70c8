"""|cPCC| and alignment on pictures with known answers."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy import ndimage
from tests.support.textures import REGION, moved, textured

from exitwave.quality import align, cpcc, rectangle_of_centres
from exitwave.schema.errors import InvalidInput


def test_cpcc_has_known_values() -> None:
    a = textured()
    assert cpcc(a, (2 - 3j) * a + 5) == pytest.approx(np.exp(1j * np.angle(2 + 3j)))
    noise = textured(seed=1)
    noise = noise - noise.mean()
    flat = a - a.mean()
    noise -= flat * np.vdot(flat, noise) / np.vdot(flat, flat)
    noise *= np.linalg.norm(flat) / np.linalg.norm(noise)
    assert abs(cpcc(a, a + noise)) == pytest.approx(1 / np.sqrt(2))
    assert cpcc(a, np.ones_like(a)) == 0


def test_factor_shift_and_ramp_are_removed() -> None:
    truth = textured()
    picture = 0.3j * moved(truth, (3.3, -5.6), (0.011, -0.004))
    found = align(picture, truth, REGION)
    assert found.cpcc > 0.9999
    np.testing.assert_allclose(found.shift_px, (-3.3, 5.6), atol=0.02)
    np.testing.assert_allclose(found.ramp_cycles_per_px, (-0.011, 0.004), atol=1e-4)
    np.testing.assert_allclose(found.picture, found.reference, atol=0.05)


def test_a_large_region_is_searched_in_its_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = textured()
    picture = 0.3j * moved(truth, (3.3, -5.6), (0.011, -0.004))
    small = align(picture, truth, REGION)
    module = sys.modules["exitwave.quality.align"]  # the package's own name is the function
    monkeypatch.setattr(module, "LARGEST_SEARCH_PX", 50)
    found = align(picture, truth, REGION)
    assert found.picture.shape == small.picture.shape == (80, 84)
    assert found.cpcc > 0.999
    np.testing.assert_allclose(found.shift_px, small.shift_px, atol=0.03)
    np.testing.assert_allclose(found.ramp_cycles_per_px, small.ramp_cycles_per_px, atol=2e-4)
    # With a middle that tells nothing, what is right already stays right.
    picture = truth.copy()
    picture[55:105, 55:109] = truth[55:105, 55:109] = 1
    assert align(picture, truth, REGION).cpcc > 0.9999


def test_nothing_else_is_removed() -> None:
    """A blur, a lattice and the conjugate twin all cost."""
    truth = textured()
    y, x = np.mgrid[:160, :160]
    blurred = ndimage.gaussian_filter(truth.real, 2) + 1j * ndimage.gaussian_filter(
        truth.imag, 2
    )
    lattice = truth * (1 + 0.5 * np.cos(2 * np.pi * y / 9) * np.cos(2 * np.pi * x / 9))
    for picture, at_most in ((blurred, 0.9), (lattice, 0.97), (truth.conj(), 0.5)):
        inner = (slice(*REGION[:2]), slice(*REGION[2:]))
        plain = abs(cpcc(picture[inner], truth[inner]))
        found = align(picture, truth, REGION).cpcc
        assert plain - 1e-3 <= found < at_most


def test_wild_pixels_off_the_region_do_not_matter() -> None:
    truth = textured()
    picture = moved(truth, (0.5, 0.5), (0, 0))
    picture[30, 50:60] = 1e6
    picture[:10] = np.nan
    assert align(picture, truth, REGION).cpcc > 0.999


def test_region_outside_the_picture_is_refused() -> None:
    with pytest.raises(InvalidInput, match="region"):
        align(textured(64), textured(64), (0, 70, 0, 60))


def test_rectangle_of_centres() -> None:
    positions = np.array([[8.0, 8.0], [26.2, 44.9]])
    assert rectangle_of_centres(positions, (64, 64)) == (40, 59, 40, 77)
