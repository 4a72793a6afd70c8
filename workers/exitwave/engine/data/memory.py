"""How device memory is shared among variables, patterns and the buffers of a step."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor

from exitwave.schema.errors import EngineError
from exitwave.schema.recipe import Recipe

from ..forward import fitted_parts
from .dataset import Dataset

GIGABYTE = 10**9

MOST_GB = 1e6
"""Of any device: beyond it a bound is in other units."""

FREE_SHARE = 0.8
"""Of what is free on a GPU, taken where no bound is given."""

OBJECT_COPIES = 16
"""Arrays of the object's size: itself, gradient, moments, total variation, states, FFTs."""
PROBE_COPIES = 16
PART_COPIES = 6
"""Arrays of a further parameter's size: itself, gradient, moments, states."""
VIEW_BYTES = 64
"""Positions, indices and flux of a view."""
LEAST_VIEWS = 4
"""A step that works on fewer views together would only wait."""

HOST_SHARE = 0.25
"""Of a machine's memory, for what a run could do without."""

WORK_SHARE = 0.7
"""Of what is left, for a step's buffers; the rest is for parts of streamed patterns on
their way and for what the allocator cannot use."""
ROOMY_SHARE = 0.2
"""Patterns stay on the device where at least this share of the bound is left for work."""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """What a run may take.

    Attributes
    ----------
    streamed : bool
        Patterns come batch by batch, since all of them do not fit.
    work_bytes : int, optional
        For the buffers of a step; none = no bound.
    """

    streamed: bool
    work_bytes: int | None


def plan_memory(
    dataset: Dataset,
    recipe: Recipe,
    frame_bytes: int,
    device: torch.device,
    memory_GB: float | None,
    *,
    shifted: bool,
) -> MemoryPlan:
    """Share out the memory of `device`.

    Parameters
    ----------
    dataset : Dataset
    recipe : Recipe
    frame_bytes : int
        Of one pattern as stored.
    device : torch.device
    memory_GB : float, optional
        Bound in 1e9 bytes; none = 80 % of what is free on a GPU, no bound on a CPU. On a CPU
        patterns stay where they are and do not count.
    shifted : bool
        Views are shifted by parts of a pixel.

    Raises
    ------
    EngineError
        The bound, or the machine's memory, is too small for what the algorithm keeps and a
        few views.
    """
    if memory_GB is not None and not (isinstance(memory_GB, Real) and 0 < memory_GB <= MOST_GB):
        raise EngineError(
            f"memory_GB: found {memory_GB!r}; expected gigabytes above 0, at most {MOST_GB:g}"
        )
    bounded = memory_GB is not None or device.type == "cuda"
    if memory_GB is not None:
        total = int(memory_GB * GIGABYTE)
    elif device.type == "cuda":
        torch.cuda.empty_cache()  # what earlier runs have left is free, too
        total = int(FREE_SHARE * torch.cuda.mem_get_info(device)[0])
    else:
        # No bound, but a run that cannot end must not begin.
        total = host_memory_bytes()
    left = total - variable_bytes(dataset, recipe, shifted=shifted)
    view_bytes = view_work_bytes(
        dataset.frames.shape_HW, recipe.object_states, recipe.probe_states
    )
    needed = math.ceil(LEAST_VIEWS * view_bytes / WORK_SHARE)
    if left < needed:
        raise EngineError(
            f"memory_GB: found {total / GIGABYTE:.3g} GB of "
            f"{'device memory' if bounded else 'memory in this machine'}; {_kept(recipe)} and "
            f"{LEAST_VIEWS} views need {(total - left + needed) / GIGABYTE:.3g} GB"
        )
    if not bounded:
        return MemoryPlan(streamed=False, work_bytes=None)
    frames = 0 if device.type == "cpu" else len(dataset.frames) * frame_bytes
    streamed = left - frames < max(needed, ROOMY_SHARE * total)
    if not streamed:
        left -= frames
    return MemoryPlan(streamed=streamed, work_bytes=int(WORK_SHARE * left))


def variable_bytes(dataset: Dataset, recipe: Recipe, *, shifted: bool) -> int:
    """What object, probe, their optimisers and the views' positions take, in bytes."""
    height, width = dataset.frames.shape_HW
    pixels = OBJECT_COPIES * recipe.object_states * math.prod(dataset.object_shape_YX)
    pixels += PROBE_COPIES * recipe.probe_states * height * width
    ramps = 2 * 8 * (height + width) if shifted else 0
    shapes = [
        part.fitted.shape(len(dataset.frames), (height, width))
        for part in fitted_parts(recipe)
        if part.fitted
    ]
    parts = 4 * PART_COPIES * sum(math.prod(shape) for shape in shapes)
    # A stage that may be left out asks `waves_fit` instead.
    waves = 8 * recipe.waves_kept * recipe.probe_states * height * width
    return 8 * pixels + len(dataset.frames) * (VIEW_BYTES + ramps + waves) + parts


def _kept(recipe: Recipe) -> str:
    if recipe.waves_kept:
        return f"object, probe, the waves of all views ({recipe.algorithm} keeps them)"
    return "object, probe"


def view_work_bytes(window_HW: tuple[int, int], object_states: int, probe_states: int) -> int:
    """About what working on one view takes: five waves of each pair of states, and counts."""
    waves = 5 * object_states * probe_states + object_states + 5
    return 8 * math.prod(window_HW) * waves


def waves_fit(
    device: torch.device, work_bytes: int | None, views: int, probe_NHW: Tensor
) -> bool:
    """Whether a wave of every view and probe state can be kept beside everything else."""
    needed = 8 * views * probe_NHW.numel()
    if work_bytes is not None:
        return needed <= work_bytes // 2
    return needed <= HOST_SHARE * host_memory_bytes()


def host_memory_bytes() -> int:
    """All memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
