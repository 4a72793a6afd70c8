"""Pixels that lie, at several strengths: found where they are, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from .made import SIDE, MadeScan, left_out, made_scan, masked, photons_of, prepared

MIDDLE = SIDE // 2
Places = NDArray[np.bool_]


@pytest.fixture(scope="module")
def scans() -> dict[str, MadeScan]:
    return {beam: made_scan(2e4, beam=beam) for beam in ("round", "ring", "square")}


def places(*where: Any) -> Places:
    at = np.zeros((SIDE, SIDE), np.bool_)
    for place in where:
        at[place] = True
    return at


def pixels(at: Places) -> set[tuple[int, int]]:
    return {(int(y), int(x)) for y, x in np.argwhere(at)}


HOT = {
    "single": places((12, 20), (51, 9), (40, 60)),
    "pair": places((12, 20), (12, 21)),
    "diagonal": places((12, 20), (13, 21)),
    "square": places(np.s_[12:14, 20:22]),
    "large": places(np.s_[10:14, 50:54]),
    "column": places(np.s_[:, 5]),
    "half a row": places(np.s_[58, :32]),
    "two columns": places(np.s_[:, 57:59]),
}


@pytest.mark.parametrize("beam", ["round", "ring"])
@pytest.mark.parametrize("level", [10, 300, 60_000])
@pytest.mark.parametrize("shape", HOT)
def test_hot_pixels(scans: dict[str, MadeScan], beam: str, level: float, shape: str) -> None:
    at = HOT[shape]
    rng = np.random.default_rng(3)

    def heat(counts: Any) -> Any:
        counts[:, at] += rng.poisson(level, (len(counts), at.sum())).astype(counts.dtype)
        return counts

    made = prepared(scans[beam].spoiled(heat))
    assert masked(made) == pixels(at)
    assert set(left_out(made)) == {"hot"}


@pytest.mark.parametrize("beam", ["round", "ring", "square"])
def test_a_hot_pixel_beside_the_direct_beam(scans: dict[str, MadeScan], beam: str) -> None:
    rng = np.random.default_rng(3)

    def heat(counts: Any) -> Any:
        counts[:, MIDDLE + 2, MIDDLE + 1] = rng.poisson(60_000, len(counts))
        return counts

    made = prepared(scans[beam].spoiled(heat))
    assert masked(made) == {(MIDDLE + 2, MIDDLE + 1)} and set(left_out(made)) == {"hot"}


@pytest.mark.parametrize("share", [0.25, 0.4, 0.7])
@pytest.mark.parametrize("level", [40, 300, 20_000])
def test_flickering_pixels(scans: dict[str, MadeScan], share: float, level: float) -> None:
    rng = np.random.default_rng(4)

    def flicker(counts: Any) -> Any:
        for place in ((12, 20), (51, 9)):
            on = rng.random(len(counts)) < share
            counts[on, *place] += rng.poisson(level, on.sum()).astype(counts.dtype)
        return counts

    made = prepared(scans["round"].spoiled(flicker))
    assert masked(made) == {(12, 20), (51, 9)}
    assert set(left_out(made)) <= {"hot", "flickering"}
    assert made.dataset.frame_masks is None


@pytest.mark.parametrize("value", [3, 777, 4095])
def test_pixels_that_always_tell_the_same(scans: dict[str, MadeScan], value: int) -> None:
    at = places((30, 40), (20, 20), (35, 29), (3, 60))

    def stick(counts: Any) -> Any:
        counts[:, at] = value
        return counts

    made = prepared(scans["round"].spoiled(stick))
    assert masked(made) == pixels(at)
    assert set(left_out(made)) <= {"stuck", "saturated"}


def test_a_pixel_with_its_own_noise_instead_of_light(scans: dict[str, MadeScan]) -> None:
    """As bright as those around, but without their changes from view to view."""
    bright = scans["round"].counts[:, 35, 31].mean()
    rng = np.random.default_rng(5)

    def replace(counts: Any) -> Any:
        counts[:, 35, 31] = rng.normal(bright, 2, len(counts)).round()
        return counts

    made = prepared(scans["round"].spoiled(replace))
    assert masked(made) == {(35, 31)} and set(left_out(made)) == {"too quiet"}


@pytest.mark.parametrize("level", [150, 190])
def test_a_pixel_that_comes_and_goes(scans: dict[str, MadeScan], level: int) -> None:
    """No brighter than light may be beside the others, but restless."""
    on = np.random.default_rng(5).random(81) < 0.5

    def replace(counts: Any) -> Any:
        counts[:, 40, 25] = level * on
        return counts

    made = prepared(scans["square"].spoiled(replace))
    assert masked(made) == {(40, 25)} and set(left_out(made)) == {"too noisy"}


GAPS = {
    "column": places(np.s_[:, MIDDLE + 4]),
    "columns": places(np.s_[:, MIDDLE + 4 : MIDDLE + 8]),
    "through the middle": places(np.s_[MIDDLE - 1 : MIDDLE + 2, :]),
    "wide": places(np.s_[MIDDLE + 3 : MIDDLE + 13, :]),
    "cross": places(np.s_[:, MIDDLE + 5 : MIDDLE + 8], np.s_[MIDDLE - 8 : MIDDLE - 5, :]),
    "dead pixels": places((30, 31), (33, 28), (36, 34), (35, 35)),
    "beamstop": places(np.s_[MIDDLE - 2 : MIDDLE + 3, MIDDLE - 2 : MIDDLE + 3]),
    "beamstop on a wire": places(
        np.s_[MIDDLE - 2 : MIDDLE + 3, MIDDLE - 2 : MIDDLE + 3], np.s_[MIDDLE, MIDDLE:]
    ),
}


@pytest.mark.parametrize("photons", [2e3, 2e4, 5e5])
@pytest.mark.parametrize("shape", GAPS)
def test_gaps_that_read_zero(photons: float, shape: str) -> None:
    at, scan = GAPS[shape], made_scan(photons)

    def blank(counts: Any) -> Any:
        counts[:, at] = 0
        return counts

    made = prepared(scan.spoiled(blank))
    found = masked(made)
    assert found <= pixels(at) and set(left_out(made)) <= {"gap"}
    # What was lit must be found; a dark corner may read zero, gap or not.
    light = scan.counts.sum(axis=0)
    lit = at & (light > (2000 if shape == "dead pixels" else 150))
    assert found >= pixels(lit)
    assert found or (photons == 2e3 and shape == "dead pixels")


@pytest.mark.parametrize("beam", ["ring", "square"])
def test_gaps_across_beams_out_of_focus(scans: dict[str, MadeScan], beam: str) -> None:
    at = places(np.s_[:, MIDDLE - 9 : MIDDLE - 7], np.s_[MIDDLE + 12, :])

    def blank(counts: Any) -> Any:
        counts[:, at] = 0
        return counts

    made = prepared(scans[beam].spoiled(blank))
    assert masked(made) == pixels(at) and set(left_out(made)) == {"gap"}


@pytest.mark.parametrize("side", [5, 9])
@pytest.mark.parametrize("photons", [2e4, 5e5])
def test_a_beamstop_in_a_flat_beam(photons: float, side: int) -> None:
    """Dark in the middle as a ring beam is, but with an edge that no optics has."""
    half = side // 2
    at = places(np.s_[MIDDLE - half : MIDDLE + half + 1, MIDDLE - half : MIDDLE + half + 1])

    def blank(counts: Any) -> Any:
        counts[:, at] = 0
        return counts

    made = prepared(made_scan(photons, beam="square").spoiled(blank))
    assert masked(made) == pixels(at) and set(left_out(made)) == {"gap"}


def test_faults_of_many_kinds_together(scans: dict[str, MadeScan]) -> None:
    rng = np.random.default_rng(6)

    def spoil(counts: Any) -> Any:
        counts[:, 12, 20] = rng.poisson(60_000, len(counts))
        counts[:, 51, 9] = rng.poisson(500, len(counts))
        counts[:, :, 36:40] = 0
        counts[:, 28, 30] = 777
        counts[20:24] = rng.poisson(0.01, (4, SIDE, SIDE))
        counts[50] += rng.poisson(30, (SIDE, SIDE)).astype(counts.dtype)
        return counts

    made = prepared(scans["round"].spoiled(spoil))
    assert left_out(made).keys() == {"hot", "gap", "stuck", "no beam", "fog"}
    wanted = places((12, 20), (51, 9), (28, 30), np.s_[:, 36:40])
    assert masked(made) == pixels(wanted)
    kept = [n for n in range(81) if n not in (20, 21, 22, 23, 50)]
    assert made.frame_indices.tolist() == kept


def test_photons_that_are_not_known_are_no_excuse() -> None:
    """Noise-free floats in an unknown unit: the same pixels are found."""
    scan = made_scan(None)
    level = float(scan.counts.mean())

    def spoil(counts: Any) -> Any:
        counts[:, 12, 20] = 300 * level
        counts[:, :, 36:40] = 0
        return counts

    made = prepared(scan.spoiled(spoil))
    assert masked(made) == pixels(places((12, 20), np.s_[:, 36:40]))
    assert photons_of(made).dtype == np.float32
