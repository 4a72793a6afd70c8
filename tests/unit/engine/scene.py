"""A small random scan whose every effect is on: states, shifts, flux, mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from exitwave.engine.data.feed import DevicePatterns
from exitwave.engine.data.scan import Scan


@dataclass(frozen=True)
class Scene:
    scan: Scan
    object_MYX: Tensor
    probe_NHW: Tensor


def make_scene(
    *,
    frames: int = 7,
    states: int = 2,
    object_states: int = 1,
    shifted: bool = True,
    masked: bool = True,
    scaled: bool = True,
    dtype: torch.dtype = torch.complex128,
    seed: int = 3,
) -> Scene:
    random = np.random.default_rng(seed)
    window, shape = (12, 10), (24, 27)

    def waves(*size: int) -> Tensor:
        parts = random.standard_normal((2, *size))
        return torch.from_numpy(parts[0] + 1j * parts[1]).to(dtype)

    corners = [random.integers(0, shape[i] - window[i] + 1, frames) for i in (0, 1)]
    counts = random.poisson(3.0, (frames, *window))
    counts[0, :3] = 0
    mask = random.random(window) > 0.2
    if masked:
        counts[:, ~mask] = 0  # as loading a dataset does
    scan = Scan(
        patterns=DevicePatterns(torch.from_numpy(counts.astype(np.int16))),
        corners_n2=torch.from_numpy(np.stack(corners, axis=1)),
        shifts_n2=torch.from_numpy(random.uniform(-0.5, 0.5, (frames, 2))) if shifted else None,
        scale_n=torch.from_numpy(random.uniform(0.5, 1.5, frames)).to(dtype.to_real())
        if scaled
        else None,
        mask_HW=torch.from_numpy(mask) if masked else None,
        object_shape_YX=shape,
        mean_count=3.0,
    )
    return Scene(
        scan=scan, object_MYX=waves(object_states, *shape), probe_NHW=waves(states, *window)
    )
