"""The algorithms that a recipe can name: one entry each, by the name in the recipe."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from exitwave.schema.recipe import Recipe

from .algorithm import Algorithm
from .baselines import Admm, DifferenceMap, Epie
from .dap import Dap
from .data.scan import Scan

ALGORITHMS: dict[str, Callable[[Scan, Recipe, Tensor, Tensor], Algorithm]] = {
    "dap": Dap,
    "epie": Epie,
    "dm": DifferenceMap,
    "admm": Admm,
}


def make_algorithm(
    scan: Scan, recipe: Recipe, object_MYX: Tensor, probe_NHW: Tensor
) -> Algorithm:
    """The recipe's algorithm; object and probe will change in place."""
    return ALGORITHMS[recipe.algorithm](scan, recipe, object_MYX, probe_NHW)


def empty_algorithm(scan: Scan, recipe: Recipe) -> Algorithm:
    """The same, with an object and a probe that a checkpoint will fill."""
    device = scan.device
    shape_MYX = (recipe.object_states, *scan.object_shape_YX)
    object_MYX = torch.zeros(shape_MYX, dtype=torch.complex64, device=device)
    shape_NHW = (recipe.probe_states, *scan.window_HW)
    probe_NHW = torch.zeros(shape_NHW, dtype=torch.complex64, device=device)
    return make_algorithm(scan, recipe, object_MYX, probe_NHW)
