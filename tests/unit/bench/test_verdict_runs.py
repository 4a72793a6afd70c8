"""The verdict's collection: what is bad, what is wrong, and what the page says of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.bench import verdict_runs
from tests.bench.rows import Row
from tests.bench.verdict_runs import Desk, best_of_scenes, is_bad, row_of, with_references
from tests.bench.verdict_sets import PHOTO, RING, Case, scan_of
from tests.bench.verdict_tables import collection, tell
from tests.support.run_figures import FALSE, GOOD

SHORT = {"stages": [{"epochs": 2, "batches": [0.1]}], "start.kind": "autocorrelation"}


def run(name: str, cpcc: float | None, figures: dict[str, float], **values: object) -> Row:
    plain: Row = {
        "set": name,
        "method": "exitwave fast",
        "status": "ok" if cpcc is not None else "failed",
        "error": "too far off",
        "cpcc": cpcc,
        "figures": figures,
        "findings": [],
        "scene": "a scene",
        "fault": "",
        "strength": 0,
        "screened": True,
        "changed": [],
    }
    return plain | values


FAULTY = {"fault": "hot", "strength": 2}
RUNS = [
    run("clean", 0.99, GOOD),
    run("clean, worse recipe", 0.98, GOOD),
    run("seen", 0.5, FALSE, **FAULTY),
    run("not seen", 0.93, GOOD, **FAULTY),
    run("mended", 0.98, GOOD, **FAULTY),
    run("doubted", 0.97, FALSE, **FAULTY),
    run("refused", None, {}, **FAULTY),
]


def test_bad_is_what_is_far_behind_its_scene_or_below_the_least() -> None:
    best = best_of_scenes(RUNS)
    assert best == {"a scene": 0.99}
    assert [one["set"] for one in RUNS if is_bad(one, best)] == ["seen", "not seen", "refused"]
    poor = run("poor but no better", 0.91, GOOD, scene="another")
    assert not is_bad(poor, best_of_scenes([poor]))
    assert is_bad(run("x", 0.89, GOOD), best)


def test_both_rates_and_every_run_that_the_verdict_gets_wrong_are_told() -> None:
    assert [one.row["set"] for one in tell(RUNS) if one.wrong] == ["not seen", "doubted"]
    page = collection(RUNS)
    assert "Of 3 bad runs **66.7 % (missed)** are not called good" in page
    assert "Of 4 good runs **25.0 % (missed)** are doubted" in page
    assert "| hot | 2 | 5 | 0.500 to 0.980 | 3 | 1 | 1 |" in page
    wrong = page.split("### Where it is wrong")[1]
    assert "| not seen | 0.930 | 0.990 | good |" in wrong and "| doubted |" in wrong
    assert "| seen |" not in wrong and "| clean |" not in wrong
    assert "Nowhere." in collection(RUNS[:3])


def test_every_scene_has_a_run_with_nothing_wrong() -> None:
    faulty = Case(scene=RING, fault="hot", strength=1)
    other = Case(scene=PHOTO, recipe="default", overrides=SHORT)
    cases = list(with_references([faulty, other, Case(scene=PHOTO)]))
    assert cases[3:] == [Case(scene=RING)]


def test_a_row_is_made_once_and_again_where_its_scan_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = replace(PHOTO, grid=(4, 4), step_px=8)
    case = Case(scene=scene, fault="scale", strength=3, recipe="default", overrides=SHORT)
    desk = Desk(tmp_path, fresh=False)
    made = row_of(case, desk)
    assert made["status"] == "ok", made
    assert made["epochs"] == 2 and 0 <= made["cpcc"] < 0.9
    assert made["verdict"] != "good" and made["figures"]["frames"] == 16
    assert row_of(case, desk) == made
    brought = scan_of(case)
    turned = replace(brought, positions_px=brought.positions_px[::-1])
    monkeypatch.setattr(verdict_runs, "scan_of", lambda _: turned)
    assert row_of(case, desk)["key"] != made["key"]


def test_a_scan_that_is_refused_is_a_row_that_says_so(tmp_path: Path) -> None:
    apart = Case(scene=replace(PHOTO, grid=(3, 3), step_px=100), overrides=SHORT)
    refused = row_of(replace(apart, recipe="default"), Desk(tmp_path, fresh=False))
    assert refused["status"] == "failed" and "overlap" in refused["error"]
    assert "cpcc" not in refused
