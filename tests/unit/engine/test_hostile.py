"""What a notebook may hand over by mistake: refused in words, and no picture of garbage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from exitwave.engine import ArrayFrames, Checkpoint, Dataset, InitialGuess, reconstruct
from exitwave.schema.errors import CheckpointError, DataError, EngineError, RecipeError
from exitwave.schema.recipe import Recipe, Stage
from exitwave.schema.sections import RegularisationOptions
from exitwave.simulated_beamline.simulate import simulate

SCAN = simulate(0.5, 1e5, 0, grid=6)
COUNTS = np.fft.ifftshift(SCAN.patterns_nHW, axes=(1, 2))
POSITIONS = SCAN.positions_px
SHORT = Recipe(stages=(Stage(epochs=2, batches=(6.0,)),))


def make(counts: Any = COUNTS, positions: Any = POSITIONS, **more: Any) -> Dataset:
    return Dataset(frames=ArrayFrames(counts), positions_px=positions, **more)


def run(dataset: Any = None, recipe: Any = SHORT, start: Any = None, **more: Any) -> float:
    """The last loss."""
    dataset = make() if dataset is None else dataset
    *_, state = reconstruct(dataset, recipe, start, device="cpu", **more)
    return state.loss.total


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (Recipe(algorithm="rpie"), "recipe.algorithm: found rpie; expected one of 'dap'"),
        (Recipe(stages=()), "recipe.stages: found []; expected a list with at least one"),
        (Recipe(stages=(Stage(object_rate=50),)), "stages[0].object_rate: found 50; expected"),
        (Recipe(stages=(Stage(batches=()),)), "stages[0].batches: found []"),
        (Recipe(stages=(Stage(epochs=0),)), "stages[0].epochs: found 0"),
        (Recipe(stages=(Stage(object_schedule="x"),)), "object_schedule: found x"),
        (
            Recipe(regularisation=RegularisationOptions(ratio=float("nan"))),
            "recipe.regularisation.ratio: found nan",
        ),
        (Recipe(probe_states=0), "recipe.probe_states: found 0"),
        (
            replace(
                SHORT,
                object_states=2,
                stages=(*SHORT.stages, Stage(method="difference_map")),
            ),
            "recipe.object_states: found 2; expected 1: algorithm dm knows one",
        ),
        ({"seed": 3}, "recipe: found dict; expected a Recipe"),
    ],
)
def test_recipes_put_together_by_hand_are_checked(recipe: Any, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        next(reconstruct(make(), recipe, device="cpu"))
    assert says in str(caught.value)


def test_parameters_may_be_numbers_of_numpy() -> None:
    stage = Stage(epochs=np.int64(2), batches=(np.float32(6),))
    assert run(recipe=replace(SHORT, seed=np.int64(0), stages=(stage,))) == run()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"dataset": COUNTS}, "dataset: found ndarray; expected Dataset"),
        ({"start": {"probe": 1}}, "start: found dict; expected InitialGuess or Checkpoint"),
    ],
)
def test_arguments_of_another_kind_are_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError) as caught:
        run(**arguments)
    assert says in str(caught.value)


@pytest.mark.parametrize("scale", [1e-14, 1e-38, 1e-100])
def test_intensities_of_next_to_nothing_are_refused(scale: float) -> None:
    with pytest.raises(DataError, match="counts in a pattern on average; expected at least"):
        run(make(COUNTS * scale))


def test_the_unit_of_intensities_that_are_no_counts_does_not_matter() -> None:
    recipe = replace(SHORT, stages=(Stage(epochs=20, batches=(6,)),))
    plain = run(make(COUNTS + 0.25), recipe=recipe)
    small = run(make((COUNTS + 0.25) * 2.0**-26), recipe=recipe)
    assert small * 2.0**26 == pytest.approx(plain, rel=0.02)


def test_a_single_photon_is_no_reason_to_fail() -> None:
    lone = np.zeros_like(COUNTS)
    lone[0, 0, 1] = 1
    assert np.isfinite(run(make(lone)))


def far(index: int, where: tuple[float, float]) -> Any:
    positions = POSITIONS.copy()
    positions[index] = where
    return positions


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            {"positions": far(3, (9, 900))},
            "positions_px[3]: found (9, 900), far from all other",
        ),
        ({"positions": POSITIONS * 1e300}, "object of 9.8e+301 x 9.8e+301 px; view 5"),
        (
            {"counts": np.ones((100, 16, 16)), "positions": 0.2 * np.argwhere(np.eye(10) < 2)},
            "steps of about 0.18 px; expected steps of more than",
        ),
        ({"positions": POSITIONS * 1j}, "positions_px: found complex numbers"),
        (
            {"positions": np.ma.masked_less(POSITIONS, 9)},
            "positions_px: found a masked array",
        ),
        ({"counts": np.ma.masked_greater(COUNTS, 300)}, "belong into mask_HW"),
        (
            {"mask_HW": np.arange(64 * 64).reshape(64, 64) < 99},
            "99 valid pixels of 4096; expected at least 6 %: True = valid; is the mask",
        ),
        ({"scale_n": np.full(36, 1e10)}, "a median of 1e+10; expected relative flux, about 1"),
        ({"scale_n": np.where(np.arange(36), 1, 1e6)}, "from 1 to 1e+06; expected flux within"),
        ({"pixel_size_m": "10 nm"}, "pixel_size_m: found 10 nm; expected metres"),
    ],
)
def test_dataset_refuses(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError) as caught:
        make(**arguments)
    assert says in str(caught.value)


def test_frames_are_not_an_array() -> None:
    with pytest.raises(DataError, match=r"frames: found ndarray; expected ArrayFrames\(counts"):
        Dataset(frames=COUNTS, positions_px=POSITIONS)


def hot(value: float, *pixels: tuple[int, int]) -> Any:
    counts = COUNTS.astype(np.float64)
    for y, x in pixels:
        counts[3, y, x] = value
    return counts


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        (
            hot(2**32 - 2, (5, 6)).astype(np.uint32),
            "1 hot pixels, the first (5, 6), with up to",
        ),
        (hot(4e9, (5, 6), (40, 2)), "2 hot pixels, the first (5, 6), with up to 4e+09 counts"),
        (np.minimum(COUNTS, 300), "that reach the full scale 300: saturated"),
    ],
)
def test_pixels_that_do_not_count_are_refused(counts: Any, says: str) -> None:
    with pytest.raises(DataError) as caught:
        run(make(counts))
    assert says in str(caught.value)
    mask_HW = (counts < 300).all(axis=0)
    assert np.isfinite(run(make(counts, mask_HW=mask_HW)))


def test_a_bright_direct_beam_is_not_hot() -> None:
    assert np.isfinite(run(make(hot(2**32 - 2, (0, 0)))))


def test_equal_counts_by_symmetry_are_not_saturated() -> None:
    """The same ring of light in all frames, at the highest count in mirrored pixels."""
    y, x = np.meshgrid(*[np.minimum(np.arange(64), 64 - np.arange(64))] * 2, indexing="ij")
    ring = np.round(1000 * np.exp(-((np.hypot(y, x) - 5) ** 2)))
    assert np.isfinite(run(make(np.repeat(ring[None], 36, axis=0))))


@pytest.mark.parametrize(
    ("probe", "says"),
    [
        (np.zeros((64, 64)), "nothing but zeros; expected a wave with light"),
        (np.ones((0, 64, 64)), "found shape (0, 64, 64)"),
        (3.0, "found shape ()"),
        ("disk", "start.probe_NHW: found str; expected an array of complex numbers"),
    ],
)
def test_a_start_without_light_or_shape_is_refused(probe: Any, says: str) -> None:
    with pytest.raises(DataError) as caught:
        run(start=InitialGuess(probe_NHW=probe))
    assert says in str(caught.value)


def checkpoint() -> Checkpoint:
    return next(reconstruct(make(), SHORT, device="cpu")).checkpoint()


Damage = Callable[[Checkpoint], Checkpoint]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (
            lambda kept: replace(
                kept, tensors=kept.tensors | {"probe": kept.tensors["probe"] * np.nan}
            ),
            "checkpoint.probe: found non-finite values",
        ),
        (
            lambda kept: replace(
                kept, tensors=kept.tensors | {"object": kept.tensors["object"].real}
            ),
            "checkpoint.object: found float32; expected complex64",
        ),
        (
            lambda kept: replace(
                kept,
                session=kept.session
                | {"progress": kept.session["progress"] | {"left_out": [3, 77]}},
            ),
            "checkpoint.left_out: found [3, 77]; expected held-out frames",
        ),
        (lambda kept: replace(kept, numbers={}), "checkpoint.numbers: found a damaged one"),
    ],
)
def test_a_damaged_checkpoint_is_refused(damage: Damage, says: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        run(start=damage(checkpoint()))
    assert says in str(caught.value)


@pytest.mark.parametrize("epoch", ["two", None, -4])
def test_a_damaged_header_is_refused(epoch: Any) -> None:
    arrays = replace(checkpoint(), epoch=epoch).arrays()
    with pytest.raises(CheckpointError, match="no header that can be read"):
        Checkpoint.from_arrays(arrays)


@pytest.mark.parametrize("memory_GB", ["8", 1e300])
def test_a_bound_of_memory_is_a_number_of_gigabytes(memory_GB: Any) -> None:
    with pytest.raises(EngineError, match="gigabytes above 0"):
        run(memory_GB=memory_GB)
