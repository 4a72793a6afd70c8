"""Losses: values, slopes against finite differences, switches between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise, product
from typing import Literal, get_args

import numpy as np
import pytest
import torch
from tests.unit.engine.scene import Scene, make_scene

from exitwave.engine import ArrayFrames, Dataset, reconstruct
from exitwave.engine.forward import Views, batch_loss, waves
from exitwave.engine.forward.detect import detect
from exitwave.engine.forward.illuminate import exit_waves
from exitwave.engine.forward.propagate import propagate
from exitwave.engine.gradients.fused import FusedStep
from exitwave.engine.gradients.step import AutogradStep
from exitwave.engine.loss import LOSSES, PixelLoss, limit_ratio, pattern_losses, stage_factors
from exitwave.schema import parameters
from exitwave.schema import recipe as schema
from exitwave.schema.recipe import Loss, Stage
from exitwave.simulated_beamline.simulate import simulate

HOMOGENEOUS: list[Loss] = ["amplitude", "poisson", "gaussian"]
"""A share of I and of D has that share of the loss; `anscombe` knows what a count is."""

ALL: list[Loss] = ["amplitude", "anscombe", "poisson", "gaussian"]
CHOSEN = np.array([4, 0, 6], dtype=np.intp)


def test_values_by_hand() -> None:
    model = torch.tensor([[[4.0, 1.0], [9.0, 2.0]]], dtype=torch.float64)
    counts = torch.tensor([[[1.0, 1.0], [16.0, 0.0]]], dtype=torch.float64)
    terms = {
        "amplitude": [1, 0, 1, 2],
        "anscombe": [
            (4.375**0.5 - 1.375**0.5) ** 2,
            0,
            (9.375**0.5 - 16.375**0.5) ** 2,
            (2.375**0.5 - 0.375**0.5) ** 2,
        ],
        "poisson": [4 - 1 + np.log(1 / 4), 0, 9 - 16 + 16 * np.log(16 / 9), 2],
        "gaussian": [9 / 2, 0, 49 / 32, 2],
    }
    mask = torch.tensor([[True, True], [True, False]])
    for loss in ALL:
        found = pattern_losses(model, counts, loss, epsilon=0.0)
        assert float(found) == pytest.approx(sum(terms[loss]) / 4)
        masked = pattern_losses(model, counts, loss, epsilon=0.0, mask_HW=mask, pairs=2)
        assert float(masked) == pytest.approx(sum(terms[loss][:3]) / 6)
        assert float(pattern_losses(model, model, loss, epsilon=0.0)) == pytest.approx(0)


@pytest.mark.parametrize("loss", ALL)
def test_slope_is_that_of_the_terms_also_where_nothing_was_measured(loss: Loss) -> None:
    counts, model = torch.meshgrid(
        torch.tensor([0.0, 1.0, 7.0, 300.0], dtype=torch.float64),
        torch.tensor([1e-2, 0.3, 7.0, 1e3], dtype=torch.float64),
        indexing="ij",
    )
    terms, step = LOSSES[loss].per_pixel, 1e-7 * model
    difference = (terms(model + step, counts) - terms(model - step, counts)) / (2 * step)
    variable = model.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(terms(variable, counts).sum(), variable)
    weigh = LOSSES[loss].d_loss_d_model
    assert weigh is not None
    slope, values = weigh(model.clone(), counts.clone())
    torch.testing.assert_close(gradient, difference, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(slope, gradient)
    torch.testing.assert_close(values, terms(model, counts))


def test_few_counts_pull_to_their_mean_but_for_plain_amplitudes() -> None:
    mean = torch.tensor([0.3, 1.0, 3.0], dtype=torch.float64)
    counts = torch.poisson(mean.expand(200_000, 3), generator=torch.Generator().manual_seed(1))
    slopes = {}
    for loss in ("amplitude", "anscombe", "poisson"):
        found = LOSSES[loss].d_loss_d_model
        assert found is not None
        slopes[loss], _ = found(mean.expand_as(counts).clone(), counts.clone())
    assert (slopes["poisson"].mean(0).abs() < 0.01).all()
    assert (slopes["anscombe"].mean(0) < torch.tensor([0.1, 0.1, 0.06])).all()
    assert (slopes["amplitude"].mean(0)[:2] > 0.2).all()


def directional_difference(value: Callable[[], torch.Tensor], variable: torch.Tensor) -> float:
    """d value / d t along a fixed random direction, and that direction."""
    direction = torch.randn_like(variable)
    slopes = []
    step = 1e-6
    for sign in (1, -1):
        variable.add_(direction, alpha=sign * step)
        slopes.append(float(value()))
        variable.sub_(direction, alpha=sign * step)
    variable.grad = direction
    return (slopes[0] - slopes[1]) / (2 * step)


@pytest.mark.parametrize("kind", [FusedStep, AutogradStep])
@pytest.mark.parametrize("loss", ALL)
def test_gradients_equal_finite_differences_of_the_value(kind: type, loss: Loss) -> None:
    """Every effect on: object and probe states, shifts, flux, mask."""
    torch.manual_seed(0)
    scene = make_scene(object_states=2, states=2)
    (batch,) = scene.scan.feed([CHOSEN])
    with torch.no_grad():
        step = kind(scene.scan, waves(scene.object_MYX, scene.probe_NHW))

        def mean_loss() -> torch.Tensor:
            return step.run(batch, loss, 0.5) / len(batch)

        for variable, gradient in (
            (scene.object_MYX, step.gradients["object"]),
            (scene.probe_NHW, step.gradients["probe"]),
        ):
            found = directional_difference(mean_loss, variable)
            mean_loss()
            along = torch.view_as_real(variable.grad) * torch.view_as_real(gradient)
            assert float(along.sum()) == pytest.approx(found, rel=1e-6)


@pytest.mark.parametrize("kind", [FusedStep, AutogradStep])
@pytest.mark.parametrize("loss", ALL)
def test_masked_pixels_have_no_say(kind: type, loss: Loss) -> None:
    scene = make_scene(states=1)
    outcomes = []
    for lit in (0, 50):
        stored = scene.scan.patterns.stored_nHW
        stored[:, ~scene.scan.mask_HW] = lit
        (batch,) = scene.scan.feed([CHOSEN])
        step = kind(scene.scan, waves(scene.object_MYX, scene.probe_NHW))
        outcomes.append((step.run(batch, loss), step.gradients["object"].clone()))
    for here, there in zip(*outcomes, strict=True):
        torch.testing.assert_close(here, there, rtol=0, atol=0)


@pytest.mark.parametrize("loss", HOMOGENEOUS)
def test_mixed_states_loss_equals_the_mean_over_split_patterns(loss: Loss) -> None:
    """The paper's split I^mn = I D^mn / D, held constant, in value and gradient."""
    scene: Scene = make_scene(
        object_states=2, states=3, shifted=False, masked=False, scaled=False
    )
    counts = scene.scan.intensities(np.arange(len(scene.scan))).double() + 0.5
    corners = scene.scan.corners_n2
    gradients, values = [], []
    for split in (False, True):
        variables = [v.clone().requires_grad_() for v in (scene.object_MYX, scene.probe_NHW)]
        if split:
            far = propagate(exit_waves(variables[0], variables[1], corners))
            parts = far.abs().square().flatten(1, 2).transpose(0, 1)
            shares = (counts * parts / detect(far)).detach()
            losses = [
                pattern_losses(part, share, loss, epsilon=0.0).mean()
                for part, share in zip(parts, shares, strict=True)
            ]
            assert len(losses) == 6
            value = torch.stack(losses).mean()
        else:
            views = Views(corners_B2=corners)
            value = batch_loss(waves(*variables), views, counts, loss, epsilon=0.0)
        values.append(value.detach())
        gradients.append(torch.autograd.grad(value, variables))
    torch.testing.assert_close(values[0], values[1], rtol=1e-8, atol=1e-12)
    for ours, papers in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, papers, rtol=1e-8, atol=1e-10)


def test_factors_at_a_switch_are_those_of_the_paper() -> None:
    ratios = {
        ("amplitude", "poisson"): 0.5,
        ("amplitude", "gaussian"): 0.5,
        ("poisson", "gaussian"): 1.0,
    }
    for (before, after), ratio in ratios.items():
        assert limit_ratio(before, after) == ratio
        assert limit_ratio(after, before) == 1 / ratio


def test_gradients_do_not_jump_at_a_switch() -> None:
    """Close to the data, each loss times its factor has the slope of the one before."""
    counts = torch.full((1, 4, 4), 50.0, dtype=torch.float64)
    model = (counts * 1.001).requires_grad_()
    slopes = {}
    for before, after in product(HOMOGENEOUS, HOMOGENEOUS):
        stages = tuple(Stage(loss=loss) for loss in (before, after))
        for stage, factor in zip(stages, stage_factors(stages), strict=True):
            value = factor * pattern_losses(model, counts, stage.loss, epsilon=0.0).sum()
            (slopes[stage.loss],) = torch.autograd.grad(value, model)
        torch.testing.assert_close(slopes[before], slopes[after], rtol=2e-3, atol=0)


def test_stage_factors_multiply_along_the_chain() -> None:
    chain: tuple[Loss, ...] = ("amplitude", "poisson", "gaussian", "gaussian", "amplitude")
    factors = stage_factors(tuple(Stage(loss=loss) for loss in chain))
    assert factors == [1.0, 0.5, 0.5, 0.5, 1.0]
    for i, (before, after) in enumerate(pairwise(chain)):
        assert factors[i + 1] == factors[i] * limit_ratio(before, after)


def test_the_recipe_knows_every_loss() -> None:
    assert get_args(Loss) == tuple(LOSSES)


@pytest.fixture
def types_read_anew() -> Iterator[None]:
    """The recipe's types are read once a process: again for a list changed here, and after."""
    parameters._fields_and_types.cache_clear()
    yield
    parameters._fields_and_types.cache_clear()


@pytest.mark.usefixtures("types_read_anew")
@pytest.mark.parametrize("with_slope", [False, True])
def test_a_run_takes_a_loss_made_here(
    monkeypatch: pytest.MonkeyPatch, with_slope: bool
) -> None:
    def neyman(model: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        return (model - counts).square() / (counts + 1)

    def d_neyman(
        model: torch.Tensor, counts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return 2 * (model - counts) / (counts + 1), neyman(model, counts)

    entry = PixelLoss(per_pixel=neyman, curvature=1.0, worst=1e6)
    if with_slope:
        entry = replace(entry, d_loss_d_model=d_neyman)
    monkeypatch.setitem(LOSSES, "neyman", entry)
    monkeypatch.setattr(schema, "Loss", Literal["amplitude", "neyman"])
    scan = simulate(0.5, 1e4, 0, grid=5)
    dataset = Dataset(
        frames=ArrayFrames(np.fft.ifftshift(scan.patterns_nHW, axes=(1, 2))),
        positions_px=scan.positions_px,
    )
    stages = [{"epochs": 5, "batches": [4]}, {"epochs": 5, "batches": [4], "loss": "neyman"}]
    recipe = schema.recipe_from_mapping({"stages": stages})
    losses = [state.loss.data for state in reconstruct(dataset, recipe, device="cpu")]
    assert losses[-1] < losses[5], "it descends along the new loss, too"
