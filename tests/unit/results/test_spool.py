"""A spooled result is what was put there, or is said to be unreadable."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from tests.support.delivered import final_arrays, node_of
from tests.support.verdicts import NO_PICTURE, PREPARATION, START

from exitwave.files.reconstruction import Curve
from exitwave.results import AttemptRecord, Spool
from exitwave.schema.job import HeldOutFigures, Quality
from exitwave.settings.service import TiledSettings

ROWS = np.arange(60 * 6, dtype=float).reshape(60, 6)


def record(attempt: int) -> AttemptRecord:
    return replace(node_of(TiledSettings()).record, job_id="J", attempt=attempt)


def test_a_later_attempt_finds_all_of_it(tmp_path: Path) -> None:
    held_out = HeldOutFigures(patterns=20, epoch=60, poisson=1.5, amplitude=0.5)
    final = replace(
        final_arrays(),
        quality=Quality(held_out=held_out, overlap=0.7),
        curves={"prtf": Curve(columns=("a", "b"), values=np.ones((3, 2)))},
        further={"second/object": np.ones((1, 3, 4), np.complex64)},
        stopped=True,
        verdict=NO_PICTURE.model_copy(update={"figures": {"ratio": math.inf}}),
        preparation=PREPARATION,
        start=START,
    )
    spool = Spool(tmp_path / "spool")
    assert spool.newest_before("J", 2) is None
    put = spool.put(record(2), final, ROWS)
    assert spool.newest_before("J", 2) is None and spool.newest_before("K", 3) is None
    found = spool.newest_before("J", 3)
    assert found is not None and found.path == put.path and found.record == put.record
    for name in ("object_MYX", "probe_NHW", "positions_m", "known_YX"):
        np.testing.assert_array_equal(getattr(found.final, name), getattr(final, name))
    for name in ("illuminated_box", "epochs", "loss", "quality", "diverged", "complete"):
        assert getattr(found.final, name) == getattr(final, name)
    for name in ("verdict", "preparation", "start"):
        assert getattr(found.final, name) == getattr(final, name)
    assert found.final.curves["prtf"].columns == ("a", "b")
    np.testing.assert_array_equal(found.final.further["second/object"], 1)
    np.testing.assert_array_equal(found.rows, ROWS)


def test_what_cannot_be_read_is_passed_over_and_refused_ones_are_kept(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    first = spool.put(record(1), final_arrays(), ROWS)
    second = spool.put(record(2), final_arrays(), ROWS)
    second.path.write_bytes(second.path.read_bytes()[:-1000])
    np.savez(tmp_path / "J-a3.npz", object=np.zeros(3))
    found = spool.newest_before("J", 9)
    assert found is not None and found.path == first.path
    assert found.final.verdict is found.final.preparation is found.final.start is None
    kept = spool.keep_refused(found)
    with np.load(kept) as arrays:
        assert arrays["object"].shape == (1, 70, 50)
    assert spool.newest_before("J", 9) is None
