"""What an algorithm is: the protocol, and the loss that it tells after each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from .schedule import Epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class LossTerms:
    """Loss of an epoch, mean over its updates: ``total = data + regularisation``.

    `data` is the recipe's loss per pixel and pattern, times the stage's factor;
    `regularisation` is gamma x ATV at the epoch's last update.
    """

    total: float
    data: float
    regularisation: float


class Algorithm(Protocol):
    """Turns a scan into an object and a probe, epoch by epoch.

    Built from (scan, recipe, object_MYX, probe_NHW). Everything random in an epoch comes
    from the recipe's seed and the epoch's number, and everything that the next epoch depends
    on is in `tensors` and `numbers`: a run that is cut and resumed gives the same numbers.

    Attributes
    ----------
    object_MYX, probe_NHW : Tensor, complex
        The first two parameters, on the scan's device. They change in place.
    """

    object_MYX: Tensor
    probe_NHW: Tensor

    def named(self) -> dict[str, Tensor]:
        """All parameters by name, object and probe first; they change in place."""
        ...

    def epoch(self, epoch: Epoch) -> LossTerms:
        """All updates of one epoch, gauges included."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """The tensors that the next epoch depends on, themselves and not copies."""
        ...

    def numbers(self) -> dict[str, float]:
        """Further numbers that the next epoch depends on."""
        ...

    def restore_numbers(self, numbers: Mapping[str, float]) -> None:
        """Take back what `numbers` gave."""
        ...
