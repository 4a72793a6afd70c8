"""The generator that runs a recipe over a dataset."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exitwave.schema.errors import CheckpointError, DataError, EngineError
from exitwave.schema.recipe import Recipe, Stage, checked_recipe

from .algorithm import Algorithm
from .baselines import Admm, DifferenceMap, Epie
from .checkpoint import Checkpoint, fingerprint_of, take_checkpoint
from .cover import applies
from .dap import Dap
from .dataset import Dataset
from .divergence import check_progress
from .evidence import Evidence, gather_evidence, held_out_pixels, without_pixels
from .held_out import HeldOut, judge, spared
from .scan import Interrupt, Scan, choose_device, load
from .schedule import Epoch, epochs, for_counts, held_out_frames
from .start import Candidate, Search, StartingPoint, begin, search
from .state import EpochState


def reconstruct(
    dataset: Dataset,
    recipe: Recipe,
    start: StartingPoint | Checkpoint | None = None,
    *,
    device: str = "auto",
    memory_GB: float | None = None,
    interrupt: Interrupt | None = None,
) -> Iterator[EpochState]:
    """Reconstruct object and probe; yields a state after each epoch.

    To cancel after an epoch, stop iterating. Equal inputs give bitwise equal numbers on a
    CPU with the same number of threads, cut and resumed from a checkpoint or not.

    Parameters
    ----------
    dataset : Dataset
    recipe : Recipe
    start : StartingPoint or Checkpoint, optional
        A probe or an object to begin with, in place of the autocorrelation's; or a run of
        this dataset and recipe to go on with.
    device : str
        ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:1``.
    memory_GB : float, optional
        Device memory to keep to, in 1e9 bytes; none = 80 % of what is free on a GPU. Where
        the frames do not fit they are brought to the device batch by batch. On a CPU they
        stay where they are and do not count.
    interrupt : callable, optional
        Asked before each batch, while the start is made, too. What it raises ends the run
        there and comes out of the generator; the state before is the last one.

    Yields
    ------
    EpochState

    Raises
    ------
    DataError
        The frames cannot be used, or `start` has the wrong shape.
    RecipeError
        A knob is out of its range, or the algorithm does not know it.
    CheckpointError
        `start` is a checkpoint of another dataset or recipe, or damaged.
    EngineError
        There is no such device, or `memory_GB` is too little.
    Diverged
        The run has gone wrong; the state before is the last good one.
    """
    _check_kind("dataset", dataset, Dataset)
    recipe = checked_recipe(recipe)
    if start is not None:
        _check_kind("start", start, StartingPoint, Checkpoint)
    scan = load(dataset, recipe, choose_device(device), memory_GB, interrupt)
    run = _Run(scan, dataset, recipe, start)
    for epoch in epochs(run.recipe, len(scan), run.fitted, run.runs, after=run.epoch):
        yield run.advance(epoch)


def _check_kind(key: str, found: object, *kinds: type) -> None:
    if not isinstance(found, kinds):
        raise DataError(key, type(found).__name__, " or ".join(kind.__name__ for kind in kinds))


class _Run:
    """An algorithm on its way through a recipe."""

    def __init__(
        self,
        scan: Scan,
        dataset: Dataset,
        recipe: Recipe,
        start: StartingPoint | Checkpoint | None,
    ) -> None:
        self._held_HW = held_out_pixels(scan, recipe.held_out_pixels, recipe.seed)
        self._whole, scan = scan, without_pixels(scan, self._held_HW)
        self._scan, self._dataset, self._asked = scan, dataset, recipe
        self.recipe = recipe = for_counts(recipe, whole=scan.counted)
        self._left_out = held_out_frames(recipe, len(scan))
        self._held_out: HeldOut | None = None
        self._stages_run: dict[int, bool] = {}
        self.epoch = 0
        with torch.no_grad():
            if isinstance(start, Checkpoint):
                start.check(self._asked, fingerprint_of(dataset))
                if not np.isin(start.left_out, self._left_out).all():
                    raise CheckpointError(
                        "checkpoint.left_out", start.left_out.tolist(), "held-out frames"
                    )
                self._algorithm = _make(scan, recipe, *_nothing(scan, recipe))
                start.restore(self._algorithm)
                self._left_out = start.left_out
                self._stages_run = dict(start.stages_run)
                self.epoch = start.epoch
            else:
                known = start is not None and start.probe_NHW is not None
                given = Search(candidates=(Candidate(kind="given"),))
                self.search = given if known else search(scan, recipe)
                candidate = self.search.candidates[0]
                self._algorithm = _make(scan, recipe, *begin(scan, recipe, start, candidate))

    def fitted(self) -> NDArray[np.intp]:
        """Frames that the next epoch fits."""
        return np.setdiff1d(np.arange(len(self._scan), dtype=np.intp), self._left_out)

    def runs(self, number: int, stage: Stage) -> bool:
        """Whether the stage of this number is run; decided once, as it begins."""
        if number in {1, len(self.recipe.plan)}:
            return True
        if number not in self._stages_run:
            algorithm = self._algorithm
            self._stages_run[number] = applies(
                stage, self._scan, algorithm.object_MYX, algorithm.probe_NHW
            )
        return self._stages_run[number]

    def _epochs(self) -> int:
        """Of all stages, without those that were not run."""
        plan = self.recipe.plan
        skipped = [plan[n - 1].epochs for n, run in self._stages_run.items() if not run]
        return self.recipe.epochs - sum(skipped)

    def advance(self, epoch: Epoch) -> EpochState:
        """One epoch further."""
        began_s = time.perf_counter()
        algorithm = self._algorithm
        with torch.no_grad():
            loss = algorithm.epoch(epoch)
            check_progress(algorithm, self.recipe.algorithm, self._scan, epoch, loss)
            object_MYX, probe_NHW = algorithm.object_MYX.clone(), algorithm.probe_NHW.clone()
            if epoch.number == self._probe_known_after():
                self._left_out = spared(self._scan, probe_NHW, self._left_out)
            if epoch.last and len(self._left_out):
                self._held_out = judge(
                    self._scan, object_MYX, probe_NHW, self._left_out, epoch.number
                )
            evidence = self._evidence(epoch, object_MYX, probe_NHW)
        self.epoch = epoch.number
        return EpochState(
            epoch=epoch.number,
            epochs=self._epochs(),
            stage=epoch.stage_number,
            loss=loss,
            seconds=time.perf_counter() - began_s,
            batch=len(epoch.batches[0]),
            positions_px=self._dataset.positions_px.copy(),
            held_out=self._held_out,
            evidence=evidence,
            object_on_device_MYX=object_MYX,
            probe_on_device_NHW=probe_NHW,
            checkpoint=partial(self._checkpoint, epoch.number),
            checkpoint_bytes=sum(kept.nbytes for kept in algorithm.tensors().values()),
        )

    def _evidence(self, epoch: Epoch, object_MYX: Tensor, probe_NHW: Tensor) -> Evidence | None:
        """At the end of the run."""
        if not epoch.last:
            return None
        return gather_evidence(
            self._whole, self._held_HW, object_MYX, probe_NHW, self._left_out, epoch.number
        )

    def _probe_known_after(self) -> int:
        """Epoch after which the probe tells which patterns can be spared."""
        plan = self.recipe.plan
        return plan[0].epochs if len(plan) > 1 else max(1, plan[0].epochs // 4)

    def _checkpoint(self, number: int) -> Checkpoint:
        if number != self.epoch:
            raise EngineError(
                f"checkpoint of epoch {number}: the run is at epoch {self.epoch}; take it "
                "before asking for the next state"
            )
        return take_checkpoint(
            self._algorithm,
            self._asked,
            self._dataset,
            number,
            self._left_out,
            self._stages_run,
        )


_ALGORITHMS: dict[str, Callable[[Scan, Recipe, Tensor, Tensor], Algorithm]] = {
    "dap": Dap,
    "epie": Epie,
    "dm": DifferenceMap,
    "admm": Admm,
}


def _make(scan: Scan, recipe: Recipe, object_MYX: Tensor, probe_NHW: Tensor) -> Algorithm:
    return _ALGORITHMS[recipe.algorithm](scan, recipe, object_MYX, probe_NHW)


def _nothing(scan: Scan, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Object and probe that a checkpoint will fill."""
    states, shape_YX = recipe.object_states, scan.object_shape_YX
    object_MYX = torch.zeros((states, *shape_YX), dtype=torch.complex64, device=scan.device)
    shape_NHW = (recipe.probe_states, *scan.window_HW)
    return object_MYX, torch.zeros(shape_NHW, dtype=torch.complex64, device=scan.device)
