"""How a variable's rate falls over a stage: exponentially, or where the loss stalls.

Equation 18 of docs/method.md; the paper's rule is the plateau's (Wu et al., Optica 11 (2024),
doi 10.1364/OPTICA.522380).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from exitwave.schema.recipe import RateSchedule, Stage

LEAST_GAIN = 1e-4
"""A loss counts as better when it is lower by this share of the best one."""


@dataclass(slots=True)
class Plateau:
    """Reduce on plateau, for one variable: the share of the stage's rate that is left.

    Attributes
    ----------
    share : float
        From 1 down to the stage's `final_rate`.
    best : float
        Lowest loss since the last drop's or the stage's beginning.
    waited : int
        Epochs since.
    """

    share: float = 1.0
    best: float = math.inf
    waited: int = 0

    def begin_stage(self) -> None:
        """The whole rate again; losses of another kind do not compare."""
        self.share, self.best, self.waited = 1.0, math.inf, 0

    def hear(self, loss: float, stage: Stage) -> None:
        """Drop the rate after `stage.patience` epochs without a better loss."""
        if loss < self.best * (1 - LEAST_GAIN):
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited >= stage.patience:
            self.share = max(stage.final_rate, self.share * stage.plateau_factor)
            self.waited = 0

    def numbers(self) -> dict[str, float]:
        """State as plain numbers, for a checkpoint."""
        return {"share": self.share, "best": self.best, "waited": float(self.waited)}

    def restore(self, numbers: Mapping[str, float]) -> None:
        """Take back what `numbers` gave."""
        self.share, self.best = numbers["share"], numbers["best"]
        self.waited = int(numbers["waited"])


def rate_share(schedule: RateSchedule, decay: float, plateau: Plateau) -> float:
    """Share of the stage's rate that holds in an epoch."""
    return decay if schedule == "decay" else plateau.share
