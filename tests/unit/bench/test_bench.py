"""The benchmark's bookkeeping: rows are found again, merged and shown."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.bench import mixed, rows, tables, timings
from tests.bench.company import Company, disturbed


def row(**values: object) -> rows.Row:
    plain: rows.Row = {
        "part": "a",
        "set": "o50-1e4-n1",
        "method": "exitwave default",
        "seed": 1,
        "device": "",
        "status": "ok",
        "date": "2026-11-22T20:00:00+00:00",
        "machine": "some processor",
        "commit": "abc",
        "threads": 1,
        "start": "own",
        "epochs": 340,
        "s_per_epoch": 0.03,
    }
    return plain | values


def test_a_row_is_found_again_until_anything_it_depends_on_changes(tmp_path: Path) -> None:
    settings = {"options": {"rate": 0.1}, "code": "1"}
    key = rows.row_key("a", "o50-1e4-n1", "m", settings)
    store = rows.Store(tmp_path)
    assert store.find(key) is None
    store.put(key, row(cpcc=0.9))
    assert rows.Store(tmp_path).find(key) == row(cpcc=0.9)
    for other in ({**settings, "code": "2"}, {**settings, "options": {"rate": 0.2}}):
        assert store.find(rows.row_key("a", "o50-1e4-n1", "m", other)) is None


def test_publishing_keeps_the_newest_row_of_each_run_and_other_devices(tmp_path: Path) -> None:
    rows.publish([row(cpcc=0.9), row(cpcc=0.8, device="a GPU")], tmp_path)
    newer = row(cpcc=0.95, date="2026-11-22T21:00:00+00:00")
    rows.publish([newer], tmp_path)
    published = json.loads((tmp_path / "a.json").read_text())
    assert sorted(entry["cpcc"] for entry in published) == [0.8, 0.95]


def test_the_table_says_what_was_reached_beside_what_is_demanded() -> None:
    made = [row(seed=seed, cpcc=0.98 + 0.003 * seed, epochs_s=3.0) for seed in (1, 2, 3)]
    page = tables.page(made)
    assert "**0.9860** ± 0.0030 (0.985)" in page
    assert "0 of 1 cells" in page
    assert "1 of 1 cells" in tables.page([row(cpcc=0.98)])


def test_levels_are_medians_and_missing_where_a_run_did_not_reach_them() -> None:
    reached = {"epochs_to_95": 20, "s_to_95": 1.0, "epochs_to_97": 40, "s_to_97": 2.0}
    made = [row(seed=seed, cpcc=0.98, **reached) for seed in (1, 2)]
    slower = row(seed=3, cpcc=0.98, epochs_to_95=30, s_to_95=3.0, epochs_to_97=None)
    assert "20 (1.0 s), 40 (2.0 s)" in tables.page(made)
    assert "20 (1.0 s), –" in tables.page([*made, slower])


def test_default_stands_beside_the_peers_from_its_own_start() -> None:
    peer = row(part="b", method="a peer", start="disk", cpcc=0.97)
    page = tables.page([row(cpcc=0.98), row(seed=2, cpcc=0.98), peer])
    section = page.split("## Beside baselines and peers")[1]
    assert section.count("| exitwave default | own |") == 1
    assert section.index("exitwave default") < section.index("a peer")


def test_a_failure_is_a_row_that_says_so() -> None:
    failed = row(part="b", start="disk", status="failed", error="NaN encountered")
    assert "failed: NaN encountered" in tables.page([failed])


def test_the_exponent_of_the_cost() -> None:
    assert timings.exponent([(n, 0.01 * n**1.05) for n in (128, 512, 2048)]) == pytest.approx(
        1.05
    )


def test_growth_is_of_epochs_in_one_run() -> None:
    """The machine was twice as slow when it ran the larger scan by itself."""
    speed = {"part": "e", "threads": 2}
    alone = row(set="n512", method="exitwave, batch 64", s_per_epoch=0.08, **speed)
    in_turn = row(set="n128", s_per_epoch=0.01, s_per_epoch_beside={"n512": 0.04}, **speed)
    assert "costs frames^1.00" in timings.speed([alone, in_turn])


@pytest.mark.parametrize("kind", ["mll", "fzp"])
def test_mixed_scans_are_the_sum_of_orthogonal_states(kind: mixed.Kind) -> None:
    scan = mixed.simulate_mixed(kind, 1e5, seed=1, grid=3)
    again = mixed.simulate_mixed(kind, 1e5, seed=1, grid=3)
    assert np.array_equal(scan.counts_nHW, again.counts_nHW)
    flat = scan.probe_NHW.reshape(len(scan.probe_NHW), -1).astype(complex)
    powers = np.abs(flat.conj() @ flat.T)
    shares = np.diag(powers) / np.trace(powers)
    assert shares == pytest.approx(mixed.SHAPES[kind].powers, rel=1e-4)
    assert np.abs(powers - np.diag(np.diag(powers))).max() < 1e-3 * powers.max()
    assert scan.counts_nHW.sum(axis=(1, 2)).mean() == pytest.approx(1e5, rel=0.01)
    far = scan.positions_px.max(axis=0) + scan.counts_nHW.shape[1:]
    assert (far <= scan.object_YX.shape).all() and scan.positions_px.min() == mixed.MARGIN_PX


def test_other_work_is_told_from_our_own() -> None:
    spin = [sys.executable, "-c", "import time\nt = time.time()\nwhile time.time() - t < 2: 0"]
    company = Company()
    subprocess.run(spin, check=True)
    alone = company.cores()
    company = Company()
    with subprocess.Popen(spin):  # not waited for yet: somebody else's
        time.sleep(1.5)
        beside = company.cores()
    assert alone is not None and beside is not None
    assert beside - alone > 0.4
    assert disturbed(0.5) and disturbed(None) and not disturbed(0.05)


def test_a_run_is_charged_with_its_own_memory_alone() -> None:
    program = (
        "from exchange import forget_peak, peak_bytes; import numpy as np\n"
        "loaded = np.ones(20_000_000); del loaded\n"
        "before = forget_peak()\n"
        "worked = np.ones(10_000_000); del worked\n"
        "print(peak_bytes() - before)"
    )
    here = np.ones(50_000_000)  # a child's ru_maxrss begins with what its parent had
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(rows.__file__).parent / "methods",
        capture_output=True,
        text=True,
        check=True,
    )
    assert here.size
    assert 75e6 < int(ran.stdout) < 100e6
