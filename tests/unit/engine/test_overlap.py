"""Views whose beams certainly do not meet are refused, and no others."""

from __future__ import annotations

import numpy as np
import pytest

from exitwave.beamline.recorded import DEMO_SCAN
from exitwave.beamline.simulate import simulate
from exitwave.engine import ArrayFrames, Dataset
from exitwave.engine.overlap import beam_width_px, check_overlap, neighbour_distance_px
from exitwave.engine.views import lonely_views
from exitwave.files.formats import read_measurement
from exitwave.schema.errors import DataError

WINDOW = 64


def scan_of(diameter: float, step: int, photons: float | None, sample: str) -> Dataset:
    """A flat disk on a raster of 7 x 7 views."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[:WINDOW, :WINDOW] - WINDOW // 2
    probe = 1 / (1 + np.exp((np.hypot(y, x) - diameter / 2) / 0.35))
    side = 6 * step + WINDOW
    phase = {
        "empty": np.zeros((side, side)),
        "diffuser": random.uniform(-np.pi, np.pi, (side, side)),
        "grains": 3.0 * (random.random((side, side)) > 0.98),
    }[sample]
    corners = step * np.stack(np.mgrid[:7, :7], axis=-1).reshape(-1, 2)
    waves = np.stack([np.exp(1j * phase)[a : a + WINDOW, b : b + WINDOW] for a, b in corners])
    counts = np.abs(np.fft.fft2(waves * probe, norm="ortho")) ** 2
    if photons is not None:
        counts = random.poisson(counts * photons / counts.sum(axis=(1, 2)).max())
    return Dataset(
        frames=ArrayFrames(counts.astype(np.float32)), positions_px=corners.astype(float)
    )


@pytest.mark.parametrize("sample", ["empty", "diffuser", "grains"])
@pytest.mark.parametrize("photons", [1e3, 1e5])
def test_steps_far_wider_than_the_beam_are_refused(sample: str, photons: float) -> None:
    dataset = scan_of(10, 40, photons, sample)
    assert beam_width_px(dataset) == pytest.approx(10, rel=0.5)
    with pytest.raises(DataError, match=r"neighbouring views 40 px apart, with a beam"):
        check_overlap(dataset)


@pytest.mark.parametrize("sample", ["empty", "diffuser", "grains"])
@pytest.mark.parametrize("photons", [30, 1e3, 1e4, 1e6, None])
def test_sparse_but_overlapping_scans_are_not(sample: str, photons: float | None) -> None:
    check_overlap(scan_of(36, 30, photons, sample))
    check_overlap(scan_of(12, 10, photons, sample))


def test_numbers_that_are_no_counts_leave_the_width_open() -> None:
    """Without the noise of counts a wide beam on a diffuser looks as narrow as its grains."""
    waves = scan_of(36, 30, None, "diffuser")
    for total in (1e3, 3e3, 1e4):
        counts = waves.frames.read(np.arange(49))
        counts = counts * np.float32(total / counts.sum(axis=(1, 2)).mean())
        scaled = Dataset(frames=ArrayFrames(counts), positions_px=waves.positions_px)
        assert beam_width_px(scaled) is None


@pytest.mark.parametrize("photons", [1e2, 1e3, 1e5, None])
@pytest.mark.parametrize("probe", ["disk", "astigmatic"])
def test_simulated_sets_are_not(photons: float | None, probe: str) -> None:
    scan = simulate(0.25, photons, 1, probe=probe, grid=7)
    patterns = np.fft.ifftshift(scan.patterns_nHW, axes=(1, 2))
    check_overlap(Dataset(frames=ArrayFrames(patterns), positions_px=scan.positions_px))


def test_the_real_star_is_not() -> None:
    measured = read_measurement(DEMO_SCAN)
    positions = measured.positions_m / measured.geometry.pixel_size_m(128)
    dataset = Dataset(
        frames=ArrayFrames(np.fft.ifftshift(measured.counts_nHW, axes=(1, 2))),
        positions_px=positions - positions.min(axis=0),
    )
    check_overlap(dataset)
    assert neighbour_distance_px(dataset.positions_px) < 10


def test_a_beamstop_leaves_the_width_open() -> None:
    dataset = scan_of(10, 40, 1e5, "grains")
    mask = np.ones((WINDOW, WINDOW), bool)
    mask[:6, :6] = mask[-6:, :6] = mask[:6, -6:] = mask[-6:, -6:] = False
    hidden = Dataset(frames=dataset.frames, positions_px=dataset.positions_px, mask_HW=mask)
    assert beam_width_px(hidden) is None


def test_lonely_views_are_those_without_a_neighbour_in_their_window() -> None:
    random = np.random.default_rng(3)
    for spread in (30, 60, 200):
        positions = random.uniform(0, spread, (60, 2))
        apart = np.abs(positions[:, None] - positions[None])
        shared = (apart < (8, 10)).all(axis=-1)
        np.fill_diagonal(shared, False)
        expected = ~shared.any(axis=1)
        np.testing.assert_array_equal(lonely_views(positions, (8, 10)), expected)
    assert 0 < expected.sum() < 60
