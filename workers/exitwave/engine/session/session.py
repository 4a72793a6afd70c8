"""A recipe's way over a scan, from one start after another until one finds a picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exitwave.schema.errors import CheckpointError, EngineError
from exitwave.schema.recipe import Recipe, Stage

from ..algorithms import empty_algorithm, make_algorithm
from ..assessment.checks import finds_no_picture, wild_frames
from ..assessment.fit_evidence import Evidence, gather_evidence, held_out_pixels, without_pixels
from ..assessment.held_out import HeldOut, judge, spared
from ..assessment.placement import Placement, gather_placement
from ..data.dataset import Dataset
from ..data.scan import Scan
from ..forward import Named
from ..initial_guess import (
    Candidate,
    InitialGuess,
    Search,
    initialise,
    may_be_out_of_focus,
    search,
)
from ..schedule import Epoch, epochs, for_counts, held_out_frames
from .checkpoint import Checkpoint, copied, fingerprint_of, take_checkpoint
from .divergence import check_progress
from .progress import DeferredRun, RunProgress
from .stages import stage_enabled
from .state import EpochState

MOST_RUNS = 3
"""From a start of their own; one that was deferred may go on after them."""

LEAST_EPOCHS = 15
"""A shorter run has not come far enough to say that its start was wrong."""


class Session:
    """All runs of a recipe over a scan.

    Parameters
    ----------
    scan : Scan
    dataset : Dataset
    recipe : Recipe
    start : InitialGuess or Checkpoint, optional
    """

    def __init__(
        self,
        scan: Scan,
        dataset: Dataset,
        recipe: Recipe,
        start: InitialGuess | Checkpoint | None,
    ) -> None:
        self._held_HW = held_out_pixels(scan, recipe.held_out_pixels, recipe.seed)
        self._whole, self._scan = scan, without_pixels(scan, self._held_HW)
        self._dataset, self._asked = dataset, recipe
        self._recipe = for_counts(recipe, whole=scan.counted)
        self._held_out: HeldOut | None = None
        self._best: dict[str, Tensor] | None = None  # of the start `progress.best`
        self._deferred: DeferredRun | None = None
        self._given = start if isinstance(start, InitialGuess) else None
        self._progress = RunProgress(
            left_out=held_out_frames(self._recipe, len(scan)),
            wild=np.empty(0, dtype=np.intp),
            stages_run={},
        )
        with torch.no_grad():
            if isinstance(start, Checkpoint):
                self._restore(start)
            else:
                self._search = self._find_start()
                self._begin_run()

    def states(self) -> Iterator[EpochState]:
        """The states of all runs, one an epoch."""
        while True:
            progress = self._progress
            for epoch in epochs(
                self._recipe, len(self._scan), self._fitted, self._runs, after=progress.done
            ):
                state = self._advance(epoch)
                yield state
                if self._progress is not progress:
                    break
            else:
                return

    def _find_start(self) -> Search:
        given = self._given
        if given is not None and given.probe_NHW is not None:
            return Search(candidates=(Candidate(kind="given"),))
        return search(self._seen(), self._recipe)

    def _seen(self) -> Scan:
        """The scan without frames that lie: what a start is made from."""
        wild = self._progress.wild
        if not len(wild):
            return self._scan
        return self._scan.only(np.setdiff1d(np.arange(len(self._scan), dtype=np.intp), wild))

    def _begin_run(self) -> None:
        candidate = self._search.candidates[self._progress.candidate - 1]
        variables = initialise(self._seen(), self._recipe, self._given, candidate)
        self._algorithm = make_algorithm(self._scan, self._recipe, *variables)

    def _fitted(self) -> NDArray[np.intp]:
        """Frames that the next epoch fits."""
        progress = self._progress
        every = np.arange(len(self._scan), dtype=np.intp)
        return np.setdiff1d(every, np.union1d(progress.left_out, progress.wild))

    def _runs(self, number: int, stage: Stage) -> bool:
        """Whether the stage of this number is run; decided once, as it begins."""
        if number in {1, len(self._recipe.plan)}:
            return True
        decided = self._progress.stages_run
        if number not in decided:
            decided[number] = stage_enabled(
                stage,
                self._scan,
                self._algorithm.named(),
                out_of_focus=self._out_of_focus(),
            )
        return decided[number]

    def _out_of_focus(self) -> bool:
        """Whether the run's beam is a pupil out of focus; a given one: whether it may be."""
        kind = self._search.candidates[self._progress.candidate - 1].kind
        return kind == "pupil" or (kind == "given" and may_be_out_of_focus(self._seen()))

    def _epochs(self) -> int:
        """Of all stages, without those that were not run, and of the runs before."""
        plan, progress = self._recipe.plan, self._progress
        skipped = [plan[n - 1].epochs for n, run in progress.stages_run.items() if not run]
        return progress.before + self._recipe.epochs - sum(skipped)

    def _advance(self, epoch: Epoch) -> EpochState:
        """One epoch further; a picture that foretells nothing makes a new progress."""
        began_s = time.perf_counter()
        algorithm, progress = self._algorithm, self._progress
        with torch.no_grad():
            loss = algorithm.epoch(epoch)
            check_progress(algorithm, self._recipe, self._scan, epoch, loss)
            named = {name: values.clone() for name, values in algorithm.named().items()}
            progress.done = epoch.number
            if epoch.number == self._probe_known_after():
                progress.left_out = spared(self._scan, named["probe"], progress.left_out)
            gather = self._gathering(named)
            if epoch.last or self._first_stage_ends(epoch):
                named, gather = self._judge(epoch, named, gather)
            if epoch.last and len(progress.left_out):
                self._held_out = judge(self._scan, named, progress.left_out, progress.epoch)
        now = self._progress
        kept = named is self._best
        return EpochState(
            epoch=progress.epoch,
            epochs=self._epochs(),
            stage=epoch.stage_number,
            loss=loss,
            seconds=time.perf_counter() - began_s,
            batch=len(epoch.batches[0]),
            positions_px=self._dataset.positions_px.copy(),
            held_out=self._held_out,
            evidence=gather,
            placement=self._placing(named),
            search=self._search,
            run=now.best if kept and now is progress else progress.candidate,
            runs=now.run,
            wild_frames=now.wild.copy(),
            on_device=named,
            checkpoint=partial(self._checkpoint, progress.epoch),
            checkpoint_bytes=self._checkpoint_bytes(),
        )

    def _first_stage_ends(self, epoch: Epoch) -> bool:
        plan = self._recipe.plan
        return len(plan) > 1 and epoch.number == plan[0].epochs

    def _gathering(self, named: Named) -> Callable[[], Evidence]:
        """What gathers the evidence on these parameters when it is asked for."""
        progress = self._progress
        out = np.union1d(progress.left_out, progress.wild).astype(np.intp)

        @cache
        def gather() -> Evidence:
            with torch.no_grad():
                return gather_evidence(self._whole, self._held_HW, named, out, progress.epoch)

        return gather

    def _placing(self, named: Named) -> Callable[[], Placement]:
        """Likewise for how patterns pull at their views."""
        out = np.union1d(self._progress.left_out, self._progress.wild)
        fitted = np.setdiff1d(np.arange(len(self._whole)), out).astype(np.intp)

        @cache
        def gather() -> Placement:
            with torch.no_grad():
                return gather_placement(self._whole, named, fitted)

        return gather

    def _judge(
        self,
        epoch: Epoch,
        named: dict[str, Tensor],
        gather: Callable[[], Evidence],
    ) -> tuple[dict[str, Tensor], Callable[[], Evidence]]:
        """Begin again where frames lie or there is no picture; at the end keep the best one."""
        progress, evidence = self._progress, gather()
        may_begin = progress.run < MOST_RUNS and progress.done >= LEAST_EPOCHS
        wild = wild_frames(evidence) if may_begin and epoch.last else _NONE
        evidence = evidence.less(wild)
        merit, wrong = evidence.merit(), finds_no_picture(evidence)
        another = may_begin and wrong and progress.candidate < self._search.worth
        deferred = None
        if wrong and not another and not len(wild):
            deferred = self._deferred_that_beats(-1.0 if epoch.last else merit)
        goes_on = not (len(wild) or another or deferred)
        if epoch.last and not goes_on and merit > progress.merit:
            self._best = named
            progress.best, progress.merit = progress.candidate, merit
        if len(wild):
            self._deferred = None
            self._begin_again(1, np.union1d(progress.wild, wild))
        elif another:
            if not epoch.last:
                self._defer(merit)
            self._begin_again(progress.candidate + 1, progress.wild)
        elif deferred is not None:
            self._go_back(deferred)
        elif epoch.last and self._best is not None and merit < progress.merit:
            return self._best, self._gathering(self._best)
        return named, gather

    def _defer(self, merit: float) -> None:
        """Keep this run if it is the best of those that looked wrong so soon."""
        if self._deferred is None or merit > self._deferred.merit:
            self._deferred = DeferredRun.of(replace(self._progress), merit, self._algorithm)

    def _deferred_that_beats(self, merit: float) -> DeferredRun | None:
        deferred = self._deferred
        return deferred if deferred is not None and deferred.merit > merit else None

    def _begin_again(self, candidate: int, wild: NDArray[np.intp]) -> None:
        progress = self._progress
        self._progress = RunProgress(
            run=progress.run + 1,
            candidate=candidate,
            before=progress.epoch,
            left_out=held_out_frames(self._recipe, len(self._scan)),
            wild=wild.astype(np.intp),
            stages_run={},
            best=progress.best,
            merit=progress.merit,
        )
        if len(self._progress.wild) > len(progress.wild):
            self._search = self._find_start()
        self._begin_run()

    def _go_back(self, deferred: DeferredRun) -> None:
        """Let a run that was deferred go on: no other start did better."""
        progress = self._progress
        self._progress = replace(
            deferred.progress,
            run=progress.run + 1,
            before=progress.epoch - deferred.progress.done,
            best=progress.best,
            merit=progress.merit,
        )
        self._algorithm = empty_algorithm(self._scan, self._recipe)
        deferred.restore(self._algorithm)
        self._deferred = None

    def _probe_known_after(self) -> int:
        """Epoch after which the probe tells which patterns can be spared."""
        plan = self._recipe.plan
        return plan[0].epochs if len(plan) > 1 else max(1, plan[0].epochs // 4)

    def _checkpoint(self, epoch: int) -> Checkpoint:
        if epoch != self._progress.epoch:
            raise EngineError(
                f"checkpoint of epoch {epoch}: the run is at epoch {self._progress.epoch}; "
                "take it before asking for the next state"
            )
        session = {"progress": self._progress.plain(), "search": self._search.plain()}
        best = self._best or {}
        further = copied({f"{_BEST}{name}": values for name, values in best.items()})
        if self._deferred is not None:
            session["deferred"] = self._deferred.plain()
            further |= self._deferred.named_tensors()
        return take_checkpoint(
            self._algorithm, self._asked, self._dataset, epoch, session, further
        )

    def _checkpoint_bytes(self) -> int:
        deferred = {} if self._deferred is None else self._deferred.tensors
        kept = [*self._algorithm.tensors().values(), *(self._best or {}).values()]
        return sum(one.nbytes for one in kept) + sum(one.nbytes for one in deferred.values())

    def _restore(self, start: Checkpoint) -> None:
        start.check(self._asked, fingerprint_of(self._dataset))
        progress = RunProgress.from_plain(start.session["progress"])
        if not np.isin(progress.left_out, self._progress.left_out).all():
            raise CheckpointError(
                "checkpoint.left_out", progress.left_out.tolist(), "held-out frames"
            )
        self._progress, self._search = progress, Search.from_plain(start.session["search"])
        self._algorithm = empty_algorithm(self._scan, self._recipe)
        start.restore(self._algorithm)
        if progress.best:
            self._best = self._restored_best(start)
        if "deferred" in start.session:
            self._deferred = DeferredRun.from_plain(start.session["deferred"], start.tensors)
            # A damaged one is refused now, not when it is to go on.
            self._deferred.restore(empty_algorithm(self._scan, self._recipe))

    def _restored_best(self, start: Checkpoint) -> dict[str, Tensor]:
        best = {}
        for name in self._algorithm.named():
            kept = start.tensors.get(f"{_BEST}{name}")
            if kept is None:
                raise CheckpointError(f"checkpoint.{_BEST}{name}", "nothing", "an array")
            best[name] = torch.from_numpy(kept.copy()).to(self._scan.device)
        return best


_BEST = "best_"
"""Before the names of the best picture's parameters in a checkpoint."""

_NONE = np.empty(0, dtype=np.intp)
