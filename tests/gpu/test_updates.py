"""Steps and updates on a GPU: right, recorded, without a look back, repeatable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.support.gradients import assert_equals_reference
from tests.support.simulated import as_dataset
from tests.unit.engine.scene import Scene, make_scene

from exitwave.engine import reconstruct
from exitwave.engine.data.feed import Batch, DevicePatterns
from exitwave.engine.data.scan import Scan
from exitwave.engine.forward import waves
from exitwave.engine.gradients.fused import FusedStep
from exitwave.engine.gradients.step import Step, make_step
from exitwave.engine.gradients.total_variation import EPSILON, TotalVariation, total_variation
from exitwave.engine.gradients.triton_step import TritonStep
from exitwave.engine.gradients.triton_total_variation import write_direction
from exitwave.engine.optimise.graphs import GraphedUpdate, recorded
from exitwave.engine.optimise.parameters import Parameters
from exitwave.engine.optimise.regularisation import AdaptiveRegularisation
from exitwave.engine.optimise.update import Update
from exitwave.schema.recipe import Loss, Recipe, Stage
from exitwave.schema.sections import AdamOptions, RegularisationOptions
from exitwave.simulated_beamline.simulate import SimulatedScan, simulate

DEVICE = torch.device("cuda")
LOSSES: list[Loss] = ["amplitude", "poisson", "gaussian"]


def on_gpu(scene: Scene) -> Scene:
    def moved(values: torch.Tensor | None) -> torch.Tensor | None:
        return None if values is None else values.to(DEVICE)

    scan = replace(
        scene.scan,
        patterns=DevicePatterns(scene.scan.patterns.stored_nHW.to(DEVICE)),
        corners_n2=moved(scene.scan.corners_n2),
        shifts_n2=moved(scene.scan.shifts_n2),
        scale_n=moved(scene.scan.scale_n),
        mask_HW=moved(scene.scan.mask_HW),
    )
    return Scene(scan, scene.object_MYX.to(DEVICE), scene.probe_NHW.to(DEVICE))


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("effects", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_fused_step_equals_autograd(loss: Loss, effects: bool, deterministic: bool) -> None:
    scene = on_gpu(make_scene(object_states=2, shifted=effects, masked=effects, scaled=effects))
    named = waves(scene.object_MYX, scene.probe_NHW)
    step = FusedStep(scene.scan, named, deterministic=deterministic)
    assert step.needs_no_host is not deterministic
    assert_equals_reference(step, scene, loss)


@pytest.mark.parametrize("effects", [False, True])
@pytest.mark.parametrize(("object_states", "states"), [(1, 1), (2, 2), (1, 3)])
@pytest.mark.parametrize("loss", LOSSES)
def test_kernels_equal_the_fused_step(
    loss: Loss, object_states: int, states: int, effects: bool
) -> None:
    outcomes = []
    for kind, dtype in ((TritonStep, torch.complex64), (FusedStep, torch.complex128)):
        scene = on_gpu(
            make_scene(
                frames=20,
                object_states=object_states,
                states=states,
                shifted=False,
                masked=effects,
                scaled=effects,
                dtype=dtype,
            )
        )
        step = kind(scene.scan, waves(scene.object_MYX, scene.probe_NHW))
        (batch,) = scene.scan.feed([np.arange(19)])
        for _ in range(2):  # the second run must not see what the first left behind
            total = step.run(batch, loss, 0.5)
        outcomes.append((total[None], step.gradients["object"], step.gradients["probe"]))
    for here, there in zip(*outcomes, strict=True):
        error = torch.linalg.vector_norm(here - there)
        assert float(error) < 1e-5 * float(torch.linalg.vector_norm(there))


@pytest.mark.parametrize("q", [1.0, 1.5, 2.0])
def test_kernel_of_the_prior_equals_autograd(q: float) -> None:
    picture = torch.randn(2, 27, 40, dtype=torch.complex64, device=DEVICE)
    picture[0, :3] = 1
    direction = torch.empty_like(picture)
    write_direction(picture, direction, q / 2 - 1, EPSILON)
    variable = picture.to(torch.complex128).requires_grad_()
    (gradient,) = torch.autograd.grad(total_variation(variable, p=2, q=q), variable)
    expected = gradient.to(torch.complex64) / TotalVariation(picture, p=2, q=q).scale
    torch.testing.assert_close(direction, expected, rtol=1e-4, atol=1e-4)


def make_update(loss_scene: Scene, balance: str) -> tuple[Update, Parameters, Step, Scan]:
    scene = on_gpu(loss_scene)
    variables = Parameters.of_waves(scene.object_MYX, scene.probe_NHW, AdamOptions())
    step = make_step(scene.scan, variables.named(), LOSSES)
    shifted = scene.scan.shifts_n2 is not None
    assert isinstance(step, FusedStep if shifted else TritonStep)
    adaptive = AdaptiveRegularisation(RegularisationOptions(balance=balance), scene.object_MYX)
    return Update(step, variables, adaptive), variables, step, scene.scan


def epoch_of_batches(scan: Scan, number: int) -> list[Batch]:
    """Sizes 3, 2, 2: each is met several times over the epochs."""
    order = np.random.default_rng(number).permutation(len(scan))
    return list(scan.feed(np.array_split(order, 3)))


@pytest.mark.parametrize("balance", ["gradient", "loss"])
@pytest.mark.parametrize("shifted", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_recorded_updates_equal_plain_ones(loss: Loss, shifted: bool, balance: str) -> None:
    outcomes = []
    for graphed in (True, False):
        scene = make_scene(object_states=2, shifted=shifted, dtype=torch.complex64)
        with torch.no_grad():
            update, variables, step, scan = make_update(scene, balance)
            run = recorded(update, step, scan) if graphed else update.run
            for number in range(4):
                # Rates change between epochs, and the probe stands still in the first.
                update.begin_epoch({"object": 0.02 / (number + 1), "probe": 0.01 * number})
                for batch in epoch_of_batches(scan, number):
                    run(batch, loss, 0.5)
        if graphed:
            recorder = run.__self__
            assert isinstance(recorder, GraphedUpdate)
            assert {key[0] for key in recorder._graphs} == {2, 3}
        outcomes.append((variables.object_MYX, variables.probe_NHW, update.loss_sum))
    for here, there in zip(*outcomes, strict=True):
        torch.testing.assert_close(here, there, rtol=1e-3, atol=1e-3)


@contextmanager
def no_looking_back() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("graphed", [True, False])
@pytest.mark.parametrize("shifted", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_host_never_waits_within_an_epochs_updates(
    loss: Loss, shifted: bool, graphed: bool
) -> None:
    scene = make_scene(shifted=shifted, dtype=torch.complex64)
    with torch.no_grad():
        update, _, step, scan = make_update(scene, "gradient")
        run = recorded(update, step, scan) if graphed else update.run
        for number in range(3):
            batches = epoch_of_batches(scan, number)
            update.begin_epoch({"object": 0.01, "probe": 0.01})
            if number < 2:  # libraries make their plans, then graphs are recorded
                for batch in batches:
                    run(batch, loss, 1.0)
                continue
            with no_looking_back():
                for batch in batches:
                    run(batch, loss, 1.0)
            with no_looking_back(), pytest.raises(RuntimeError, match="synchroniz"):
                float(update.loss_sum)


@pytest.fixture(scope="module")
def small() -> SimulatedScan:
    return simulate(0.6, 1e5, 2, grid=6)


def test_deterministic_runs_are_equal_bit_for_bit(small: SimulatedScan) -> None:
    recipe = Recipe(stages=(Stage(epochs=4, batches=(4.0, 12.0)),), deterministic=True)
    runs = []
    for _ in range(2):
        *_, state = reconstruct(as_dataset(small), recipe, device="cuda")
        runs.append((state.object_MYX(), state.probe_NHW(), state.loss.total))
    for here, there in zip(*runs, strict=True):
        assert np.array_equal(here, there)
