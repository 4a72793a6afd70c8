"""What a Poisson deviance is expected to be where a model is right and only counts are noisy.

Half the deviance of a count I from a model D is d = D - I + I log(I / D) (docs/method.md,
eq. 22). For large D its mean
is 1/2; for small D it is far less, so that patterns of few counts cannot be compared with a
constant: with the model's own noise they can. Mean and variance are tabled over log D
(McCullagh & Nelder, Generalized Linear Models, 1989, ch. 2.3, for the deviance).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LEAST, MOST = 1e-5, 1e3
POINTS = 257


def half_deviance(model: Tensor, counts: Tensor) -> Tensor:
    """Half the deviance of each pixel; `model` above 0."""
    return model - counts + torch.xlogy(counts, counts) - torch.xlogy(counts, model)


class PoissonNoise:
    """Mean and variance of `half_deviance` for counts drawn from the model itself.

    Parameters
    ----------
    device : torch.device
    """

    def __init__(self, device: torch.device) -> None:
        mean, variance = (torch.from_numpy(values).float().to(device) for values in _tables())
        self._mean, self._variance = mean, variance
        self._low = float(np.log(LEAST))
        self._per_step = (POINTS - 1) / float(np.log(MOST / LEAST))

    def mean(self, model: Tensor) -> Tensor:
        """Expected half deviance of each pixel."""
        return self._read(self._mean, model)

    def variance(self, model: Tensor) -> Tensor:
        """Its variance."""
        return self._read(self._variance, model)

    def _read(self, table: Tensor, model: Tensor) -> Tensor:
        place = (model.log().sub_(self._low) * self._per_step).clamp_(0, POINTS - 1.001)
        below = place.floor()
        index = below.long()
        share = place - below
        return torch.lerp(table[index], table[index + 1], share)


@cache
def _tables() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean, variance = np.empty(POINTS), np.empty(POINTS)
    for i, model in enumerate(np.geomspace(LEAST, MOST, POINTS)):
        reach = 12 * np.sqrt(model) + 24
        counts = np.arange(max(0, int(model - reach)), int(model + reach) + 1, dtype=float)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.where(counts > 0, counts * np.log(counts / model), 0.0)
        weight = np.exp(counts * np.log(model) - model - _log_factorial(counts))
        half = model - counts + logs
        mean[i] = (weight * half).sum()
        variance[i] = (weight * (half - mean[i]) ** 2).sum()
    return mean, variance


def _log_factorial(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log n! of consecutive whole numbers."""
    first = int(counts[0])
    before = float(np.log(np.arange(1, first + 1)).sum())
    logs: NDArray[np.float64] = before + np.concatenate([[0.0], np.cumsum(np.log(counts[1:]))])
    return logs
