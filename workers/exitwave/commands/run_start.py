"""What an offline run starts from, and the checkpoints that another one resumes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exitwave.engine import Checkpoint, Dataset, EpochState, InitialGuess
from exitwave.files.checkpoint import read_arrays, write_arrays
from exitwave.files.cxi import read_reconstruction
from exitwave.schema.errors import DataError
from exitwave.schema.recipe import Recipe

_LOSSES = "losses"
"""Beside the checkpoint's own arrays: the loss of every epoch so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart:
    """What a run starts from, and where its checkpoints go.

    Attributes
    ----------
    start : Path, optional
        Result whose probe and, where its shape fits, object are the initial guess.
    checkpoint : Path, optional
        Written every `every` epochs and after the last one.
    resume : bool
        Whether to resume from `checkpoint`.
    every : int
        Epochs from one checkpoint to the next.
    """

    start: Path | None = None
    checkpoint: Path | None = None
    resume: bool = False
    every: int = 10

    def load(
        self, dataset: Dataset, recipe: Recipe, say: Callable[[str], None]
    ) -> tuple[InitialGuess | Checkpoint | None, list[float]]:
        """Load what `reconstruct` starts from, and the losses so far; `say` prints what it is.

        Raises
        ------
        DataError, CheckpointError
            A file cannot be read or does not fit.
        """
        if self.resume and self.checkpoint is not None:
            arrays = read_arrays(self.checkpoint)
            checkpoint = Checkpoint.from_arrays(arrays)
            say(f"{self.checkpoint}: going on after epoch {checkpoint.epoch}")
            return checkpoint, [float(loss) for loss in arrays.get(_LOSSES, ())]
        if self.start is not None:
            return _initial_guess(self.start, dataset, recipe, say), []
        return None, []

    def save_checkpoint(self, state: EpochState, losses: list[float]) -> None:
        """Write a checkpoint where one is due."""
        if self.checkpoint is not None and (
            state.epoch % self.every == 0 or state.epoch == state.epochs
        ):
            arrays = state.checkpoint().arrays()
            write_arrays(self.checkpoint, {**arrays, _LOSSES: np.array(losses)})


def _initial_guess(
    path: Path, dataset: Dataset, recipe: Recipe, say: Callable[[str], None]
) -> InitialGuess:
    result = read_reconstruction(path)
    found, wanted = result.probe_NHW.shape[1:], dataset.frames.shape_HW
    if found != wanted:
        raise DataError(f"{path}: probe", f"{found} px", f"{wanted} px, the patterns' size")
    shape_MYX = (recipe.object_states, *dataset.object_shape_YX)
    object_MYX = result.object_MYX if result.object_MYX.shape == shape_MYX else None
    part = "probe" if object_MYX is None else "probe and object"
    say(f"{path}: its {part} begin the run")
    return InitialGuess(object_MYX=object_MYX, probe_NHW=result.probe_NHW)
