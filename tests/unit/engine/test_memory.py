"""A bound on device memory is kept, and refused where it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.support.file_frames import FileFrames, same
from torch.profiler import ProfilerActivity, profile

from exitwave.engine import ArrayFrames, Dataset, reconstruct
from exitwave.engine.data.memory import plan_memory
from exitwave.engine.gradients.step import AutogradStep
from exitwave.schema.errors import EngineError
from exitwave.schema.recipe import Recipe, Stage
from exitwave.schema.sections import StartOptions

CPU = torch.device("cpu")
RANDOM = np.random.default_rng(6)
COUNTS = RANDOM.poisson(5.0, (200, 48, 48)).astype(np.uint16)
POSITIONS = RANDOM.uniform(0, 100, (200, 2))
WHOLE = Recipe(
    stages=(Stage(epochs=1, batches=(0.5,)),),
    probe_states=2,
    start=StartOptions(kind="autocorrelation"),
)
"""The search for a start takes memory of its own: one test asks for it."""


def dataset(*, streamed: bool) -> Dataset:
    frames = FileFrames(COUNTS) if streamed else ArrayFrames(COUNTS)
    return Dataset(frames=frames, positions_px=POSITIONS)


def peak_bytes(work: Callable[[], object]) -> int:
    """The most that torch had allocated at once."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        work()
    changes = [
        event.nbytes()
        for event in recorded.profiler.kineto_results.events()
        if event.name() == "[memory]"
    ]
    return int(np.cumsum(changes).max())


def run(memory_GB: float | None, *, streamed: bool = True, recipe: Recipe = WHOLE) -> None:
    for _ in reconstruct(dataset(streamed=streamed), recipe, device="cpu", memory_GB=memory_GB):
        pass


@pytest.mark.parametrize(("subpixel", "start"), [("on", "auto"), ("off", "autocorrelation")])
def test_a_run_keeps_to_its_bound(subpixel: str, start: str) -> None:
    recipe = replace(WHOLE, subpixel=subpixel, start=StartOptions(kind=start))
    free = peak_bytes(lambda: run(None, recipe=recipe))
    for memory_GB in (0.8e-9 * free, 0.007):
        assert memory_GB * 1e9 < free, "the bound would mean nothing"
        bounded = peak_bytes(lambda bound=memory_GB: run(bound, recipe=recipe))
        assert bounded < memory_GB * 1e9


def test_the_reference_step_keeps_to_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def kind(scan, named, losses, **more):
        return AutogradStep(scan, named)

    monkeypatch.setattr("exitwave.engine.optimise.adam_optimisation.make_step", kind)
    assert peak_bytes(lambda: run(None)) > 15e6
    assert peak_bytes(lambda: run(0.012)) < 12e6


@pytest.mark.parametrize("place", ["first", "last"])
def test_waves_of_a_stage_that_always_runs_are_counted(place: str) -> None:
    waves = Stage(method="difference_map", epochs=1)
    stages = (waves, *WHOLE.stages) if place == "first" else (*WHOLE.stages, waves)
    recipe = replace(WHOLE, stages=stages)
    with pytest.raises(EngineError, match=r"the waves of all views \(dap keeps them\)") as told:
        run(1e-9, recipe=recipe)
    for times in (1.01, 1.5, 4):
        bound_GB = times * float(str(told.value).split()[-2])
        assert peak_bytes(lambda bound=bound_GB: run(bound, recipe=recipe)) < 1e9 * bound_GB


def test_streamed_frames_give_the_same_run_under_the_same_bound() -> None:
    runs = [
        list(reconstruct(dataset(streamed=streamed), WHOLE, device="cpu", memory_GB=0.01))
        for streamed in (False, True)
    ]
    assert same(*runs)


@pytest.mark.parametrize("memory_GB", [0.001, 1e-9])
def test_a_bound_that_is_too_small_says_what_is_needed(memory_GB: float) -> None:
    with pytest.raises(
        EngineError, match=r"of device memory; object, probe and 4 views"
    ) as told:
        run(memory_GB)
    needed_GB = float(str(told.value).split()[-2])
    run(1.01 * needed_GB)


def test_a_run_that_cannot_end_does_not_begin() -> None:
    """With no bound at all: what 8 states of 16000 px take is not in this machine."""
    apart = np.where(np.arange(200)[:, None] < 100, 0.0, 16_000.0)
    far = Dataset(frames=ArrayFrames(COUNTS), positions_px=POSITIONS + apart)
    for recipe in (WHOLE, Recipe(algorithm="dm", probe_states=2)):
        states = replace(recipe, object_states=8)
        with pytest.raises(EngineError, match=r"memory in this machine; object, probe"):
            plan_memory(far, states, 1, CPU, None, shifted=True)


@pytest.mark.parametrize("memory_GB", [0.0, -1.0, float("nan"), float("inf")])
def test_a_bound_is_a_positive_number(memory_GB: float) -> None:
    with pytest.raises(EngineError, match="gigabytes above 0"):
        run(memory_GB)


def test_frames_stay_on_the_device_where_there_is_room() -> None:
    device = torch.device("cuda")
    frame_bytes = COUNTS[0].nbytes
    rooms = {
        memory_GB: plan_memory(
            dataset(streamed=False), WHOLE, frame_bytes, device, memory_GB, shifted=True
        )
        for memory_GB in (0.1, 0.006)
    }
    assert not rooms[0.1].streamed and rooms[0.006].streamed
    for memory_GB, room in rooms.items():
        assert room.work_bytes is not None and 0 < room.work_bytes < memory_GB * 1e9
    in_host = plan_memory(dataset(streamed=False), WHOLE, frame_bytes, CPU, 0.006, shifted=True)
    assert not in_host.streamed
