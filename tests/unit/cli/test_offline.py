"""`simulate` and `reconstruct`: from file to file, without any service."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.support.command_line import run_command

from exitwave.commands.file_scan import FileScan
from exitwave.commands.ground_truth import cpcc_on_shared_region
from exitwave.engine import Dataset, reconstruct
from exitwave.files.checkpoint import write_arrays
from exitwave.files.cxi import read_reconstruction
from exitwave.files.reconstruction import Reconstruction
from exitwave.files.scan_formats import read_measurement
from exitwave.prepare import build_dataset
from exitwave.quality import align
from exitwave.schema.data import data_from_mapping, geometry_from_mapping
from exitwave.schema.recipe import Recipe, recipe_from_mapping
from exitwave.verdict import diagnosis

SHORT = [
    *("--set", "recipe.stages.0.epochs=4"),
    *("--set", "recipe.stages.1.below_overlap=-10"),  # never
    *("--set", "recipe.stages.2.epochs=5"),
    *("--set", "recipe.stages.3.epochs=1"),
]


@pytest.fixture(autouse=True)
def no_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    """These runs are too short to be good; why a run is bad is not asked for here."""
    monkeypatch.setattr(diagnosis, "LEAST_S", 0.0)
    monkeypatch.setattr(diagnosis, "SHARE", 0.0)


@pytest.fixture
def simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "a.cxi"
    words = ("simulate", "--overlap", 0.5, "--photons", "1e4", "--seed", 1, "--grid", 4)
    assert run_command(monkeypatch, *words, "--out", path) == 0
    return path


def test_the_printed_figure_is_that_of_the_file(
    simulated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = simulated.with_name("b.cxi")
    assert (
        run_command(monkeypatch, "reconstruct", simulated, "--out", out, "--seed", 5, *SHORT)
        == 0
    )
    printed = float(capsys.readouterr().out.split("|cPCC|")[1])
    with h5py.File(out) as file:
        object_MYX, truth_YX = file["exitwave/object"][()], file["truth/object"][()]
        x_m, y_m, _ = file["entry_1/data_1/translation"][0]
        y_px, x_px = file["exitwave/positions_px"][0]
        assert file["exitwave/loss"].shape == (10,)
        assert file["entry_1/data_1/data"].shape == (16, 64, 64)
    assert object_MYX.dtype == np.complex64
    # By the positions in both files the first view lies at the same place in both objects.
    assert (y_m / 10e-9, x_m / 10e-9) == pytest.approx((y_px, x_px), abs=1e-3)
    region = (40, 40 + 54, 40, 40 + 54)
    assert align(object_MYX[0], truth_YX, region).cpcc == pytest.approx(printed, abs=2e-3)
    assert read_reconstruction(out).metadata["recipe"]["seed"] == 5


def test_how_good_it_is_is_printed_and_kept(
    simulated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = simulated.with_name("q.cxi")
    assert (
        run_command(monkeypatch, "reconstruct", simulated, "--out", out, "--frc", *SHORT) == 0
    )
    said = capsys.readouterr().out
    quality = read_reconstruction(out).quality
    numbers = quality.numbers
    assert "no picture" in said or "doubtful" in said, "the run is too short"
    assert numbers["prtf_cycles_per_px"] > 0.1 and "PRTF not told" in said, "praise of noise"
    assert f"overlap {100 * numbers['overlap']:.0f} %" in said
    assert f"half period {numbers['frc_half_period_nm']:.3g} nm, halves of the" in said
    assert "held out" not in said, "16 patterns are too few to leave any out"
    assert "raster artefact" not in said, "the centres span three steps only"
    crossing = numbers["frc_crossing_cycles_per_px"]
    assert numbers["frc_half_period_nm"] == pytest.approx(10 / (2 * crossing), rel=1e-3)
    frequency, correlation, threshold = quality.curves["frc"].values.T
    assert (correlation >= threshold)[(frequency < crossing) & (frequency > 3 / 54)].all()
    assert quality.curves["prtf"].values.shape == (32, 2)


def test_half_the_frames_in_the_same_frame(
    simulated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = simulated.with_name("odd.cxi")
    words = ("reconstruct", simulated, "--out", out, "--set", "data.subset=odd", *SHORT)
    assert run_command(monkeypatch, *words) == 0
    result = read_reconstruction(out)
    assert len(result.positions_px) == len(result.positions_m) == 8
    np.testing.assert_allclose(result.positions_px * 10e-9, result.positions_m, atol=1e-12)


def test_the_truth_is_found_wherever_the_object_begins(simulated: Path) -> None:
    measurement = read_measurement(simulated)
    truth = measurement.truth
    assert truth is not None
    exact = Reconstruction(
        object_MYX=np.pad(truth.object_YX, ((3, 0), (5, 0)))[None],
        probe_NHW=truth.probe_HW[None],
        positions_px=measurement.positions_m / 10e-9 + (3, 5),
        positions_m=measurement.positions_m,
        loss=np.ones(1),
        pixel_size_m=10e-9,
    )
    assert cpcc_on_shared_region(exact, truth) > 0.9999
    cut = replace(
        exact,
        object_MYX=truth.object_YX[None, 8:, 8:],
        positions_px=measurement.positions_m / 10e-9 - 8,
    )
    assert cpcc_on_shared_region(cut, truth) > 0.9999


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["reconstruct", "none.cxi", "--out", "b.cxi"], 2, "none.cxi"),
        (["reconstruct", "a.cxi", "--out", "no/b.cxi"], 2, "no folder"),
        (["reconstruct", "a.cxi", "--out", "b.cxi", "--recipe", "x"], 1, "expected one of"),
        (["reconstruct", "a.cxi", "--out", "b.cxi", "--set", "recipe.x=1"], 1, "recipe.x"),
        (["reconstruct", "a.cxi", "--out", "b.cxi", "--set", "x=1"], 1, "overrides.x"),
        (
            ["reconstruct", "a.cxi", "--out", "b.cxi", "--memory-gb", "0.001"],
            1,
            "found 0.001 GB of device memory",
        ),
        (["simulate", "--out", "b.cxi", "--photons", "many"], 2, "--photons"),
        (["simulate", "--out", "b.cxi", "--overlap", "1.5"], 1, "overlap"),
        (["simulate", "--out", "b.cxi", "--object", "camera"], 2, "--object"),
    ],
)
def test_what_is_wrong_is_said(
    simulated: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(simulated.parent)
    assert run_command(monkeypatch, *words) == code
    assert said in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["a.cxi"]


def test_a_run_goes_on_from_its_checkpoint(
    simulated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, kept, out = (simulated.with_name(name) for name in ("w.cxi", "k.npz", "r.cxi"))
    words = ("reconstruct", simulated, *SHORT, "--checkpoint", kept)
    stages = ["--set", "recipe.stages.2.epochs=11"]
    assert run_command(monkeypatch, *words, *stages, "--out", whole) == 0
    assert run_command(monkeypatch, *words, *stages, "--out", out, "--resume") == 1
    assert "no epoch is left" in capsys.readouterr().err
    assert run_command(monkeypatch, *words, "--out", out, "--resume") == 1
    assert "recipe.stages[2].epochs = 11; expected 5" in capsys.readouterr().err
    for epoch in reconstruct(dataset_of(simulated), recipe_of(whole), device="auto"):
        if epoch.epoch == 10:
            arrays = epoch.checkpoint().arrays()
            write_arrays(kept, {**arrays, "losses": np.arange(10.0)})
            break
    assert run_command(monkeypatch, *words, *stages, "--out", out, "--resume") == 0
    assert "going on after epoch 10" in capsys.readouterr().out
    expected, found = read_reconstruction(whole), read_reconstruction(out)
    assert np.array_equal(found.object_MYX, expected.object_MYX)
    assert np.array_equal(found.loss[10:], expected.loss[10:]) and len(found.loss) == 16
    kept.write_bytes(kept.read_bytes()[:1000])
    assert run_command(monkeypatch, *words, *stages, "--out", out, "--resume") == 1
    assert "expected a whole checkpoint" in capsys.readouterr().err


def test_a_result_begins_another_run(
    simulated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = simulated.with_name("1.cxi"), simulated.with_name("2.cxi")
    words = ("reconstruct", simulated, *SHORT)
    assert run_command(monkeypatch, *words, "--out", first) == 0
    assert run_command(monkeypatch, *words, "--out", second, "--start", first) == 0
    assert "its probe and object begin the run" in capsys.readouterr().out
    assert read_reconstruction(second).loss[0] < read_reconstruction(first).loss[0]


def test_a_run_that_diverges_leaves_its_last_good_epoch(
    simulated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = simulated.with_name("d.cxi")
    rates = [
        "--set",
        "recipe.stages.2.object_rate=10",
        "--set",
        "recipe.stages.2.probe_rate=10",
    ]
    assert run_command(monkeypatch, "reconstruct", simulated, *SHORT, *rates, "--out", out) == 1
    assert "holds epoch 4, the last good one" in capsys.readouterr().err
    result = read_reconstruction(out)
    assert len(result.loss) == 4 and np.isfinite(result.object_MYX).all()


def dataset_of(path: Path) -> Dataset:
    measurement = read_measurement(path)
    scan = FileScan(path, measurement)
    geometry = scan.geometry(geometry_from_mapping({}))
    return build_dataset(scan, data_from_mapping({}), geometry).dataset


def recipe_of(result: Path) -> Recipe:
    return recipe_from_mapping(read_reconstruction(result).metadata["recipe"])
