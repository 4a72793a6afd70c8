"""The start that finds the beam: shadows, bounds, short runs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.pupils import RING, SIDE, scan_of

from exitwave.engine import ArrayFrames, Dataset, reconstruct
from exitwave.engine.data.scan import load
from exitwave.engine.data.subset import connected_views, part_of
from exitwave.engine.initial_guess import search
from exitwave.engine.initial_guess.candidates import Candidate, ordered
from exitwave.engine.initial_guess.pupil import defocused, extent_cycles, pupil_modulus
from exitwave.engine.initial_guess.search import defocus_bounds
from exitwave.engine.initial_guess.shadow import neighbour_pairs, shadow_peaks
from exitwave.quality import align, rectangle_of_centres
from exitwave.schema.recipe import Recipe, Stage, recipe_from_mapping
from exitwave.simulated_beamline.beams import Pupil, defocused_beam
from exitwave.simulated_beamline.samples import draw_sample
from exitwave.simulated_beamline.simulate import simulate

CPU = torch.device("cpu")
WIDE = ((1.0, 400.0), (1.0, 400.0))
SQUARE = Pupil(shape="square", outer=0.25)


@pytest.mark.parametrize("pupil", [RING, SQUARE], ids=["ring", "square"])
@pytest.mark.parametrize("c", [(80, 80), (-80, -80), (60, 90), (-90, -60), (80, -80)])
def test_shadows_tell_defocus_its_sign_and_astigmatism(
    pupil: Pupil, c: tuple[float, float]
) -> None:
    dataset, _, _ = scan_of(pupil, c)
    light = torch.from_numpy(dataset.frames.read(np.arange(36)).astype(np.float32))
    positions = dataset.positions_px
    peaks = shadow_peaks(light, positions, neighbour_pairs(positions), WIDE, 3)
    assert peaks[0].strength > 10
    for found, true in zip(peaks[0].defocus_px2, c, strict=True):
        assert found == pytest.approx(true, rel=0.12)


def test_noise_casts_no_shadow() -> None:
    random = np.random.default_rng(3)
    strongest = []
    for _ in range(4):
        light = torch.from_numpy(random.poisson(20.0, (36, SIDE, SIDE)).astype(np.float32))
        positions = 14.0 * np.argwhere(np.ones((6, 6)))
        peaks = shadow_peaks(light, positions, neighbour_pairs(positions), WIDE, 1)
        strongest.append(peaks[0].strength)
    assert max(strongest) < 5


@pytest.mark.parametrize("sign", [1, -1])
def test_the_search_takes_the_right_pupil_and_the_picture_comes(sign: int) -> None:
    dataset, object_YX, _ = scan_of(RING, (sign * 80.0, sign * 80.0))
    recipe = Recipe(stages=(Stage(epochs=30, batches=(2.0, 4.0)),))
    *_, last = reconstruct(dataset, recipe)
    region = rectangle_of_centres(dataset.positions_px, (SIDE, SIDE))
    assert align(last.object_MYX()[0], object_YX, region).cpcc > 0.95
    with torch.no_grad():
        found = search(load(dataset, recipe, CPU), recipe)
    chosen, *others = found.candidates
    assert chosen.kind == "pupil"
    assert chosen.defocus_px2 == pytest.approx((sign * 80, sign * 80), rel=0.15)
    assert found.worth > 1
    assert any(other.kind == "autocorrelation" for other in others)
    assert all(chosen.loss <= other.loss for other in others)


def test_a_beam_near_focus_keeps_the_autocorrelation() -> None:
    """Disks close behind a pinhole cast no shadows: nothing is tried, nothing is lost."""
    scan = simulate(0.5, 1e4, 1, grid=6)
    counts = np.fft.ifftshift(scan.patterns_nHW, axes=(1, 2))
    dataset = Dataset(frames=ArrayFrames(counts), positions_px=scan.positions_px)
    with torch.no_grad():
        found = search(load(dataset, Recipe(), CPU), Recipe())
    assert [one.kind for one in found.candidates] == ["autocorrelation"]


@pytest.mark.parametrize("kind", ["autocorrelation", "pupil"])
def test_a_kind_that_is_asked_for_is_the_only_one(kind: str) -> None:
    dataset, _, _ = scan_of(RING, (80.0, 80.0))
    recipe = recipe_from_mapping({"start": {"kind": kind}})
    with torch.no_grad():
        found = search(load(dataset, recipe, CPU), recipe)
    assert {one.kind for one in found.candidates} == {kind}


def test_bounds_come_from_step_window_and_pupil() -> None:
    dataset, _, _ = scan_of(RING, (80.0, 80.0), step=20)
    scan = load(dataset, Recipe(), CPU)
    extent = extent_cycles(scan.mean_light())
    assert extent[0] == pytest.approx(0.23, abs=0.03)
    bounds = defocus_bounds(scan, extent)
    assert bounds is not None
    (low, high), _ = bounds
    assert 2 * extent[0] * high == pytest.approx(SIDE)
    assert 2 * extent[0] * low >= 17, "a beam narrower than a step"
    assert defocus_bounds(scan, (0.02, 0.02)) is None


def test_a_pupil_start_has_the_pupils_light_and_width() -> None:
    _, _, beam_HW = scan_of(RING, (80.0, 80.0))
    mean = torch.from_numpy(np.abs(np.fft.fft2(beam_HW, norm="ortho")) ** 2).float() * 1e5
    probe = defocused(pupil_modulus(mean), (80.0, 80.0)).numpy()
    assert (np.abs(probe) ** 2).sum() == pytest.approx(float(mean.sum()), rel=0.05)
    likeness = abs(np.vdot(probe, beam_HW)) / np.linalg.norm(probe) / np.linalg.norm(beam_HW)
    assert likeness > 0.97


def test_a_part_models_as_the_whole_does() -> None:
    dataset, _, _ = scan_of(RING, (80.0, 80.0))
    scan = load(dataset, Recipe(), CPU)
    chosen = connected_views(dataset.positions_px, 9)
    part = part_of(scan, chosen)
    assert len(part) == 9
    assert torch.equal(part.light(np.arange(9)), scan.light(chosen))
    offsets = scan.corners_n2[torch.from_numpy(chosen)] - part.corners_n2
    assert len(torch.unique(offsets, dim=0)) == 1
    assert int(part.corners_n2.min()) == 0
    far = (part.corners_n2.max(0).values + SIDE).tolist()
    assert tuple(far) == part.object_shape_YX


def scanned(
    beam_HW: np.ndarray, step: tuple[float, float], grid: tuple[int, int]
) -> tuple[Dataset, np.ndarray]:
    """A dataset of this beam on a raster of particles, and the object."""
    random = np.random.default_rng(2)
    corners = np.argwhere(np.ones(grid)) * step
    corners = np.round(corners + random.uniform(-0.5, 0.5, corners.shape))
    corners = (corners - corners.min(axis=0)).astype(int) + 4
    object_YX = draw_sample("particles", int(corners.max()) + SIDE + 4, 2)
    patterns = np.stack(
        [
            np.abs(np.fft.fft2(beam_HW * object_YX[y : y + SIDE, x : x + SIDE], norm="ortho"))
            ** 2
            for y, x in corners
        ]
    )
    counts = random.poisson(patterns * 1e5 / patterns.sum(axis=(1, 2)).max())
    frames = ArrayFrames(counts.astype(np.uint32))
    return Dataset(frames=frames, positions_px=corners.astype(float)), object_YX


@pytest.mark.parametrize("axis", [0, 1])
def test_a_line_focus_is_found_where_steps_across_it_are_small(axis: int) -> None:
    c = (70.0, 2.0) if axis == 0 else (2.0, 70.0)
    step, grid = ((12, 2), (6, 12)) if axis == 0 else ((2, 12), (12, 6))
    dataset, object_YX = scanned(defocused_beam(SQUARE, c, SIDE), step, grid)
    with torch.no_grad():
        chosen = search(load(dataset, Recipe(), CPU), Recipe()).candidates[0]
    assert abs(chosen.defocus_px2[1 - axis]) < 20
    assert chosen.defocus_px2[axis] == pytest.approx(70, rel=0.15)
    recipe = Recipe(stages=(Stage(epochs=30, batches=(3.0, 6.0)),))
    *_, last = reconstruct(dataset, recipe)
    region = rectangle_of_centres(dataset.positions_px, (SIDE, SIDE))
    assert align(last.object_MYX()[0], object_YX, region).cpcc > 0.9


def test_a_pupil_beside_the_middle_makes_a_beam_in_the_middle() -> None:
    k = np.fft.fftfreq(SIDE)
    y, x = np.meshgrid(k - 0.1, k + 0.05, indexing="ij")
    opened = (np.hypot(y, x) < 0.16) & (np.hypot(y, x) > 0.05)
    wave = opened * np.exp(-1j * np.pi * 90 * (y**2 + x**2))
    beam_HW = np.fft.fftshift(np.fft.ifft2(wave))
    beam_HW /= np.sqrt((np.abs(beam_HW) ** 2).sum())
    dataset, object_YX = scanned(beam_HW, (10, 10), (6, 6))
    scan = load(dataset, Recipe(), CPU)
    with torch.no_grad():
        chosen = search(scan, Recipe()).candidates[0]
        probe_HW = defocused(pupil_modulus(scan.mean_light()), chosen.defocus_px2).numpy()
    assert chosen.defocus_px2 == pytest.approx((90, 90), rel=0.15)
    power = np.abs(probe_HW) ** 2
    middle = [(power.sum(axis=1 - a) * np.arange(SIDE)).sum() / power.sum() for a in (0, 1)]
    assert middle == pytest.approx([SIDE / 2, SIDE / 2], abs=2)
    recipe = Recipe(stages=(Stage(epochs=30, batches=(2.0, 4.0)),))
    *_, last = reconstruct(dataset, recipe)
    region = rectangle_of_centres(dataset.positions_px, (SIDE, SIDE))
    assert align(last.object_MYX()[0], object_YX, region).cpcc > 0.9


def test_a_narrower_beam_than_the_clearest_shadows_must_fit_clearly_better() -> None:
    clearest = Candidate(kind="pupil", defocus_px2=(180.0, 180.0), loss=0.0127)
    for loss, first in ((0.0124, clearest.defocus_px2), (0.0112, (109.0, 180.0))):
        narrower = Candidate(kind="pupil", defocus_px2=(109.0, 180.0), loss=loss)
        assert ordered([narrower, clearest], clearest)[0].defocus_px2 == first
    line = Candidate(kind="pupil", defocus_px2=(0.0, 180.0), loss=0.0124)
    assert ordered([line, clearest], clearest)[0] is line
    assert ordered([clearest, line], None)[0] is line
