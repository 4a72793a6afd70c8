"""Beams and files as people have them, through the command: right, or said.

Each scan is small and its recipe short; what must be right is the same as at full size.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.bench.case_files import KINDS, write_case, write_scene
from tests.bench.verdict_sets import RING, Scene

from exitwave.cli import main

SHORT = (
    *("--recipe", "fast", "--device", "cpu", "--json"),
    *("--set", "recipe.stages.2.epochs=30"),
    *("--set", "recipe.stages.3.epochs=10"),
)
GRID = (7, 7)
NEAR = 0.012
"""|cPCC| below that of the clean file that a mended one may have."""

BEAMS = {
    "defocus +": replace(RING, grid=GRID),
    "defocus -": replace(RING, grid=GRID, beam="ring-80"),
    "square pupil": replace(RING, grid=GRID, beam="square-80"),
    "wide beam, star": replace(RING, grid=GRID, beam="ring-90", sample="star"),
    "25 views": replace(RING, grid=(5, 5), beam="ring-80"),
    "20 views": replace(RING, grid=(4, 5), beam="ring-80"),
}
FALSE = ("defocus -", "square pupil", "25 views")
"""Beams whose autocorrelation leads to a false picture that fits well."""

MENDED = sorted(name for name, kind in KINDS.items() if kind.least and name != "clean")
REFUSED = sorted(name for name, kind in KINDS.items() if kind.refused)

Told = dict[str, Any]
Reconstruct = Callable[..., Told]


@pytest.fixture
def reconstruct(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Reconstruct:
    """`exitwave reconstruct FILE --json`: what it told; `code` and `error` beside."""

    def run(file: Path, *words: str) -> Told:
        out = str(tmp_path / "out.cxi")
        said = ["exitwave", "reconstruct", str(file), "--out", out, *SHORT, *words]
        monkeypatch.setattr(sys, "argv", said)
        with pytest.raises(SystemExit) as left:
            main.main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        told = json.loads(printed.out) if printed.out else {}
        return {**told, "code": left.value.code, "error": printed.err}

    return run


@pytest.fixture(scope="module")
def clean() -> dict[str, float]:
    """|cPCC| of the clean file, once a test has found it."""
    return {}


def reached(reconstruct: Reconstruct, clean: dict[str, float], tmp_path: Path) -> float:
    if not clean:
        write_case("clean", path := tmp_path / "clean.cxi", GRID)
        told = reconstruct(path)
        assert (told["code"], told["verdict"], told["left_out"]) == (0, "good", []), told
        clean["cpcc"] = told["cpcc"]
    return clean["cpcc"]


def written(scene: Scene, tmp_path: Path) -> Path:
    write_scene(scene, path := tmp_path / "scan.cxi")
    return path


@pytest.mark.parametrize("name", BEAMS)
def test_a_beam_out_of_focus_is_found_without_help(
    name: str, reconstruct: Reconstruct, tmp_path: Path
) -> None:
    told = reconstruct(written(BEAMS[name], tmp_path))
    chosen = told["start"]["chosen"]
    assert (told["code"], told["verdict"]) == (0, "good"), told
    assert told["cpcc"] > 0.98
    assert chosen["kind"] == "pupil"
    assert math.copysign(1, chosen["defocus_y_px2"]) == (1 if name == "defocus +" else -1)


@pytest.mark.parametrize("name", FALSE)
def test_a_false_picture_does_not_call_itself_good(
    name: str, reconstruct: Reconstruct, tmp_path: Path
) -> None:
    scan = written(BEAMS[name], tmp_path)
    told = reconstruct(scan, "--set", "recipe.start.kind=autocorrelation")
    assert told["cpcc"] < 0.9
    assert (told["code"], told["verdict"]) == (0, "no picture")
    assert all(rule["text"] and rule["advice"] for rule in told["rules"])


@pytest.mark.parametrize("name", MENDED)
def test_a_file_as_others_write_it_gives_the_picture_of_the_clean_one(
    name: str, reconstruct: Reconstruct, clean: dict[str, float], tmp_path: Path
) -> None:
    write_case(name, path := tmp_path / f"{name}.cxi", GRID)
    told = reconstruct(path)
    assert (told["code"], told["verdict"]) == (0, "good"), told
    assert told["cpcc"] > reached(reconstruct, clean, tmp_path) - NEAR
    kinds = [line["why"] for line in told["left_out"]] + [
        note["code"] for note in told["notes"]
    ]
    assert KINDS[name].tells in ["", *kinds]


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_with_the_reason(
    name: str, reconstruct: Reconstruct, tmp_path: Path
) -> None:
    write_case(name, path := tmp_path / f"{name}.cxi", GRID)
    told = reconstruct(path)
    assert told["code"] == 1
    assert KINDS[name].refused in told["error"]


def test_surplus_frames_are_left_out_as_the_error_says(
    reconstruct: Reconstruct, clean: dict[str, float], tmp_path: Path
) -> None:
    write_case("surplus", path := tmp_path / "surplus.cxi", GRID)
    told = reconstruct(path, "--set", f"data.frames={math.prod(GRID)}")
    assert (told["code"], told["verdict"]) == (0, "good")
    assert told["cpcc"] > reached(reconstruct, clean, tmp_path) - NEAR


def test_swapped_positions_are_said_and_put_right_when_asked(
    reconstruct: Reconstruct, clean: dict[str, float], tmp_path: Path
) -> None:
    write_case("swapped", path := tmp_path / "swapped.cxi", GRID)
    told = reconstruct(path)
    assert (told["code"], told["verdict"]) == (0, "no picture")
    assert told["cpcc"] < 0.9
    said = {rule["rule"]: rule for rule in told["rules"]}
    assert "transpose" in said["orientation"]["advice"]
    righted = reconstruct(path, "--orientation", "auto")
    assert (righted["verdict"], righted["orientation"]) == ("good", "transpose")
    assert righted["cpcc"] > reached(reconstruct, clean, tmp_path) - NEAR


def test_a_line_of_views_is_a_strip_with_finite_figures(
    reconstruct: Reconstruct, tmp_path: Path
) -> None:
    write_case("line", path := tmp_path / "line.cxi")
    told = reconstruct(path)
    assert told["code"] == 0, told["error"]
    assert all(math.isfinite(float(value)) for value in told["figures"].values())
    assert math.isfinite(told["loss"]) and 0 < told["cpcc"] <= 1
