"""What stored values mean: photons stay as they are, others become so where it is sure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exitwave.prepare.values import DetectorCalibration, estimate_calibration

from .made import MadeScan, left_out, made_scan, masked, notes, photons_of, prepared


@pytest.fixture(scope="module")
def scans() -> dict[float, MadeScan]:
    return {photons: made_scan(photons) for photons in (2e3, 2e4, 5e5)}


def stored(scan: MadeScan, counts: Any, dtype: Any) -> MadeScan:
    whole = np.dtype(dtype).kind in "iu"
    values = np.rint(counts).astype(dtype) if whole else counts.astype(dtype)
    return MadeScan(values, scan.positions)


@pytest.mark.parametrize("photons", [2e3, 2e4, 5e5])
@pytest.mark.parametrize("dtype", [np.uint32, ">i4", np.float32, ">f8", np.int64])
def test_photons_stay_as_they_are(
    scans: dict[float, MadeScan], photons: float, dtype: Any
) -> None:
    scan = scans[photons]
    made = prepared(stored(scan, scan.counts, dtype))
    np.testing.assert_array_equal(photons_of(made), scan.counts)
    assert notes(made) == {} and made.dataset.pedestal == 0


@pytest.mark.parametrize("photons", [2e3, 2e4, 5e5])
@pytest.mark.parametrize("gain", [2, 7, 25])
@pytest.mark.parametrize("pedestal", [0, 100])
@pytest.mark.parametrize("dtype", [np.uint32, np.float32])
def test_multiples_of_a_gain_become_photons(
    scans: dict[float, MadeScan], photons: float, gain: int, pedestal: int, dtype: Any
) -> None:
    scan = scans[photons]
    made = prepared(stored(scan, scan.counts * gain + pedestal, dtype))
    np.testing.assert_array_equal(photons_of(made), scan.counts)
    assert notes(made)["gain"].figures["gain"] == gain
    assert notes(made)["gain"].figures["pedestal"] == pedestal


@pytest.mark.parametrize("scale", [1 / 4711, 0.31, 1e-9, 12.34])
def test_scaled_photons_become_photons_again(
    scans: dict[float, MadeScan], scale: float
) -> None:
    scan = scans[2e4]
    made = prepared(stored(scan, scan.counts * scale, np.float32))
    np.testing.assert_array_equal(photons_of(made), scan.counts)
    assert notes(made)["gain"].figures["gain"] == pytest.approx(scale, rel=1e-4)


@pytest.mark.parametrize("pedestal", [1, 3, 100, 2000])
@pytest.mark.parametrize("photons", [2e3, 5e5])
def test_a_pedestal_is_taken_off(
    scans: dict[float, MadeScan], pedestal: int, photons: float
) -> None:
    scan = scans[photons]
    made = prepared(stored(scan, scan.counts + pedestal, np.uint32))
    np.testing.assert_array_equal(photons_of(made), scan.counts)
    assert notes(made)["pedestal"].figures["pedestal"] == pedestal
    assert f"without light holds {pedestal}: subtracted" in notes(made)["pedestal"].text


@pytest.mark.parametrize("noise", [1, 4, 5.5])
@pytest.mark.parametrize("pedestal", [0, 2, 300])
@pytest.mark.parametrize("photons", [2e3, 2e4])
def test_photons_are_seen_through_little_noise(
    scans: dict[float, MadeScan], noise: float, pedestal: float, photons: float
) -> None:
    scan = scans[photons]
    adu = np.random.default_rng(2).normal(30.0 * scan.counts + pedestal, noise)
    made = prepared(stored(scan, adu, np.float32))
    found = photons_of(made)
    wrong = (found != scan.counts).mean()
    assert wrong < 3e-3 and abs(found.sum() / scan.counts.sum() - 1) < 5e-3
    figures = notes(made)["gain"].figures
    assert figures["gain"] == pytest.approx(30, rel=2e-3)
    assert figures["noise"] == pytest.approx(noise, rel=0.05)
    assert made.dataset.pedestal == 0 and left_out(made) == {}


def test_whole_numbers_with_noise_and_pedestal(scans: dict[float, MadeScan]) -> None:
    """As a camera gives them, without any dark image."""
    scan = scans[2e4]
    adu = np.random.default_rng(2).normal(30.0 * scan.counts + 200, 4)
    made = prepared(stored(scan, adu, np.int32))
    assert (photons_of(made) != scan.counts).mean() < 1e-3
    assert photons_of(made).dtype == np.int32


def test_noise_that_was_cut_off_at_zero(scans: dict[float, MadeScan]) -> None:
    scan = scans[2e4]
    adu = np.random.default_rng(2).normal(30.0 * scan.counts, 4).clip(min=0)
    assert (photons_of(prepared(stored(scan, adu, np.float32))) != scan.counts).mean() < 1e-3


@pytest.mark.parametrize("noise", [12, 30, 90])
@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_much_noise_is_kept_above_zero(
    scans: dict[float, MadeScan], noise: float, dtype: Any
) -> None:
    """Half of it lies below: cut off there it would be light."""
    scan = scans[2e3]
    adu = np.random.default_rng(2).normal(30.0 * scan.counts, noise)
    made = prepared(stored(scan, adu, dtype))
    pedestal = made.dataset.pedestal
    assert pedestal == pytest.approx(2 * noise, rel=0.05)
    kept = photons_of(made) - pedestal
    assert kept.dtype == np.float32 and kept.min() == pytest.approx(-pedestal)
    assert kept[scan.counts == 0].mean() == pytest.approx(0, abs=0.05 * noise)
    assert left_out(made) == {} and "modelled, too" in notes(made)["pedestal"].text


def test_marks_are_no_noise(scans: dict[float, MadeScan]) -> None:
    """-1 in dead pixels, in lost frames and in a lost block now and then."""
    scan = scans[2e4]
    counts = scan.counts.astype(np.int32)
    counts[:, 10, 10:14] = -1
    counts[[3, 30]] = -1
    counts[50:53, 40:60, :20] = -1
    made = prepared(MadeScan(counts, scan.positions))
    assert masked(made) == {(10, 10), (10, 11), (10, 12), (10, 13)}
    assert left_out(made)["not recorded"] == (2, [3, 30])
    assert left_out(made)["bad at times"] == (1200, [50, 51, 52])
    assert notes(made) == {}


def test_marks_far_below_noise_are_marks(scans: dict[float, MadeScan]) -> None:
    scan = scans[2e4]
    adu = np.random.default_rng(2).normal(30.0 * scan.counts, 4)
    adu[:, 20, 20] = -9999
    adu[5, 30, 30] = -9999
    made = prepared(stored(scan, adu, np.float32))
    assert masked(made) == {(20, 20)}
    assert left_out(made) == {"bad": (1, [(20, 20)]), "bad at times": (1, [5])}


def test_pixels_below_a_pedestal_are_dead(scans: dict[float, MadeScan]) -> None:
    scan = scans[2e4]
    counts = scan.counts + 100
    counts[:, 50, 5:9] = 0
    made = prepared(stored(scan, counts, np.uint16))
    assert masked(made) == {(50, x) for x in range(5, 9)}
    assert set(left_out(made)) == {"below dark"}


def test_values_that_split_photons_are_faults(scans: dict[float, MadeScan]) -> None:
    """Numbers that ran over the end of their type are no multiples of the gain any more."""
    scan = scans[2e4]
    counts = 25 * scan.counts
    over = counts > np.iinfo(np.uint16).max
    made = prepared(stored(scan, counts & 0xFFFF, np.uint16))
    assert over.any()
    found = photons_of(made)
    split = over & ((counts & 0xFFFF) % 25 != 0)
    np.testing.assert_array_equal(found[~over], scan.counts[~over])
    assert (found[split] == 0).all()
    assert set(left_out(made)) <= {"bad", "bad at times"} and left_out(made)


def test_numbers_without_noise_are_no_photons() -> None:
    """A simulation without noise has no smallest step; nothing is made of it."""
    scan = made_scan(None)
    calibration = estimate_calibration(scan.counts.reshape(81, -1)[:64].astype(np.float64))
    assert calibration == DetectorCalibration(gain=None, photons=False)


@pytest.mark.parametrize("per_pixel", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("beam", ["round", "ring"])
def test_an_even_background_is_modelled(per_pixel: float, beam: str) -> None:
    scan = made_scan(2e4, beam=beam, grid=11, step=9)
    noise = np.random.default_rng(5).poisson(per_pixel, scan.counts.shape)
    made = prepared(MadeScan((scan.counts + noise).astype(np.uint32), scan.positions))
    assert made.dataset.pedestal == pytest.approx(per_pixel, rel=0.12)
    assert notes(made).keys() == {"background"} and left_out(made) == {}
    np.testing.assert_array_equal(photons_of(made), scan.counts + noise)


@pytest.mark.parametrize(("down", "right"), [(-9, 7), (0, 5), (6, -6)])
@pytest.mark.parametrize("beam", ["round", "ring"])
def test_light_off_the_middle_is_said(down: int, right: int, beam: str) -> None:
    scan = made_scan(2e4, beam=beam)
    counts = np.roll(scan.counts, (down, right), (1, 2))
    counts[:, 3, 3] = 30_000  # a hot pixel draws nobody's attention
    note = notes(prepared(MadeScan(counts, scan.positions)))["centre"]
    assert note.figures["off_y_px"] == pytest.approx(down, abs=1)
    assert note.figures["off_x_px"] == pytest.approx(right, abs=1)
    np.testing.assert_array_equal(
        photons_of(prepared(MadeScan(counts, scan.positions)))[:, 30], counts[:, 30]
    )
