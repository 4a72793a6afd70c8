"""Short runs from many starts, to see which of them finds the picture."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from exitwave.schema.recipe import Recipe

from ..data.scan import Scan
from ..gradients.step import make_step
from ..optimise.adam import epsilon_for
from ..optimise.graphs import recorded
from ..optimise.parameters import Parameters
from ..optimise.update import Update
from ..schedule import batches

RATE = 0.15
FINAL_RATE = 0.3
"""Share of the rate in a short run's last epoch."""


class ShortRuns:
    """Short descents on one scan; nothing is read back from the device.

    Parameters
    ----------
    scan : Scan
        All views or a part of them.
    recipe : Recipe
        Gives the seed and Adam's decay.
    epochs : int
        Of each run.
    views : float
        Per update.
    """

    def __init__(self, scan: Scan, recipe: Recipe, epochs: int, views: float) -> None:
        self._scan, self._recipe, self._epochs, self._views = scan, recipe, epochs, views

    def run(self, object_MYX: Tensor, probe_NHW: Tensor) -> Tensor:
        """Descend from a start, which changes in place.

        Returns
        -------
        Tensor
            Amplitude loss of the last epoch per pattern and pixel, 0-dim, on the device.
        """
        scan, recipe = self._scan, self._recipe
        epsilon = epsilon_for(scan.mean_count, len(scan))
        parameters = Parameters.of_waves(object_MYX, probe_NHW, recipe.adam, epsilon)
        step = make_step(scan, parameters.named(), ["amplitude"])
        update = Update(step, parameters, None)
        run = recorded(update, step, scan)
        frames = np.arange(len(scan), dtype=np.intp)
        for epoch in range(self._epochs):
            rate = RATE * FINAL_RATE ** (epoch / max(1, self._epochs - 1))
            update.begin_epoch({"object": rate, "probe": rate})
            groups = batches(recipe.seed, epoch, frames, max(1, round(self._views)))
            for batch in scan.feed(groups):
                run(batch, "amplitude", 1.0)
        return (update.loss_sum / len(scan)).clone()
