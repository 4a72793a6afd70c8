"""Scans with nothing wrong lose nothing, whatever beam, sample and dose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from exitwave.files.scan_formats import open_measurement

from .made import MadeScan, left_out, made_scan, notes, photons_of, prepared

STAR = Path(__file__).parents[3] / "workers/exitwave/simulated_beamline/data/siemens_star.h5"


@pytest.mark.parametrize("photons", [1e2, 2e3, 2e4, 1e6, None])
@pytest.mark.parametrize("beam", ["round", "ring", "square"])
def test_nothing_is_left_out_at_any_dose(beam: str, photons: float | None) -> None:
    scan = made_scan(photons, beam=beam)
    made = prepared(scan)
    assert left_out(made) == {}
    assert notes(made) == {}
    assert made.dataset.mask_HW is None and made.dataset.frame_masks is None
    assert made.dataset.scale_n is None and made.dataset.pedestal == 0
    np.testing.assert_array_equal(photons_of(made), scan.counts)


@pytest.mark.parametrize("sample", ["opaque", "emptiness"])
@pytest.mark.parametrize("step", [7, 11, 22])
@pytest.mark.parametrize("seed", [1, 2])
def test_dark_and_empty_parts_of_a_sample_are_kept(sample: str, step: int, seed: int) -> None:
    """Frames behind something opaque hold next to nothing, and are right."""
    made = prepared(made_scan(2e4, sample=sample, step=step, seed=seed))
    dark = left_out(made).pop("dark", (0, []))
    assert set(left_out(made)) <= {"dark"}
    assert dark[0] == 0 or sample == "opaque"
    assert made.dataset.scale_n is None


@pytest.mark.parametrize("snake", [False, True])
def test_an_edge_of_the_sample_is_no_step_of_the_light(snake: bool) -> None:
    scan = made_scan(2e4, sample="emptiness")
    edge = np.where(scan.positions[:, 0] > np.median(scan.positions[:, 0]), 0.3, 1.0)
    counts = np.random.default_rng(2).binomial(scan.counts.astype(int), edge[:, None, None])
    order = np.arange(81).reshape(9, 9)
    if snake:
        order[1::2] = order[1::2, ::-1].copy()
    order = order.ravel()
    made = prepared(MadeScan(counts[order].astype(np.uint32), scan.positions[order]))
    assert made.dataset.scale_n is None and left_out(made) == {}


def test_the_real_star_loses_nothing() -> None:
    star = open_measurement(STAR)
    made = prepared(MadeScan(star.counts_nHW[:], star.positions_m))
    assert left_out(made) == {} and notes(made) == {}
    assert made.dataset.mask_HW is None and made.dataset.scale_n is None


def test_screening_can_be_left() -> None:
    counts = made_scan().counts.copy()
    counts[:, 12, 20] += 50_000
    scan = MadeScan(counts, made_scan().positions)
    assert left_out(prepared(scan, screen="off")) == {}
    assert left_out(prepared(scan)) == {"hot": (1, [(12, 20)])}
