"""DAP: stages of descent, and where views overlap little of the difference map between them.

Wu, Yoo, Chu, Huang, Robinson, Optica 11 (2024), doi 10.1364/OPTICA.522380, descends only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from exitwave.schema.recipe import Recipe

from .algorithm import LossTerms
from .baselines import DifferenceMap
from .baselines.variables import refuse_object_states, refuse_parts
from .data.scan import Scan
from .optimise.adam_optimisation import AdamOptimisation
from .schedule import Epoch

_WAVES = "waves_"
_IN_DIFFERENCE_MAP = "in_difference_map"


class Dap:
    """The method of each stage on one object and probe; an `Algorithm`.

    Parameters
    ----------
    scan : Scan
    recipe : Recipe
    object_MYX, probe_NHW : Tensor, complex
        Where to begin; changed in place.

    Raises
    ------
    RecipeError
        A stage that always runs is by the difference map, with several object states or parts
        of the forward model that it does not know.
    """

    def __init__(
        self, scan: Scan, recipe: Recipe, object_MYX: Tensor, probe_NHW: Tensor
    ) -> None:
        if recipe.surely_in_difference_map:
            as_baseline = replace(recipe, algorithm="dm")
            refuse_object_states(as_baseline)
            refuse_parts(as_baseline)
        self.object_MYX, self.probe_NHW = object_MYX, probe_NHW
        self._scan, self._recipe = scan, recipe
        self._adam = AdamOptimisation(scan, recipe, object_MYX, probe_NHW)
        self._waves: DifferenceMap | None = None

    def epoch(self, epoch: Epoch) -> LossTerms:
        """One epoch by the method of its stage."""
        if epoch.begins_stage:
            self._begin_stage(in_difference_map=epoch.stage.method == "difference_map")
        if self._waves is None:
            return self._adam.epoch(epoch)
        loss = self._waves.epoch(epoch)
        return LossTerms(
            total=epoch.factor * loss.total, data=epoch.factor * loss.data, regularisation=0.0
        )

    def named(self) -> dict[str, Tensor]:
        """The parameters by name; they change in place."""
        return self._adam.named()

    def tensors(self) -> dict[str, Tensor]:
        """Those of the descent, and within a difference map its waves."""
        waves = {} if self._waves is None else self._waves.tensors()
        return {
            **self._adam.tensors(),
            **{f"{_WAVES}{name}": tensor for name, tensor in waves.items()},
        }

    def numbers(self) -> dict[str, float]:
        """Those of the descent, and whether there are waves."""
        return {**self._adam.numbers(), _IN_DIFFERENCE_MAP: float(self._waves is not None)}

    def restore_numbers(self, numbers: Mapping[str, float]) -> None:
        """Take back what `numbers` gave."""
        self._adam.restore_numbers(numbers)
        self._begin_stage(in_difference_map=bool(numbers[_IN_DIFFERENCE_MAP]))

    def _begin_stage(self, *, in_difference_map: bool) -> None:
        if self._waves is not None:
            self._adam.forget()  # object and probe have gone elsewhere without them
        self._waves = None
        if in_difference_map:
            self._waves = DifferenceMap(
                self._scan,
                replace(self._recipe, algorithm="dm"),
                self.object_MYX,
                self.probe_NHW,
            )
