"""A run whose picture foretells nothing begins again from the next start."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.support.pupils import RING, SIDE, scan_of

import exitwave.engine.session.session as session
from exitwave.engine import ArrayFrames, Checkpoint, Dataset, EpochState, reconstruct
from exitwave.engine.initial_guess import Candidate, Search
from exitwave.quality import align, rectangle_of_centres
from exitwave.schema.errors import CheckpointError
from exitwave.schema.recipe import Recipe, Stage
from exitwave.schema.sections import StartKind, StartOptions

RECIPE = Recipe(stages=(Stage(epochs=20, batches=(2.0, 4.0)), Stage(epochs=20, batches=(6.0,))))
RIGHT = Candidate(kind="pupil", defocus_px2=(-80.0, -80.0), loss=0.2)
WRONG = Candidate(kind="pupil", defocus_px2=(80.0, 80.0), loss=0.1)


@pytest.fixture(scope="module")
def ring() -> tuple[Dataset, np.ndarray]:
    dataset, object_YX, _ = scan_of(RING, (-80.0, -80.0))
    return dataset, object_YX


def first_wrong(monkeypatch: pytest.MonkeyPatch, worth: int = 2) -> None:
    found = Search(candidates=(WRONG, RIGHT), worth=worth)
    monkeypatch.setattr(session, "search", lambda scan, recipe: found)


def cpcc(state: EpochState, object_YX: np.ndarray) -> float:
    region = rectangle_of_centres(state.positions_px, (SIDE, SIDE))
    return align(state.object_MYX()[0], object_YX, region).cpcc


def test_the_next_best_start_finds_the_picture(
    ring: tuple[Dataset, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, object_YX = ring
    first_wrong(monkeypatch)
    states = list(reconstruct(dataset, RECIPE))
    assert [state.epoch for state in states] == list(range(1, len(states) + 1))
    first_of_second = next(state for state in states if state.runs == 2)
    assert first_of_second.epoch == 20, "noticed as the first stage ended"
    assert (first_of_second.run, states[-1].run) == (1, 2)
    assert first_of_second.epochs == states[-1].epochs == len(states) == 60
    assert cpcc(states[19], object_YX) < 0.7 < 0.95 < cpcc(states[-1], object_YX)
    assert states[-1].evidence().explained() > 0.6


def test_with_no_other_start_the_run_goes_on_to_its_end(
    ring: tuple[Dataset, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    first_wrong(monkeypatch, worth=1)
    *_, last = reconstruct(ring[0], RECIPE)
    assert (last.epoch, last.epochs, last.run) == (40, 40, 1)
    assert last.evidence().explained() < 0.5


def test_of_several_wrong_runs_the_best_picture_is_the_last(
    ring: tuple[Dataset, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One stage: noticed only at the end, so that whole runs are compared."""
    single = replace(RECIPE, stages=(Stage(epochs=25, batches=(3.0,)),))
    monkeypatch.setattr(session, "finds_no_picture", lambda evidence: True)
    monkeypatch.setattr(
        session, "search", lambda scan, recipe: Search(candidates=(RIGHT, WRONG), worth=2)
    )
    states = list(reconstruct(ring[0], single))
    assert len(states) == 50
    assert (states[-1].run, states[-1].runs, states[-2].run) == (1, 2, 2)
    assert np.array_equal(states[-1].object_MYX(), states[24].object_MYX())
    assert cpcc(states[-1], ring[1]) > 0.9 > cpcc(states[-2], ring[1])


def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The right start shows no picture after its first stage, nor does the wrong one."""
    found = Search(candidates=(RIGHT, WRONG), worth=2)
    monkeypatch.setattr(session, "search", lambda scan, recipe: found)
    monkeypatch.setattr(session, "finds_no_picture", lambda e: e.epoch < 60)


def test_a_start_given_up_too_soon_goes_on_where_no_other_is_better(
    ring: tuple[Dataset, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    late(monkeypatch)
    states = list(reconstruct(ring[0], RECIPE))
    assert [state.epoch for state in states] == list(range(1, 61)), "two first stages, a second"
    assert [states[n].runs for n in (0, 20, 40)] == [1, 2, 3]
    assert states[-1].run == 1
    monkeypatch.setattr(session, "finds_no_picture", lambda e: False)
    *_, straight = reconstruct(ring[0], RECIPE)
    assert np.array_equal(states[-1].object_MYX(), straight.object_MYX())


@pytest.mark.parametrize("epoch", [20, 30, 40, 50])
def test_a_run_that_was_set_aside_is_in_the_checkpoint(
    ring: tuple[Dataset, np.ndarray], monkeypatch: pytest.MonkeyPatch, epoch: int
) -> None:
    late(monkeypatch)
    kept: dict[str, np.ndarray] = {}
    for state in reconstruct(ring[0], RECIPE):
        if state.epoch == epoch:
            checkpoint = state.checkpoint()
            kept = checkpoint.arrays()
            held = sum(tensor.nbytes for tensor in checkpoint.tensors.values())
            assert state.checkpoint_bytes == held
    *_, resumed = reconstruct(ring[0], RECIPE, Checkpoint.from_arrays(kept))
    assert (resumed.epoch, resumed.run, resumed.runs) == (60, 1, 3)
    assert np.array_equal(resumed.object_MYX(), state.object_MYX())


def test_a_damaged_run_set_aside_is_refused_at_once(
    ring: tuple[Dataset, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    late(monkeypatch)
    state = next(s for s in reconstruct(ring[0], RECIPE) if s.epoch == 30)
    checkpoint = state.checkpoint()
    torn = {name: kept for name, kept in checkpoint.tensors.items() if name != "deferred/probe"}
    with pytest.raises(CheckpointError, match=r"checkpoint.probe: found nothing"):
        next(reconstruct(ring[0], RECIPE, replace(checkpoint, tensors=torn)))


@pytest.mark.parametrize("epoch", [10, 20, 27])
def test_cut_before_at_and_after_the_new_beginning_it_resumes_bit_for_bit(
    ring: tuple[Dataset, np.ndarray], monkeypatch: pytest.MonkeyPatch, epoch: int
) -> None:
    first_wrong(monkeypatch)
    kept: dict[str, np.ndarray] = {}
    for state in reconstruct(ring[0], RECIPE):
        if state.epoch == epoch:
            kept = state.checkpoint().arrays()
    monkeypatch.setattr(session, "search", None)  # what was found is in the checkpoint
    *_, resumed = reconstruct(ring[0], RECIPE, Checkpoint.from_arrays(kept))
    assert (resumed.epoch, resumed.run) == (state.epoch, state.run)
    assert np.array_equal(resumed.object_MYX(), state.object_MYX())
    assert resumed.search == state.search


@pytest.mark.parametrize(
    ("start", "stages"), [("auto", {1, 3}), ("autocorrelation", {1, 2, 3})]
)
def test_of_a_beam_out_of_focus_the_difference_map_is_left_out(
    ring: tuple[Dataset, np.ndarray], start: StartKind, stages: set[int]
) -> None:
    brief = Stage(epochs=2, batches=(9.0,))
    recipe = Recipe(
        stages=(brief, Stage(method="difference_map", epochs=2), brief),
        start=StartOptions(kind=start),
    )
    states = list(reconstruct(ring[0], recipe))
    assert {state.stage for state in states} == stages
    assert states[-1].epoch == states[-1].epochs == 2 * len(stages)


def test_with_no_pixel_left_out_a_right_start_is_not_blamed(
    ring: tuple[Dataset, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        session, "search", lambda scan, recipe: Search(candidates=(RIGHT, WRONG), worth=2)
    )
    *_, last = reconstruct(ring[0], replace(RECIPE, held_out_pixels=0.0))
    assert (last.epoch, last.runs) == (40, 1)
    assert np.isnan(last.evidence().explained())
    assert cpcc(last, ring[1]) > 0.95


def test_a_short_run_is_not_blamed_on_its_start(
    ring: tuple[Dataset, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    first_wrong(monkeypatch)
    short = replace(RECIPE, stages=(Stage(epochs=5, batches=(6.0,)),))
    assert len(list(reconstruct(ring[0], short))) == 5


def foggy(dataset: Dataset, frames: list[int]) -> Dataset:
    counts = dataset.frames.read(np.arange(len(dataset.frames))).copy()
    counts[frames] += (
        np.random.default_rng(1)
        .poisson(20 * counts.mean(), counts[frames].shape)
        .astype(counts.dtype)
    )
    return replace(dataset, frames=ArrayFrames(counts))


def test_frames_that_nothing_explains_are_left_out_and_told(
    ring: tuple[Dataset, np.ndarray],
) -> None:
    dataset, object_YX = ring
    longer = replace(RECIPE, stages=(Stage(epochs=40, batches=(2.0, 4.0, 8.0)),))
    *_, last = reconstruct(foggy(dataset, [5, 20]), longer)
    assert last.wild_frames.tolist() == [5, 20]
    assert (last.epoch, last.runs, last.run) == (80, 2, 1)
    assert not last.evidence().fitted_n[[5, 20]].any()
    assert cpcc(last, object_YX) > 0.93
    *_, clean = reconstruct(dataset, longer)
    assert clean.wild_frames.size == 0 and clean.runs == 1


def test_where_many_frames_lie_none_is_called_wild(ring: tuple[Dataset, np.ndarray]) -> None:
    frames = np.flatnonzero(np.arange(36) % 3 == 0).tolist()
    longer = replace(RECIPE, stages=(Stage(epochs=40, batches=(2.0, 4.0, 8.0)),))
    for state in reconstruct(foggy(ring[0], frames), longer):
        assert state.wild_frames.size == 0
