"""Adaptive total variation: its gradient, its two weights."""

from __future__ import annotations

import pytest
import torch

from exitwave.engine.gradients import total_variation as total_variation_module
from exitwave.engine.gradients.total_variation import EPSILON, TotalVariation, total_variation
from exitwave.engine.optimise.regularisation import AdaptiveRegularisation
from exitwave.schema.sections import RegularisationOptions

POWERS = [(2.0, 1.0), (2.0, 1.5), (2.0, 2.0), (1.0, 1.0), (3.0, 2.0)]


def picture_with_a_flat_part() -> torch.Tensor:
    random = torch.Generator().manual_seed(1)
    picture = torch.randn(2, 7, 9, dtype=torch.complex128, generator=random)
    picture[0, :3] = 1
    return picture


def gradient_by_autograd(picture: torch.Tensor, p: float, q: float) -> torch.Tensor:
    variable = picture.clone().requires_grad_()
    return torch.autograd.grad(total_variation(variable, p=p, q=q), variable)[0]


@pytest.mark.parametrize("rows", [1, 3, 7, 20])
@pytest.mark.parametrize(("p", "q"), POWERS)
def test_gradient_equals_autograd(
    p: float, q: float, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(total_variation_module, "SLAB", rows * 9)
    picture = picture_with_a_flat_part()
    variation = TotalVariation(picture, p=p, q=q)
    for _ in range(2):  # the second call must not see what the first left behind
        gradient = variation.scale * variation.direction()
    torch.testing.assert_close(gradient, gradient_by_autograd(picture, p, q))
    torch.testing.assert_close(variation.value(), total_variation(picture, p=p, q=q))


@pytest.mark.parametrize(("p", "q"), POWERS)
@pytest.mark.parametrize("balance", ["gradient", "loss"])
def test_weight_keeps_its_share_and_is_a_constant_to_the_gradient(
    balance: str, p: float, q: float
) -> None:
    picture = picture_with_a_flat_part()
    data_gradient = torch.randn_like(picture)
    data_loss = torch.tensor(0.7, dtype=torch.float64)
    adaptive = AdaptiveRegularisation(
        RegularisationOptions(balance=balance, ratio=0.3, p=p, q=q), picture
    )
    gradient = data_gradient.clone()
    weight = adaptive.add_to(gradient, data_loss, 1)
    added = gradient - data_gradient
    if balance == "gradient":
        norms = [torch.linalg.vector_norm(part) for part in (added, data_gradient)]
        torch.testing.assert_close(norms[0], 0.3 * norms[1])
    else:
        value = weight * total_variation(picture, p=p, q=q)
        torch.testing.assert_close(value, 0.3 * data_loss)
    # Differentiating gamma too would turn the sum's direction.
    torch.testing.assert_close(added, weight * gradient_by_autograd(picture, p, q))


@pytest.mark.parametrize(
    ("batch", "whole_from", "share"), [(1, 2, 0.5), (2, 2, 1), (30, 2, 1), (1, 0, 1)]
)
def test_small_batches_have_the_regularisation_in_proportion(
    batch: int, whole_from: float, share: float
) -> None:
    picture = picture_with_a_flat_part()
    data_gradient = torch.randn_like(picture)
    for balance, expected in (("gradient", share), ("loss", 1)):
        options = RegularisationOptions(balance=balance, ratio=0.3)
        weights = [
            float(adaptive.add_to(data_gradient.clone(), torch.ones(()), batch))
            for adaptive in (
                AdaptiveRegularisation(options, picture, whole_from),
                AdaptiveRegularisation(options, picture),
            )
        ]
        assert weights[0] == pytest.approx(expected * weights[1])


def test_a_flat_object_has_no_regularisation() -> None:
    picture = torch.full((1, 6, 5), 1 + 1j, dtype=torch.complex64)
    gradient = torch.full_like(picture, 3)
    AdaptiveRegularisation(RegularisationOptions(), picture).add_to(
        gradient, torch.tensor(1.0), 1
    )
    assert torch.equal(gradient, torch.full_like(picture, 3))


def test_total_variation_of_an_edge_is_its_length() -> None:
    picture = torch.zeros(1, 10, 20, dtype=torch.complex128)
    picture[:, :, 8:] = 3j
    value = float(total_variation(picture, p=2, q=1))
    assert value == pytest.approx(10 * 3 / 200 + EPSILON**0.5, rel=1e-2)
