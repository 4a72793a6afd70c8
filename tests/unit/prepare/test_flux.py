"""Relative flux: from a monitor, from steps in time, from sums; and none where none is sure."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from exitwave.schema.errors import DataError

from .made import MadeScan, made_scan, notes, prepared


def scaled(flux_n: NDArray[np.float64], sample: str = "blobs") -> MadeScan:
    scan = made_scan(4e4, sample=sample, grid=10)
    flux_n = flux_n / flux_n.max()
    counts = np.random.default_rng(3).binomial(
        scan.counts.astype(np.int64), flux_n[:, None, None]
    )
    return MadeScan(counts.astype(np.uint32), scan.positions)


def step(at: int, by: float) -> NDArray[np.float64]:
    return np.where(np.arange(100) < at, 1.0, by)


@pytest.mark.parametrize(("at", "by"), [(34, 0.7), (55, 0.5), (66, 1.5)])
def test_a_step_of_the_light_is_found(at: int, by: float) -> None:
    made = prepared(scaled(step(at, by)))
    scale_n = made.dataset.scale_n
    assert scale_n is not None
    ratio = scale_n[at + 3 :].mean() / scale_n[: at - 3].mean()
    assert ratio == pytest.approx(by, rel=0.07)
    assert np.unique(scale_n.round(6)).size == 2
    assert "changes in steps" in notes(made)["flux"].text


def test_frames_are_told_by_their_numbers_in_the_scan() -> None:
    made = prepared(scaled(step(54, 0.5)), exclude="0-9")
    number = int(notes(made)["flux"].text.split("at frame ")[1].split(")")[0])
    assert abs(number - 54) <= 1


@pytest.mark.parametrize("sample", ["blobs", "opaque", "emptiness"])
def test_ordinary_scans_are_not_scaled(sample: str) -> None:
    assert prepared(scaled(np.ones(100), sample)).dataset.scale_n is None


def test_no_step_is_looked_for_when_told_so() -> None:
    assert prepared(scaled(step(55, 0.5)), flux="off").dataset.scale_n is None


def test_a_monitor_is_used() -> None:
    flux_n = np.exp(0.1 * np.random.default_rng(4).normal(size=100))
    scan = scaled(flux_n)
    scan.monitor_n = 5e6 * flux_n
    made = prepared(scan, exclude="7")
    np.testing.assert_allclose(
        made.dataset.scale_n, np.delete(flux_n, 7) / np.median(np.delete(flux_n, 7))
    )
    assert "from the monitor" in notes(made)["flux"].text


@pytest.mark.parametrize(
    ("monitor", "says"),
    [
        (np.where(np.arange(100) == 3, 0, 1.0), "1 readings of 0"),
        (np.where(np.arange(100) == 3, np.nan, 1.0), "not finite"),
        (np.where(np.arange(100) == 3, 50.0, 1.0), "readings from 1 to 50"),
        (np.exp(0.5 * np.random.default_rng(9).normal(size=100)), "contradict"),
    ],
)
def test_a_monitor_that_cannot_be_right_is_said(
    monitor: NDArray[np.float64], says: str
) -> None:
    scan = scaled(np.ones(100))
    scan.monitor_n = monitor
    made = prepared(scan)
    assert made.dataset.scale_n is None and says in notes(made)["flux"].text
    if says != "contradict":
        with pytest.raises(DataError, match=r"data\.flux: found a monitor with"):
            prepared(scan, flux="monitor")


def test_a_monitor_that_is_not_there() -> None:
    with pytest.raises(DataError, match=r"data\.flux: found monitor; expected a scan with"):
        prepared(scaled(np.ones(100)), flux="monitor")
    scan = scaled(np.ones(100))
    scan.monitor_n = np.ones(60)
    with pytest.raises(DataError, match=r"60 readings for 100 frames"):
        prepared(scan)


def test_sums_are_believed_in_part() -> None:
    flux_n = np.ones(100)
    flux_n[[23, 47, 81]] = 0.5
    scale_n = prepared(scaled(flux_n), flux="sums").dataset.scale_n
    assert scale_n is not None
    assert (scale_n[[23, 47, 81]] < 0.8).all() and (scale_n[[23, 47, 81]] > 0.45).all()
    others = np.delete(scale_n, [23, 47, 81])
    assert others.min() > 0.75 and others.max() < 1.3
