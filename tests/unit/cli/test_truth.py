"""|cPCC| against the truth in a file: of any scan that can be compared, else a reason."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.unit.files.made import GEOMETRY, PIXEL_M, SIDE

from exitwave.cli import main
from exitwave.commands.ground_truth import cpcc_with_truth
from exitwave.files.cxi import read_reconstruction, write_measurement
from exitwave.files.reconstruction import Measurement, Reconstruction, Truth

VIEWS, STEP_PX = 14, 4


def line_scan(*, upright: bool = False) -> Measurement:
    """One line of views of a disk-shaped beam, with the truth."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    beam_HW = 20 * np.exp(-(((y**2 + x**2) / 8.0**2) ** 3)) * np.exp(0.01j * (y**2 + x**2))
    corners = np.full((VIEWS, 2), 8)
    corners[:, 1] += STEP_PX * np.arange(VIEWS)
    blocks = np.kron(rng.random((12, 28)), np.ones((4, 4)))[:48, : 48 + STEP_PX * VIEWS]
    object_YX = (0.7 + 0.3 * blocks) * np.exp(1j * blocks)
    if upright:
        corners, object_YX, beam_HW = corners[:, ::-1], object_YX.T, beam_HW.T
    views = [object_YX[a : a + SIDE, b : b + SIDE] * beam_HW for a, b in corners]
    power = np.abs(np.fft.fft2(views, norm="ortho")) ** 2
    return Measurement(
        counts_nHW=rng.poisson(np.fft.fftshift(power, axes=(1, 2))).astype(np.uint16),
        positions_m=corners * PIXEL_M,
        geometry=GEOMETRY,
        truth=Truth(
            object_YX=object_YX.astype(np.complex64), probe_HW=beam_HW.astype(np.complex64)
        ),
    )


def exact(measurement: Measurement) -> Reconstruction:
    truth = measurement.truth
    assert truth is not None
    return Reconstruction(
        object_MYX=truth.object_YX[None],
        probe_NHW=truth.probe_HW[None],
        positions_px=measurement.positions_m / PIXEL_M,
        positions_m=measurement.positions_m,
        loss=np.ones(1),
        pixel_size_m=PIXEL_M,
    )


@pytest.mark.parametrize("upright", [False, True])
def test_a_line_is_compared_where_it_is_lit(upright: bool) -> None:
    measurement = line_scan(upright=upright)
    result = exact(measurement)
    cpcc, why_none = cpcc_with_truth(result, measurement)
    assert cpcc is not None and cpcc > 0.9999 and why_none is None
    wrong = result.object_MYX.copy()
    rows = slice(20, 26)
    wrong[:, slice(None) if upright else rows, rows if upright else slice(None)] = 1
    worse, _ = cpcc_with_truth(replace(result, object_MYX=wrong), measurement)
    assert worse is not None and worse < 0.95, "the lit rows count"
    unlit = result.object_MYX.copy()
    edge = slice(0, 12)
    unlit[:, slice(None) if upright else edge, edge if upright else slice(None)] = 1
    same, _ = cpcc_with_truth(replace(result, object_MYX=unlit), measurement)
    assert same is not None and same > 0.999, "those without light do not"


def test_what_cannot_be_compared_has_a_reason() -> None:
    measurement = line_scan()
    result = exact(measurement)
    assert cpcc_with_truth(result, replace(measurement, truth=None)) == (None, None)
    cpcc, why_none = cpcc_with_truth(replace(result, pixel_size_m=2 * PIXEL_M), measurement)
    assert cpcc is None and "another geometry" in str(why_none)
    moved = replace(result, object_MYX=result.object_MYX[:, :20, :20])
    cpcc, why_none = cpcc_with_truth(moved, measurement)
    assert cpcc is None and "cannot be compared" in str(why_none)


def test_a_line_scan_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "line.cxi", tmp_path / "out.cxi"
    write_measurement(path, line_scan())
    short = [f"--set=recipe.stages.{stage}.epochs=3" for stage in range(3)]
    words = ["reconstruct", path, "--out", out, "--recipe", "fast", "--seed", 1, *short]
    monkeypatch.setattr(sys, "argv", ["exitwave", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 0
    assert "|cPCC| 0." in capsys.readouterr().out
    assert np.isfinite(read_reconstruction(out).object_MYX).any()
