"""Gauges change nothing that is measured, and moments follow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.unit.engine.scene import make_scene

from exitwave.engine.forward import batch_loss
from exitwave.engine.gradients.fused import FusedStep
from exitwave.engine.optimise.gauge import pin_phase, pin_scale, recentre, scanned_box
from exitwave.engine.optimise.parameters import Parameters
from exitwave.schema.sections import AdamOptions

ALL = np.arange(4, dtype=np.intp)


def centred_scene() -> tuple[object, Parameters]:
    """Views in the middle of a large object, a small probe off the window's centre."""
    scene = make_scene(frames=4, shifted=False, masked=False, scaled=False)
    scan = scene.scan
    scan.corners_n2.clamp_(4, 10)
    probe = torch.zeros_like(scene.probe_NHW)
    probe[:, 5:8, 6:9] = 3 * scene.probe_NHW[:, 5:8, 6:9]
    return scan, Parameters.of_waves(scene.object_MYX, probe, AdamOptions())


def loss_of(scan: object, variables: Parameters) -> float:
    value = batch_loss(
        variables.named(),
        scan.views(torch.arange(len(scan))),
        scan.intensities(np.arange(len(scan))).double(),
        "poisson",
        epsilon=scan.epsilon,
    )
    return float(value)


def one_step(scan: object, variables: Parameters) -> None:
    step = FusedStep(scan, variables.named())
    step.run(next(iter(scan.feed([ALL]))), "poisson")
    variables.object.adam.step(step.gradients["object"], 0.1)
    variables.probe.adam.step(step.gradients["probe"], 0.1)


INNER = (slice(None), slice(2, 10), slice(3, 9))
"""Of the probe's window; a roll is exact where nothing comes round the rim."""


def test_recentring_changes_neither_the_loss_nor_the_next_step() -> None:
    runs = []
    for gauge in (False, True):
        scan, variables = centred_scene()
        one_step(scan, variables)
        for field in (
            variables.probe_NHW,
            variables.probe.adam.first,
            variables.probe.adam.second,
        ):
            inner = field[INNER].clone()
            field.zero_()
            field[INNER] = inner
        before = variables.probe_NHW.clone()
        if gauge:
            recentre(variables)
            shift = (0, -2)
            assert torch.equal(variables.probe_NHW, torch.roll(before, shift, (1, 2)))
        loss = loss_of(scan, variables)
        one_step(scan, variables)
        back = (0, 2) if gauge else (0, 0)
        probe, picture = (
            torch.roll(field, back, (1, 2))
            for field in (variables.probe_NHW, variables.object_MYX)
        )
        runs.append((loss, probe[INNER], picture[:, :, 2:-2]))
    (plain_loss, *plain), (gauged_loss, *gauged) = runs
    assert gauged_loss == pytest.approx(plain_loss, rel=1e-9)
    torch.testing.assert_close(gauged, plain)


def test_phase_and_scale_are_pinned() -> None:
    scan, variables = centred_scene()
    before = loss_of(scan, variables)
    pin_phase(variables)
    box = (3, 18, 2, 20)
    pin_scale(variables, box)
    assert float(torch.angle(variables.probe_NHW[0].sum())) == pytest.approx(0, abs=1e-9)
    assert float(variables.object_MYX[:, 3:18, 2:20].abs().mean()) == pytest.approx(1)
    assert loss_of(scan, variables) == pytest.approx(before, rel=1e-9)


def test_moments_are_those_of_the_scaled_variables() -> None:
    """Gradients of the scaled scene are what the moments say they are."""
    moments = []
    for scaled_first in (False, True):
        scan, variables = centred_scene()
        if scaled_first:
            pin_scale(variables, (3, 18, 2, 20))
        step = FusedStep(scan, variables.named())
        step.run(next(iter(scan.feed([ALL]))), "poisson")
        for adam, gradient in (
            (variables.object.adam, step.gradients["object"]),
            (variables.probe.adam, step.gradients["probe"]),
        ):
            adam.step(gradient, 0.0)
        if not scaled_first:
            pin_scale(variables, (3, 18, 2, 20))
        moments.append(
            [
                m
                for a in (variables.object.adam, variables.probe.adam)
                for m in (a.first, a.second)
            ]
        )
    torch.testing.assert_close(moments[0], moments[1])


def test_moments_turn_with_the_phase() -> None:
    """First moments like the variables; second ones as far as both parts' moments tell."""
    scan, variables = centred_scene()
    one_step(scan, variables)
    angle = float(torch.angle(variables.probe_NHW[0].sum()))
    adams = (variables.object.adam, variables.probe.adam)
    before = [(adam.first.clone(), adam.second.clone()) for adam in adams]
    pin_phase(variables)
    cosine, sine = np.cos(angle) ** 2, np.sin(angle) ** 2
    assert 0.05 < sine < 0.95
    for adam, sign, (first, second) in zip(adams, (1, -1), before, strict=True):
        turned = torch.view_as_complex(first) * np.exp(sign * 1j * angle)
        torch.testing.assert_close(torch.view_as_complex(adam.first), turned)
        expected = cosine * second + sine * second.flip(-1)
        torch.testing.assert_close(adam.second, expected)


def test_scanned_box_covers_the_view_centres() -> None:
    positions = np.array([[0.0, 2.5], [30.0, 41.0]])
    assert scanned_box(positions, (16, 16), (46, 57)) == (6, 40, 8, 51)
