"""An update: what it does to the variables, and that the host reads nothing of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from exitwave.engine.data.feed import DevicePatterns
from exitwave.engine.data.scan import Scan
from exitwave.engine.gradients.fused import FusedStep
from exitwave.engine.gradients.step import AutogradStep
from exitwave.engine.gradients.total_variation import total_variation
from exitwave.engine.optimise.parameters import Parameters
from exitwave.engine.optimise.regularisation import AdaptiveRegularisation
from exitwave.engine.optimise.update import Update
from exitwave.schema.recipe import Loss
from exitwave.schema.sections import AdamOptions, RegularisationOptions

CHOSEN = np.array([2, 0, 3], dtype=np.intp)


def make_scan(device: str) -> Scan:
    """Every effect is on but the mask, whose pixels are counted when a step is made."""
    random = torch.Generator().manual_seed(4)
    return Scan(
        patterns=DevicePatterns(
            torch.randint(0, 9, (5, 12, 10), generator=random, dtype=torch.int16).to(device)
        ),
        corners_n2=torch.randint(0, 12, (5, 2), generator=random).to(device),
        shifts_n2=torch.rand((5, 2), generator=random).to(device),
        scale_n=torch.rand(5, generator=random).add_(0.5).to(device),
        mask_HW=None,
        object_shape_YX=(24, 22),
        mean_count=4.0,
    )


def make_variables(device: str) -> Parameters:
    random = torch.Generator().manual_seed(5)
    object_MYX = torch.randn(2, 24, 22, dtype=torch.complex64, generator=random)
    probe_NHW = torch.randn(2, 12, 10, dtype=torch.complex64, generator=random)
    return Parameters.of_waves(object_MYX.to(device), probe_NHW.to(device), AdamOptions())


class _SkipFusedAdam(TorchDispatchMode):
    """torch describes this one operation for real devices only."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if "fused_adam" in str(func):
            return None
        return func(*args, **kwargs or {})


@pytest.mark.parametrize("balance", ["gradient", "loss"])
@pytest.mark.parametrize("loss", ["amplitude", "poisson", "gaussian"])
def test_the_host_reads_nothing_of_an_update(loss: Loss, balance: str) -> None:
    """On a device without numbers reading one fails, and so does mixing with the host."""
    scan, variables = make_scan("meta"), make_variables("meta")
    with torch.no_grad(), _SkipFusedAdam():
        step = FusedStep(scan, variables.named())
        assert step.needs_no_host
        options = AdaptiveRegularisation(
            RegularisationOptions(balance=balance), variables.object_MYX
        )
        update = Update(step, variables, options)
        update.begin_epoch({"object": 0.1, "probe": 0.1})
        nowhere = np.full(3, -1, dtype=np.intp)
        index_B = torch.empty(3, dtype=torch.int64, device="meta")
        update.run(scan.patterns.batch(nowhere, index_B), loss, 0.5)
        for left_behind in (update.loss_sum, update.gamma):
            assert left_behind.device.type == "meta"
            with pytest.raises(RuntimeError, match="meta"):
                float(left_behind)


def run_once(
    step_kind: type, options: RegularisationOptions | None, probe_rate: float
) -> tuple[Update, Parameters]:
    scan, variables = make_scan("cpu"), make_variables("cpu")
    with torch.no_grad():
        step = step_kind(scan, variables.named())
        adaptive = options and AdaptiveRegularisation(options, variables.object_MYX)
        update = Update(step, variables, adaptive)
        update.begin_epoch({"object": 0.01, "probe": probe_rate})
        (batch,) = scan.feed([CHOSEN])
        update.run(batch, "poisson", 0.5)
    return update, variables


def test_an_update_is_the_same_with_either_step() -> None:
    fused, fused_variables = run_once(FusedStep, RegularisationOptions(balance="loss"), 0.02)
    plain, plain_variables = run_once(AutogradStep, RegularisationOptions(balance="loss"), 0.02)
    torch.testing.assert_close(fused_variables.object_MYX, plain_variables.object_MYX)
    torch.testing.assert_close(fused_variables.probe_NHW, plain_variables.probe_NHW)
    torch.testing.assert_close(fused.loss_sum, plain.loss_sum)
    start = make_variables("cpu").object_MYX
    value = float(fused.gamma * total_variation(start, p=2, q=1))
    assert value == pytest.approx(
        RegularisationOptions().ratio * float(fused.loss_sum) / len(CHOSEN), rel=1e-5
    )


def test_the_first_step_of_adam_is_the_rate() -> None:
    start = make_variables("cpu")
    _, moved = run_once(FusedStep, None, 0.02)
    step = torch.view_as_real(moved.probe_NHW - start.probe_NHW).abs().median()
    expected = 0.02 * float(start.probe_NHW.abs().mean())
    assert math.isclose(float(step), expected, rel_tol=1e-3)
    _, still = run_once(FusedStep, None, 0.0)
    assert torch.equal(still.probe_NHW, start.probe_NHW)
    assert not torch.equal(still.object_MYX, start.object_MYX)
