"""Where zero frequency is: plainly turned-over patterns are refused, no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.bench.verdict_sets import PHOTO, RING, Scene, simulate_scene

import exitwave.simulated_beamline
from exitwave.engine import ArrayFrames, Dataset
from exitwave.engine.data.validation import validate_frames
from exitwave.engine.data.zero_frequency import zero_is_in_the_middle
from exitwave.files.scan_formats import read_measurement
from exitwave.schema.errors import DataError
from exitwave.simulated_beamline.beams import Pupil, defocused_beam

SIDE = 96
Y, X = np.abs(np.fft.fftfreq(SIDE))[:, None], np.abs(np.fft.fftfreq(SIDE))[None]
RADIUS, SQUARE = np.hypot(Y, X), np.maximum(Y, X)
EVEN = np.ones((SIDE, SIDE))
STAR = Path(exitwave.simulated_beamline.__file__).parent / "data" / "siemens_star.h5"


def middle(values: Any) -> Any:
    return np.fft.fftshift(values, axes=(-2, -1))


def moved(light: Any, share: float, axes: tuple[int, ...] = (0, 1)) -> Any:
    """A direct beam off by a share of the window."""
    return np.roll(light, [round(share * SIDE)] * len(axes), axes)


def alone(*pixels: tuple[int, int]) -> Any:
    light = 0.01 * EVEN
    for pixel in pixels:
        light[pixel] = 1e6
    return light


SHAPES = {
    "spot": RADIUS < 0.03,
    "disk": RADIUS < 0.25,
    "wide disk": RADIUS < 0.35,
    "ring": (RADIUS > 0.1) & (RADIUS < 0.25),
    "square": SQUARE <= 0.25,
    "square of half of the pixels": SQUARE < 0.3535,
    "disk over fog": (RADIUS < 0.15) + 0.05,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("hidden", [None, 0.02, 0.08], ids=str)
def test_shapes_about_the_middle_are_told(shape: str, hidden: float | None) -> None:
    light = SHAPES[shape].astype(float)
    valid = None if hidden is None else hidden <= RADIUS
    if shape == "spot":
        light += 0.1 * np.exp(-((RADIUS / 0.2) ** 2))  # what the sample scatters past it
    assert zero_is_in_the_middle(middle(light), valid if valid is None else middle(valid))
    assert not zero_is_in_the_middle(light, valid)


NOT_PLAIN = {
    "even": (EVEN, None),
    "sparse": (np.random.default_rng(1).poisson(0.02, EVEN.shape), None),
    "a stop": (EVEN, RADIUS > 0.2),
    "a wide stop": (EVEN, RADIUS > 0.45),
    "bright edges": (np.where(SQUARE > 0.48, 3.0, 1.0), None),
    "rising outwards": (RADIUS**2, None),
    "rising from a stop on": (RADIUS**2, RADIUS > 0.3),
    "dark field": (1 / np.maximum(RADIUS, 0.01) ** 2, RADIUS > 0.15),
    "a far ring": ((RADIUS > 0.4) & (RADIUS < 0.45), None),
    "a beam off": (moved(RADIUS < 0.05, 0.25), None),
    "a beam off along y": (moved(RADIUS < 0.05, 0.25, (0,)), None),
    "a wide beam off": (moved(RADIUS < 0.2, 0.25), None),
    "a square off": (moved(SQUARE < 0.1, -0.25), None),
    "hot pixels": (alone((48, 48), (47, 49), (40, 50)), None),
    "dark": (np.zeros_like(EVEN), None),
}


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_what_is_not_plain_passes(name: str) -> None:
    light, valid = NOT_PLAIN[name]
    assert not zero_is_in_the_middle(light.astype(float), valid)


@pytest.mark.parametrize("unit", [1e-100, 1e100])
def test_the_unit_of_light_does_not_matter(unit: float) -> None:
    light = unit * (RADIUS < 0.25)
    assert zero_is_in_the_middle(middle(light), None)
    assert not zero_is_in_the_middle(light, None)


def both_ways(counts: Any, positions: Any, mask: Any = None) -> None:
    """Patterns as files have them, DC at the centre: refused so, taken when put right."""
    right = Dataset(
        frames=ArrayFrames(np.fft.ifftshift(counts, axes=(1, 2))),
        positions_px=positions,
        mask_HW=mask if mask is None else np.fft.ifftshift(mask),
    )
    validate_frames(right)
    wrong = Dataset(frames=ArrayFrames(counts), positions_px=positions, mask_HW=mask)
    with pytest.raises(
        DataError, match=r"frames: found zero frequency at the middle.*ifftshift"
    ):
        validate_frames(wrong)


@pytest.mark.parametrize(
    "scene",
    [
        PHOTO,
        Scene(beam="astigmatic", sample="brick+grass", photons=1e3),
        RING,
        Scene(beam="square-80/55", sample="star", step_px=16),
        Scene(beam="stopped+60", sample="grains", step_px=16),
        Scene(beam="narrow+120", sample="weak", step_px=16),
    ],
    ids=lambda scene: scene.beam,
)
def test_scans_are_taken_only_with_zero_frequency_at_the_corner(scene: Scene) -> None:
    scan, _ = simulate_scene(Scene(**{**vars(scene), "grid": (4, 4)}))
    both_ways(scan.counts_nHW, scan.positions_px)
    y, x = np.mgrid[:64, :64] - 32
    both_ways(scan.counts_nHW, scan.positions_px, np.hypot(y, x) >= 3)


def test_the_measured_star_both_ways() -> None:
    star = read_measurement(STAR)
    positions = star.positions_m - star.positions_m.min(axis=0)
    pixel_m = star.geometry.pixel_size_m(star.counts_nHW.shape[-1])
    both_ways(star.counts_nHW, positions / pixel_m)


def test_a_pedestal_is_no_light() -> None:
    wave = np.fft.fft2(defocused_beam(Pupil(shape="square", outer=0.25), (80, 80), 64))
    power = 40 * np.abs(middle(wave)) ** 2 / np.abs(wave).max() ** 2 + 100
    counts = np.random.default_rng(3).poisson(power, (9, 64, 64))
    frames, positions = ArrayFrames(counts), np.argwhere(np.ones((3, 3))) * 9.0
    validate_frames(Dataset(frames=frames, positions_px=positions))
    with pytest.raises(DataError, match="zero frequency"):
        validate_frames(Dataset(frames=frames, positions_px=positions, pedestal=100.0))
