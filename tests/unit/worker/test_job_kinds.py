"""What a job that reconstructs comes to when its verdict is not good."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from tests.unit.engine.told import raster, scan_at
from tests.unit.prepare.made import GEOMETRY, PIXEL_M, MadeScan

from exitwave.engine import EpochState, reconstruct
from exitwave.prepare import Prepared, build_dataset, oriented
from exitwave.schema.data import DataOptions
from exitwave.schema.recipe import Recipe, Stage
from exitwave.verdict import diagnosis
from exitwave.worker.engine_process.job_kinds import reconstruction
from exitwave.worker.protocol import JobCancelledError, JobPreemptedError, JobStoppedError

RECIPE = Recipe(stages=(Stage(epochs=2, batches=(8.0,)),))
ENGINE = partial(reconstruct, device="cpu")


@pytest.fixture(scope="module")
def swapped() -> Prepared:
    told = scan_at(raster(6, 6, 14), "ring+80")
    positions_m = oriented(told.positions_px, "transpose") * PIXEL_M
    counts = np.fft.fftshift(told.counts_nHW, axes=(1, 2))
    return build_dataset(MadeScan(counts, positions_m), DataOptions(), GEOMETRY)


def follow(state: EpochState) -> None:
    """Takes no note."""


def raises(error: type[Exception]) -> None:
    raise error


def test_the_verdict_says_why(swapped: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "LEAST_S", 600.0)
    monkeypatch.setattr(diagnosis, "MOST_S", 600.0)
    final = reconstruction(ENGINE, swapped, RECIPE, "cpu", follow, lambda: None)
    assert final.verdict is not None
    assert "orientation" in {found.rule for found in final.verdict.rules}


@pytest.mark.parametrize("order", [JobStoppedError, JobPreemptedError])
def test_an_order_to_end_keeps_the_result_without(
    swapped: Prepared, order: type[Exception]
) -> None:
    final = reconstruction(ENGINE, swapped, RECIPE, "cpu", follow, partial(raises, order))
    assert final.verdict is not None and final.verdict.verdict != "good"
    assert "orientation" not in {found.rule for found in final.verdict.rules}
    assert final.complete and not final.stopped


def test_a_cancelled_job_has_no_result(swapped: Prepared) -> None:
    with pytest.raises(JobCancelledError):
        reconstruction(
            ENGINE, swapped, RECIPE, "cpu", follow, partial(raises, JobCancelledError)
        )
