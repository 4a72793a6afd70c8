"""`exitwave.files.read`: what a notebook gives the engine is what a job gives it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.unit.files.made import DATA, DETECTOR, PIXEL_M, SIDE, counts_nHW, cxi, put, xyz_m

import exitwave.files
from exitwave.commands.file_scan import FileScan
from exitwave.files.scan_formats import open_measurement
from exitwave.prepare import build_dataset
from exitwave.schema.data import DataOptions, GeometryOverrides
from exitwave.schema.errors import DataError


@pytest.mark.parametrize("crop_px", [0, 20])
def test_the_same_as_a_job_gets(tmp_path: Path, crop_px: int) -> None:
    mask = np.zeros((SIDE, SIDE), np.uint32)
    mask[14, 15] = 1
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    spot = 900 * np.exp(-(y**2 + 2 * x**2) / 40) + 2  # what no screening finds fault with
    patterns = np.random.default_rng(8).poisson(spot, (25, SIDE, SIDE))
    path = cxi(tmp_path / "a.cxi", {f"{DETECTOR}/mask": mask, f"{DATA}/data": patterns})
    read = exitwave.files.read(path, crop_px=crop_px)
    counts, positions = read
    scan = FileScan(path, open_measurement(path))
    prepared = build_dataset(
        scan, DataOptions(crop_px=crop_px), scan.geometry(GeometryOverrides())
    )
    of_a_job = prepared.dataset.frames.read(np.arange(25))
    np.testing.assert_array_equal(counts[:, read.mask_HW], of_a_job[:, read.mask_HW])
    np.testing.assert_allclose(positions, prepared.dataset.positions_px)
    np.testing.assert_array_equal(read.mask_HW, prepared.dataset.mask_HW)
    assert read.pixel_size_m == prepared.pixel_size_m
    assert counts[0, 0, 0] == patterns[0, 16, 16], "zero frequency at the corner"
    assert positions.min() == 8.0


def test_values_that_the_file_lacks_are_given(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=counts_nHW(), positions=xyz_m()[:, 1::-1] * 1e6)
    counts, positions = exitwave.files.read(
        tmp_path / "a.npz",
        positions_unit="um",
        energy_eV=8000,
        distance_m=0.31,
        detector_pixel_m=75e-6,
    )
    assert counts.shape == (25, SIDE, SIDE)
    step = np.diff(positions[:, 1])[:4]
    np.testing.assert_allclose(step, np.diff(xyz_m()[:, 0])[:4] / PIXEL_M, rtol=1e-6)


def test_other_numbers_and_unknown_positions(tmp_path: Path) -> None:
    some = xyz_m()
    some[4, 1] = np.nan
    path = cxi(tmp_path / "a.cxi", {f"{DATA}/translation": some[:20]})
    with pytest.raises(DataError, match=r"20 positions for 25 frames.*frames=20 takes"):
        exitwave.files.read(path)
    read = exitwave.files.read(path, frames=20)
    assert len(read.counts_nHW) == len(read.positions_px) == 19
    np.testing.assert_array_equal(read.counts_nHW[4, 0], np.roll(counts_nHW()[5, 16], -16))
    assert "1 of 20 views have no position" in read.notes[-1].text
    with pytest.raises(DataError, match="frames: found 21; expected 1 to 20"):
        exitwave.files.read(path, frames=21)
    with pytest.raises(DataError, match="crop_px: found 40"):
        exitwave.files.read(put(path, {f"{DATA}/translation": xyz_m()}), crop_px=40)


def test_the_package_stays_light() -> None:
    code = (
        "import sys, exitwave.files; assert 'h5py' not in sys.modules; exitwave.files.read; "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
