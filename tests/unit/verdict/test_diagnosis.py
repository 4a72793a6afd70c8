"""What explains a bad run: said where it is clear, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from tests.unit.engine.told import Positions, Told, raster, scan_at
from tests.unit.prepare.made import GEOMETRY, PIXEL_M, MadeScan

from exitwave.engine import EpochState, reconstruct
from exitwave.prepare import ORIENTATIONS, Prepared, build_dataset, inverse_of, oriented
from exitwave.recipes.loading import resolve_recipe
from exitwave.schema.data import DataOptions
from exitwave.schema.recipe import Recipe, Stage
from exitwave.schema.verdict import Finding, OrientationTried, Verdict
from exitwave.verdict import diagnosed, with_findings
from exitwave.verdict.diagnosis import after, diagnose, order_of_tests

CPU = torch.device("cpu")
SHORT = Recipe(stages=(Stage(epochs=1, batches=(8.0,)),))
ask = partial(diagnose, device=CPU, seconds=600)


class ToldToEndError(Exception):
    """By whoever asks."""


@pytest.fixture(scope="module")
def ring() -> Told:
    return scan_at(raster(6, 6, 14), "ring+80")


def brought(
    told: Told, positions_px: Positions | None = None, data: DataOptions | None = None
) -> Prepared:
    """With these positions."""
    told_px = told.positions_px if positions_px is None else positions_px
    scan = MadeScan(
        counts=np.fft.fftshift(told.counts_nHW, axes=(1, 2)), positions=told_px * PIXEL_M
    )
    return build_dataset(scan, data or DataOptions(), GEOMETRY)


def searched(prepared: Prepared) -> Prepared:
    """As if the orientation had been found before."""
    tried = [OrientationTried(orientation="none", loss=0.1)]
    told = prepared.preparation.model_copy(update={"orientations_tried": tried})
    return replace(prepared, preparation=told)


def run(prepared: Prepared, recipe: Recipe) -> EpochState:
    return list(reconstruct(prepared.dataset, recipe, device="cpu"))[-1]


def told_of(prepared: Prepared, recipe: Recipe = SHORT) -> list[Finding]:
    return ask(prepared, recipe, run(prepared, recipe))


def test_swapped_axes_are_said_with_what_to_type(ring: Told) -> None:
    [found] = told_of(brought(ring, oriented(ring.positions_px, "transpose")))
    assert (found.rule, found.says) == ("orientation", "doubtful")
    assert "data.orientation=transpose (" in found.advice
    assert "axes swapped" in found.text
    assert found.figures["loss"] < 0.9 * found.figures["loss_as_told"]


def test_advice_counts_in_what_was_done_before(ring: Told) -> None:
    # Swapping is right; the positions were mirrored instead.
    swapped = oriented(ring.positions_px, "transpose")
    data = DataOptions(orientation="flip_y")
    [found] = told_of(brought(ring, swapped, data))
    advised = found.advice.split("data.orientation=")[1].split()[0]
    assert advised in {"transpose", "transpose_flip_yx"}


def test_orientations_after_one_another() -> None:
    for name in ORIENTATIONS:
        assert after(name, inverse_of(name)) == "none"
        assert after("none", name) == name
    assert after("flip_y", "transpose") == "transpose_flip_x"


def test_a_lost_frame_is_said_with_its_place() -> None:
    told = scan_at(raster(6, 6, 12, serpentine=True))
    counts = np.delete(told.counts_nHW, 18, axis=0)
    prepared = searched(brought(Told(counts, told.positions_px[:-1])))
    short = {f"stages.{n}.epochs": epochs for n, epochs in ((2, 30), (3, 10))}
    [found] = told_of(prepared, resolve_recipe("fast", short))
    assert found.rule == "frames_out_of_step"
    assert abs(found.figures["first"] - 18) <= 3
    assert found.figures["by"] == 1
    assert "one frame was lost" in found.text
    assert f"data.frames={found.figures['first']:.0f} " in found.advice


def test_positions_too_far_apart_are_said_with_the_factor(ring: Told) -> None:
    prepared = searched(brought(ring, 1.2 * ring.positions_px))
    [found] = told_of(prepared)
    assert found.rule == "scale_of_positions"
    assert found.figures["factor"] == pytest.approx(1 / 1.2, rel=0.05)
    distance_m = float(found.advice.split("geometry.distance_m=")[1])
    assert distance_m == pytest.approx(1.2 * GEOMETRY.distance_m, rel=0.05)


def test_nothing_is_said_of_positions_that_belong_to_their_frames(ring: Told) -> None:
    assert told_of(brought(ring)) == []


@pytest.mark.parametrize("views", [raster(1, 3, 12), raster(1, 20, 6), raster(4, 5, 12)[:17]])
def test_nothing_is_said_of_scans_that_cannot_tell(views: Positions) -> None:
    assert told_of(brought(scan_at(views, photons=300))) == []


def test_nothing_is_said_once_the_time_is_over(ring: Told) -> None:
    prepared = brought(ring, oriented(ring.positions_px, "transpose"))
    last = run(prepared, SHORT)
    assert diagnose(prepared, SHORT, last, CPU, seconds=0) == []


def test_a_good_run_is_not_looked_into_and_others_end_when_told(ring: Told) -> None:
    def stop() -> None:
        raise ToldToEndError

    prepared = brought(ring)
    last = run(prepared, SHORT)
    judged = partial(
        diagnosed,
        prepared=prepared,
        recipe=SHORT,
        last=last,
        device=CPU,
        run_s=1.0,
        interrupt=stop,
    )
    good = Verdict(verdict="good")
    assert judged(good) == good
    with pytest.raises(ToldToEndError):
        judged(Verdict(verdict="doubtful"))


def test_of_a_scan_that_seems_stretched_the_scale_is_looked_into_first() -> None:
    finding = Finding(rule="distorted_places", says="doubtful", text="-", advice="-")
    plain = Verdict(verdict="doubtful", rules=[])
    names = [
        test.__name__ for test in order_of_tests(plain.model_copy(update={"rules": [finding]}))
    ]
    assert names == ["_scale", "_orientation", "_out_of_step"]
    assert next(test.__name__ for test in order_of_tests(plain)) == "_orientation"


def test_a_mirrored_axis_is_said_of_a_picture_that_fits(ring: Told) -> None:
    mirrored = brought(ring, ring.positions_px * np.array([-1.0, 1.0]))
    recipe = Recipe(stages=(Stage(epochs=16, batches=(2.0, 4.0)),))
    good = Verdict(verdict="good", rules=[])
    last = run(mirrored, recipe)
    found = diagnosed(good, mirrored, recipe, last, CPU, run_s=600)
    assert (found.verdict, [rule.rule for rule in found.rules]) == ("doubtful", ["orientation"])
    assert "flip_y" in found.rules[0].advice
    right = brought(ring)
    assert diagnosed(good, right, recipe, run(right, recipe), CPU, run_s=600) is good


def test_findings_never_make_a_verdict_better() -> None:
    worst = Finding(rule="fitted_pixels", says="no picture", text="nothing")
    found = Finding(rule="orientation", says="doubtful", text="swapped")
    verdict = Verdict(verdict="no picture", rules=[worst], figures={"fit": 3.0})
    both = with_findings(verdict, [found])
    assert both == verdict.model_copy(update={"rules": [worst, found]})
    assert with_findings(Verdict(verdict="good"), [found]).verdict == "doubtful"
    assert with_findings(verdict, []) == verdict
