"""Limits of the object hold in what a run gives out, whatever the gauges do."""

from __future__ import annotations

import math

import numpy as np
import torch
from tests.support.simulated import as_dataset

from exitwave.engine import EpochState, reconstruct
from exitwave.engine.optimise.clamp import clamp
from exitwave.engine.optimise.parameters import Parameters
from exitwave.schema.recipe import Recipe, Stage
from exitwave.schema.sections import AdamOptions, ClampOptions
from exitwave.simulated_beamline.simulate import simulate

BOX = (0, 6, 0, 7)


def variables() -> Parameters:
    random = torch.Generator().manual_seed(2)
    fields = [
        torch.randn(shape, dtype=torch.complex128, generator=random)
        for shape in ((1, 6, 7), (1, 3, 3))
    ]
    return Parameters.of_waves(fields[0], fields[1], AdamOptions())


def states(limits: ClampOptions) -> list[EpochState]:
    recipe = Recipe(stages=(Stage(epochs=3, batches=(4.0,)),), clamp=limits)
    dataset = as_dataset(simulate(0.5, 1e4, 0, grid=4))
    return list(reconstruct(dataset, recipe, device="cpu"))


def test_every_state_keeps_within_the_limits() -> None:
    limits = ClampOptions(modulus=1.2, phase_low_rad=-0.5, phase_high_rad=0.1)
    for state, free in zip(states(limits), states(ClampOptions()), strict=True):
        clamped, phase = (f(state.object_MYX()) for f in (np.abs, np.angle))
        assert clamped.max() < 1.2 + 1e-5
        assert phase.min() > -0.5 - 1e-5 and phase.max() < 0.1 + 1e-5
        assert (
            np.abs(free.object_MYX()).max() > 1.2 and np.ptp(np.angle(free.object_MYX())) > 0.6
        )


def test_what_lies_within_stays_and_the_rest_goes_to_the_limit() -> None:
    held = variables()
    before = held.object_MYX.clone()
    clamp(held, ClampOptions(modulus=1.0), BOX)
    moduli = before.abs().clamp_max(1.0)
    torch.testing.assert_close(held.object_MYX, torch.polar(moduli, before.angle()))


def test_the_middle_of_the_range_is_the_mean_phase_and_moments_turn_along() -> None:
    held = variables()
    held.object.adam.first.copy_(torch.view_as_real(held.object_MYX))
    before, probe = held.object_MYX.clone(), held.probe_NHW.clone()
    clamp(held, ClampOptions(phase_low_rad=-1.0, phase_high_rad=0.4), BOX)
    turned = before * torch.polar(
        torch.ones((), dtype=torch.float64), -0.3 - before.sum().angle()
    )
    expected = torch.polar(turned.abs(), turned.angle().clamp(-1.0, 0.4))
    torch.testing.assert_close(held.object_MYX, expected)
    torch.testing.assert_close(torch.view_as_complex(held.object.adam.first), turned)
    assert torch.equal(held.probe_NHW, probe)


def test_the_whole_circle_and_no_modulus_are_off() -> None:
    held = variables()
    before = held.object_MYX.clone()
    clamp(held, ClampOptions(phase_low_rad=-math.pi, phase_high_rad=math.pi), BOX)
    assert torch.equal(held.object_MYX, before)
