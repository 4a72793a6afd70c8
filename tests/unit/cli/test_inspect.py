"""``exitwave inspect`` and the options with which files are read."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.support.command_line import run_command
from tests.unit.files.made import (
    DATA,
    DETECTOR,
    PIXEL_M,
    SIDE,
    SOURCE,
    counts_nHW,
    cxi,
    positions_m,
    put,
    xyz_m,
)

from exitwave.files.pattern_png import mean_pattern, pattern_png


def test_everything_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = np.zeros((SIDE, SIDE), np.uint32)
    mask[3, 4:6], mask[8:24, 8:24] = 2, 0x1000
    changes = {f"{DETECTOR}/mask": mask, f"{DATA}/translation": xyz_m() * 1e6}
    path = cxi(tmp_path / "a.cxi", changes, {f"{DATA}/translation": "um"})
    assert run_command(monkeypatch, "inspect", path) == 0
    said = capsys.readouterr().out
    for words in (
        "a.cxi: CXI",
        f"from /{DATA}/data",
        "uint16 (25, 32, 32)",
        "25 (y, x) in um (stated)",
        "2 x 0x2 (saturated)",
        "256 x 0x1000 (has signal, kept)",
        "8000 eV",
        f"/{SOURCE}/energy (joules, no unit stated)",
        "assumed: rows run down, columns right",
        "can be reconstructed",
    ):
        assert words in said


def test_as_json_with_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, png = cxi(tmp_path / "a.cxi"), tmp_path / "a.png"
    assert run_command(monkeypatch, "inspect", path, "--json", "--png", png) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["format"] == "CXI" and told["refused"] is None
    assert told["figures"]["object_pixel_m"] == pytest.approx(PIXEL_M)
    assert told["figures"]["frames"] == told["figures"]["positions"] == 25
    names = [value["name"] for value in told["values"]]
    assert {"frames", "positions", "energy", "distance", "object pixel"} <= set(names)
    with Image.open(png) as picture:
        assert picture.size[0] >= 360


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {f"{DATA}/data": counts_nHW()[:21]},
            "25 positions for 21 frames: --set data.frames=21",
        ),
        ({f"{DATA}/translation": np.full((25, 3), np.nan)}, "0 positions are known"),
        ({f"{DATA}/translation": None}, "positions: found no such dataset"),
        ({f"{DATA}/translation": xyz_m() * 1e6}, "or energy, distance"),
    ],
)
def test_what_would_be_refused_is_told_with_the_reason(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, np.ndarray | None],
    says: str,
) -> None:
    path = cxi(tmp_path / "a.cxi", changes)
    assert run_command(monkeypatch, "inspect", path) == 1
    said = capsys.readouterr().out
    assert "cannot be reconstructed: " in said and says in said
    assert run_command(monkeypatch, "inspect", path, "--json") == 1
    assert says in json.loads(capsys.readouterr().out)["refused"]


def test_the_first_frames_can_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = cxi(tmp_path / "a.cxi", {f"{DATA}/data": counts_nHW()[:21]})
    for frames, code in ((21, 0), (10, 0), (22, 1), (0, 1)):
        assert (
            run_command(monkeypatch, "inspect", path, "--set", f"data.frames={frames}") == code
        )
    assert run_command(monkeypatch, "inspect", path, "--set", "data.framse=2") == 1
    assert "data.framse" in capsys.readouterr().out


def test_what_is_given_is_obeyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(tmp_path / "a.h5", {"run/ccd": counts_nHW(), "run/stage": positions_m() * 1e9})
    assert run_command(monkeypatch, "inspect", path) == 1
    said = capsys.readouterr().out
    assert "/run/ccd uint16 (25, 32, 32)" in said, "what there is to choose from"
    given = ["--dataset", "run/ccd", "--positions", "run/stage", "--positions-unit", "nm"]
    for value in ("energy_eV=8000", "distance_m=0.31", "detector_pixel_m=75e-6"):
        given += ["--set", f"geometry.{value}"]
    assert run_command(monkeypatch, "inspect", path, *given) == 0
    assert "nm (given)" in capsys.readouterr().out
    reconstruct = ["reconstruct", path, "--out", tmp_path / "b.cxi", "--recipe", "none"]
    assert run_command(monkeypatch, *reconstruct, *given) == 1, "it knows the options, too"
    assert "expected one of" in capsys.readouterr().err


def test_files_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.cxi").write_text("a letter")
    assert run_command(monkeypatch, "inspect", tmp_path / "a.cxi") == 1
    assert "a file of another kind" in capsys.readouterr().out
    assert run_command(monkeypatch, "inspect", tmp_path / "none.cxi") == 2
    png = tmp_path / "no" / "a.png"
    assert run_command(monkeypatch, "inspect", cxi(tmp_path / "b.cxi"), "--png", png) == 2


def test_it_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from exitwave.commands import inspect, registry; "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_the_mean_pattern() -> None:
    counts = counts_nHW()
    counts[:, 3, 3] = np.iinfo(counts.dtype).max
    counts[2, 5, 5] = np.iinfo(counts.dtype).max
    mask = np.ones((SIDE, SIDE), bool)
    mask[7, 7] = False
    mean_HW, frames = mean_pattern(counts, mask)
    assert frames == 25
    assert np.argwhere(np.isnan(mean_HW)).tolist() == [[3, 3], [7, 7]]
    assert mean_HW[5, 5] == pytest.approx(np.delete(counts[:, 5, 5], 2).mean())
    assert mean_pattern(np.repeat(counts, 24, axis=0), None)[1] == 200


@pytest.mark.parametrize("side", [SIDE, SIDE + 1])
def test_the_picture_marks_the_zero_frequency(side: int) -> None:
    mean_HW = np.full((side, side), 0.5)
    mean_HW[side // 2, side // 2] = 1000.0
    mean_HW[0, 0] = np.nan
    picture = np.asarray(Image.open(io.BytesIO(pattern_png(mean_HW, "a"))))
    zoom = 16
    middle = int((side // 2 + 0.5) * zoom)
    assert tuple(picture[8, 8]) == (228, 228, 228)
    assert picture[middle, middle].min() > 60, "the brightest pixel itself stays free"
    assert tuple(picture[middle, middle + zoom]) == (0, 208, 255)
    assert tuple(picture[middle - zoom, middle]) == (0, 208, 255)
    assert pattern_png(np.zeros((8, 8)), "all dark").startswith(b"\x89PNG")
