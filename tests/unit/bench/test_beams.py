"""The benchmark's beams and files: sets, verdicts of stored rows, tables with their misses."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.bench import beam_jobs, beam_tables, case_tables, changes, plan, rows
from tests.bench.beam_sets import BeamScan, optics, simulate_beam, width_px
from tests.bench.case_files import DATA, KINDS, TRANSLATION, is_right, write_case
from tests.bench.cited import EARLIER
from tests.bench.command import shrunk, told_row
from tests.bench.judged import extra_findings, figures_from, judged
from tests.support.run_figures import FALSE, GOOD

from exitwave.schema.errors import InvalidInput
from exitwave.verdict import judge_run


def row(set_name: str, **values: object) -> rows.Row:
    plain: rows.Row = {
        "part": "f",
        "set": set_name,
        "method": "exitwave default",
        "seed": 1,
        "device": "",
        "status": "ok",
        "cpcc": 0.991,
        "figures": GOOD,
        "findings": [],
        "left_out": [],
        "notes": [],
        "kinds": [],
        "search_share": 0.04,
        "run_s": 40.0,
        "chosen": "pupil",
        "chosen_px2": [-270.0, -270.0],
        "runs": 1,
    }
    return plain | values


@pytest.mark.parametrize(
    "scan",
    [
        BeamScan(beam="narrow-90", sample="star"),
        BeamScan(beam="square+42a", sample="brick+grass", overlap=42, views=25, dose="1e4"),
        BeamScan(beam="wide+100a", seed=3, states=4),
    ],
)
def test_a_set_is_what_its_name_says(scan: BeamScan) -> None:
    assert BeamScan.named(scan.name) == scan


@pytest.mark.parametrize("name", ["beam_wide-60", "o50-1e4-n1", "beam_a_b_o60_v144_1e5_n"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="a name such as"):
        BeamScan.named(name)


@pytest.mark.parametrize("beam", ["narrow", "round-60", "wide*60", "wide-60b"])
def test_unknown_beams_are_refused(beam: str) -> None:
    with pytest.raises(InvalidInput, match="sign and width"):
        optics(beam)


def test_a_beam_is_as_wide_as_its_name_says_and_views_overlap_as_they_should() -> None:
    scan = BeamScan(beam="square-60a", views=16, dose="1e4", states=2)
    made = simulate_beam(scan)
    assert width_px(scan.beam) == pytest.approx((60, 40))
    light = (
        (np.abs(made.probe_NHW[0]) ** 2).sum(axis=1),
        (np.abs(made.probe_NHW[0]) ** 2).sum(axis=0),
    )
    lit = [int((line > 0.2 * line.max()).sum()) for line in light]
    assert lit == pytest.approx([60, 40], abs=6)
    steps = made.positions_px.reshape(4, 4, 2)
    down, across = np.diff(steps[..., 0], axis=0), np.diff(steps[..., 1], axis=1)
    assert down.mean() == pytest.approx(24, abs=2)
    assert across.mean() == pytest.approx(16, abs=2)
    assert np.unique(down).size > 1
    assert (made.positions_px == np.rint(made.positions_px)).all()
    assert made.counts_nHW.sum(axis=(1, 2)).max() == pytest.approx(1e4, rel=0.05)
    powers = (np.abs(made.probe_NHW) ** 2).sum(axis=(1, 2))
    assert powers[1] / powers[0] == pytest.approx(0.5, rel=1e-4)


def test_every_pupil_is_tried_with_both_signs_and_all_rows_are_told_apart() -> None:
    beams = [beam for beam, _ in beam_jobs.BEAMS]
    signs = {(beam.split(sign)[0], sign) for beam in beams for sign in "+-" if sign in beam}
    assert signs == {(pupil, sign) for pupil in {one for one, _ in signs} for sign in "+-"}
    jobs = [job for part in plan.BEAM_PARTS.values() for job in part("cpu")]
    assert len({(job.part, job.set, job.method, job.seed) for job in jobs}) == len(jobs)


def test_rows_of_sets_that_are_no_more_are_dropped(tmp_path: Path) -> None:
    kept = BeamScan(beam="narrow-75").name
    made = [row(kept, date="1"), row(BeamScan(beam="narrow-33").name, date="1")]
    published = rows.publish(made, tmp_path, plan.is_planned)
    assert [one["set"] for one in published] == [kept]
    assert len(json.loads((tmp_path / "f.json").read_text())) == 1
    assert plan.is_planned({"part": "a", "set": "o50-1e4-n1", "method": "m", "seed": 1})


def test_a_row_is_judged_by_the_rules_as_they_are_now() -> None:
    spoken = judge_run(figures_from(FALSE)).rules
    other = {"rule": "a_test_beside", "says": "doubtful", "text": "x"}
    stored = [*(rule.model_dump(mode="json") for rule in spoken), other]
    assert extra_findings(stored, FALSE) == [other]
    assert judged(row("x", figures=GOOD)).verdict == "good"
    assert judged(row("x", figures=FALSE, verdict="good")).verdict == "no picture"
    assert judged(row("x", findings=[other])).verdict == "doubtful"


def test_what_the_command_told_becomes_a_row() -> None:
    start = {"kind": "pupil", "defocus_y_px2": -3.0, "defocus_x_px2": -2.0}
    told = {
        "verdict": "good",
        "rules": [],
        "figures": {**GOOD, "fit": "Infinity"},
        "left_out": [{"why": "hot", "text": "two pixels"}],
        "notes": [{"code": "gain", "text": "18"}],
        "start": {"chosen": start, "tried": [start, start], "runs": 2, "seconds": 2.0},
        "epochs": 340,
        "seconds": 40.0,
    }
    made = told_row(told)
    assert made["kinds"] == ["hot", "gain"] and made["cpcc"] is None
    assert (made["search_share"], made["chosen_px2"], made["runs"]) == (0.05, [-3.0, -2.0], 2)
    assert made["figures"]["fit"] == float("inf")


def test_pictures_shrink_to_a_tile() -> None:
    small = shrunk(np.full((410, 30), 2 + 1j, np.complex64))
    assert small.shape == (136, 10) and np.allclose(small, 2 + 1j)


def test_a_beam_below_what_is_demanded_is_marked() -> None:
    name = BeamScan(beam="narrow-75").name
    three = [row(name), row(name, cpcc=0.97, figures=FALSE), row(name, search_share=0.2)]
    page = beam_tables.beams(three)
    assert "1 of 3 runs are below what is demanded, 0 of them called good." in page
    assert "**0.9700 (missed)** | 0.985 (0.99) | 2 good, 1 no picture" in page
    assert "at most **20.0 % (missed)**" in page
    praised = beam_tables.beams([row(name, cpcc=0.97)])
    assert "1 of them called good" in praised
    failed = beam_tables.beams([row(name, status="failed", error="no light")])
    assert "failed: no light" in failed and "1 runs failed" in failed


def test_the_true_probe_stands_beside_the_beam_that_was_found() -> None:
    name = BeamScan(beam="narrow-75", sample="star").name
    true = row(name, part="h", method=beam_jobs.TRUE_PROBE, cpcc=0.995)
    near = beam_tables.samples([row(name, part="h", cpcc=0.99), true])
    far = beam_tables.samples([row(name, part="h", cpcc=0.98), true])
    assert "| narrow-75 | star | 0.9900 | 0.9950 | +0.0050 |" in near
    assert "**+0.0150 (missed)**" in far


def test_a_file_ends_right_or_said() -> None:
    hot, swapped, missing = (KINDS[name] for name in ("hot", "swapped", "missing-source"))
    found = row("case_hot", kinds=["hot"])
    assert is_right(hot, found, "good")
    assert not is_right(hot, found, "doubtful")
    assert not is_right(hot, row("case_hot"), "good")
    assert not is_right(hot, found | {"cpcc": 0.9}, "good")
    assert is_right(swapped, row("case_swapped", cpcc=0.5), "doubtful")
    assert not is_right(swapped, row("case_swapped", cpcc=0.5), "good")
    refused = {"status": "failed", "error": "expected the file moved_elsewhere.h5"}
    assert is_right(missing, refused, "refused") and not is_right(hot, refused, "refused")
    assert not is_right(missing, row("case_missing-source"), "good")
    page = case_tables.cases([row("case_hot", kinds=["hot"]), row("case_swapped")])
    assert "1 of\n2 end right" in page and "**no (missed)**" in page


def test_files_differ_from_the_clean_one_as_they_should(tmp_path: Path) -> None:
    made = {}
    for name in ("clean", "swapped", "four-dimensional", "detector-paths"):
        write_case(name, tmp_path / f"{name}.cxi", grid=(2, 3))
        with h5py.File(tmp_path / f"{name}.cxi") as file:
            made[name] = {key: file[key][()] for key in (DATA, TRANSLATION) if key in file}
    clean = made["clean"]
    assert clean[DATA].shape == (6, 64, 64)
    assert made["four-dimensional"][DATA].shape == (2, 3, 64, 64)
    assert np.allclose(made["swapped"][TRANSLATION], clean[TRANSLATION][:, [1, 0, 2]])
    assert made["detector-paths"] == {}


def test_a_fall_and_a_slower_run_are_marked() -> None:
    cpcc, _, seconds = EARLIER[50, "1e4"]
    same = {"epochs_to_97": 42, "s_to_97": seconds, "search_share": 0.01}
    kept = changes.changes([{"set": "o50-1e4-n1", "cpcc": cpcc - 0.0005, **same}])
    assert "0 of these are missed" in kept and "| -0.0005 |" in kept
    worse = {**same, "s_to_97": 1.3 * seconds}
    page = changes.changes([{"set": "o50-1e4-n1", "cpcc": cpcc - 0.002, **worse}])
    assert "2 of these are missed" in page
    assert "**-0.0020 (missed)**" in page and "**1.30 (missed)**" in page
    never = changes.changes([{"set": "o50-1e4-n1", "cpcc": cpcc}])
    assert "1 of these are missed" in never and "**– (missed)**" in never
