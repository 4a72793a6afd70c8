"""One attempt at a job in the engine process: read, compute, deliver.

Imports torch and Tiled's client: only the engine process may import this.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from typing import Any, TypeVar

import stamina
import structlog
import torch

from exitwave.engine import Checkpoint, EpochState, InitialGuess, reconstruct
from exitwave.files.mask_file import mask_within
from exitwave.prepare import Prepared, build_oriented
from exitwave.results import AttemptRecord, FinalArrays, History, Sink, Spool, Spooled
from exitwave.results.registry import make_sinks
from exitwave.scans import TiledScans
from exitwave.schema.data import data_from_mapping, geometry_from_mapping
from exitwave.schema.errors import CheckpointError, Diverged, SinkError, TiledUnavailable
from exitwave.schema.job import Job, Progress, Result, ResumePoint, ScanRef
from exitwave.schema.recipe import Recipe, recipe_from_mapping
from exitwave.schema.result import FIELDS, LOSS, attempt_node
from exitwave.settings.service import Settings

from .beginning import newest_checkpoint, starting_point
from .checkpoints import Keeper, Kept
from .control import Control, JobCancelledError, JobPreemptedError, JobStoppedError
from .devices import free_memory_bytes
from .finals import Follow, Followed, frc, reconstruction
from .folders import checkpoints_of, spool_of
from .spooled import LastEpoch

ALL_CHECKED_S = 0.25
"""While the last pictures go out, the orders are looked at this often."""

LONGEST_PAUSE_S = 5.0
"""Between two looks for a Tiled that is away."""

WRITTEN_WITHIN_S = 5.0
"""A preemption does not interrupt the writing of a result, unless it takes longer."""

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class JobAttempt:
    """One attempt at a job.

    Parameters
    ----------
    job : Job
    control : Control
    settings : Settings
    scans : TiledScans
    torch_device : torch.device
    device : str
        The same in words.
    """

    def __init__(
        self,
        job: Job,
        control: Control,
        *,
        settings: Settings,
        scans: TiledScans,
        torch_device: torch.device,
        device: str,
    ) -> None:
        self._job, self._control, self._settings = job, control, settings
        self._scans, self._torch_device, self._device = scans, torch_device, device
        self._spool = Spool(spool_of(settings))
        self._progress = Progress(phase="reading")
        self._epochs_done = 0
        self._only_judging = False
        self._log = _log.bind(job_id=job.id, attempt=job.attempt)

    def run(self) -> Result:
        """Do it; the result can be read from every sink when this returns.

        Raises
        ------
        ExitwaveError
            Why it cannot be done.
        JobCancelledError, JobStoppedError, JobPreemptedError
            It was told to end.
        """
        earlier = self._spool.earlier(self._job.id, self._job.attempt)
        if earlier is not None:
            return self._deliver_earlier(earlier)
        recipe = recipe_from_mapping(self._job.spec.recipe)
        scan, prepared = self._patiently(self._read)
        record = self._record(scan, prepared)
        kept = self._find_checkpoint(prepared, recipe)
        start = self._start(prepared, recipe) if kept is None else None
        try:
            return self._reconstruct(record, prepared, recipe, kept, start)
        except CheckpointError as error:
            if kept is None or self._epochs_done:
                raise
            self._log.warning("checkpoint.skipped", error=str(error))
            self._say(
                resumed_from=None, epoch=0, loss=None, note=f"checkpoint skipped: {error}"
            )
            start = self._start(prepared, recipe)
            return self._reconstruct(record, prepared, recipe, None, start)

    def _reconstruct(
        self,
        record: AttemptRecord,
        prepared: Prepared,
        recipe: Recipe,
        kept: Kept | None,
        start: InitialGuess | None,
    ) -> Result:
        history = History(None if kept is None else kept.rows)
        sinks = make_sinks(self._settings, record, history.rows())
        folder = checkpoints_of(self._settings) / self._job.id
        keeper = Keeper(folder, self._job.attempt, self._settings.worker.checkpoint_s)

        def follow(state: Followed) -> None:
            history.add(state)
            sinks.offer(state)
            self._follow(state, history, keeper)

        try:
            begin = start if kept is None else kept.checkpoint
            final = self._compute(prepared, recipe, begin, follow)
            keeper.close()
            spooled = self._spool.put(record, final, history.rows())
            return self._deliver(spooled, record, sinks)
        finally:
            sinks.abandon()
            keeper.close()

    def _compute(
        self,
        prepared: Prepared,
        recipe: Recipe,
        start: InitialGuess | Checkpoint | None,
        follow: Follow,
    ) -> FinalArrays:
        spec, device = self._job.spec, str(self._torch_device)
        engine = partial(
            reconstruct,
            device=device,
            memory_GB=self._settings.worker.device_memory_gb,
            interrupt=self._between_batches,
        )
        if spec.kind == "frc":
            return frc(engine, prepared, recipe, spec.halves or "counts", follow)
        engine = partial(engine, start=start)
        return reconstruction(engine, prepared, recipe, device, follow, self._tell)

    def _between_batches(self) -> None:
        """A preemption waits for the end of the epoch, keeping for an epoch to keep.

        Batches that only judge what there is are short, and all that is left to do.
        """
        keeps_on = not self._epochs_done or self._only_judging
        self._tell(JobPreemptedError, *([JobStoppedError] if keeps_on else []))

    def _follow(self, state: Followed, history: History, keeper: Keeper) -> None:
        self._epochs_done += 1
        self._say(
            epoch=state.epoch,
            epochs=state.epochs,
            loss=state.loss.total,
            seconds_per_epoch=state.seconds,
            checkpoint=keeper.newest or self._progress.checkpoint,
        )
        self._only_judging = state.epoch == state.epochs
        if self._only_judging:
            self._tell(JobPreemptedError, JobStoppedError)  # it is done
            return
        if keeper.due:
            self._keep(state, history, keeper)
        try:
            self._tell()
        except JobPreemptedError:
            self._keep(state, history, keeper)
            keeper.flush()
            self._say(checkpoint=keeper.newest or self._progress.checkpoint)
            self._tell()

    def _keep(self, state: Followed, history: History, keeper: Keeper) -> None:
        """Have a checkpoint written. An frc's two runs begin at the start again."""
        if isinstance(state, EpochState):
            if state.checkpoint_bytes > free_memory_bytes() / 2:
                self._log.warning("checkpoint.too_large", bytes=state.checkpoint_bytes)
                return
            began_s = time.monotonic()
            checkpoint = state.checkpoint()
            keeper.keep(checkpoint, history.rows(), time.monotonic() - began_s)

    def _deliver(self, spooled: Spooled, record: AttemptRecord, sinks: Sink) -> Result:
        """Wait for all to have pictures and result; then nothing of it is left on disk."""
        self._say(phase="writing")
        until_s = time.monotonic() + WRITTEN_WITHIN_S

        def go_on() -> None:
            hurried = time.monotonic() < until_s
            self._tell(JobStoppedError, *([JobPreemptedError] if hurried else []))

        sinks.end()
        try:
            while not sinks.done(ALL_CHECKED_S):
                go_on()
            sinks.deliver(spooled.final, go_on)
        except SinkError as error:
            raise SinkError(
                f"{error}; the arrays are kept in {self._spool.refuse(spooled)}"
            ) from error
        except JobCancelledError:
            spooled.path.unlink(missing_ok=True)
            raise
        spooled.path.unlink(missing_ok=True)
        return self._result(record, spooled.final)

    def _deliver_earlier(self, spooled: Spooled) -> Result:
        """An earlier attempt had all but delivered its result: do that, below an own node."""
        found = ResumePoint(attempt=spooled.record.attempt, epoch=spooled.final.epochs)
        self._log.info("spool.found", of_attempt=found.attempt, epoch=found.epoch)
        last = LastEpoch(spooled)
        self._say(
            phase="writing",
            epoch=last.epoch,
            epochs=last.epoch,
            loss=last.loss.total,
            resumed_from=found,
            note=f"attempt {found.attempt} had computed the result; it is only delivered",
        )
        record = replace(spooled.record, attempt=self._job.attempt)
        sinks = make_sinks(self._settings, record, spooled.rows[:-1])
        try:
            sinks.offer(last)
            return self._deliver(spooled, record, sinks)
        finally:
            sinks.abandon()

    def _result(self, record: AttemptRecord, final: FinalArrays) -> Result:
        node = attempt_node(
            self._settings.tiled.results, record.scan.uid, record.job_id, record.attempt
        )
        if final.diverged:
            raise Diverged(
                f"{final.diverged}; epoch {final.epochs}, the last good one, is kept in {node}"
            )
        return Result(
            node=node,
            attempt=self._job.attempt,
            complete=final.complete,
            epochs=final.epochs,
            loss=final.loss,
            quality=final.quality,
            verdict=final.verdict,
            preparation=final.preparation,
            start=final.start,
        )

    def _patiently(self, read: Callable[[], T]) -> T:
        """Read from Tiled; wait while it is away, for what is asked for will still be there."""
        patient = stamina.RetryingCaller(
            attempts=None, timeout=None, wait_max=LONGEST_PAUSE_S
        ).on(TiledUnavailable)
        return patient(read)

    def _read(self) -> tuple[ScanRef, Prepared]:
        self._tell(JobStoppedError)
        spec = self._job.spec
        data = data_from_mapping(spec.data)
        data = replace(data, mask=mask_within(self._settings.worker.masks, data.mask))
        overrides = geometry_from_mapping(spec.geometry)
        ref = spec.scan
        if ref.n_frames is None:
            # Tiled was away when the job came: `uid` is what the user typed.
            ref = self._scans.check(self._scans.find(ref.uid).uid, data, overrides)
        scan = self._scans.open(ref.uid)
        prepared = build_oriented(
            scan,
            data,
            scan.geometry(overrides),
            recipe_from_mapping(spec.recipe),
            self._torch_device,
            on_progress=lambda read, total: self._tell(JobStoppedError),
            interrupt=lambda: self._tell(JobStoppedError),
        )
        return ref, prepared

    def _find_checkpoint(self, prepared: Prepared, recipe: Recipe) -> Kept | None:
        """Where an earlier attempt was; says so, and why not where there was more."""
        runs = 2 if self._job.spec.kind == "frc" else 1
        self._say(phase="reconstructing", epochs=runs * recipe.epochs)
        folder = checkpoints_of(self._settings) / self._job.id
        kept, note = newest_checkpoint(folder, prepared, recipe)
        if kept is not None:
            self._log.info("job.resumed", of_attempt=kept.point.attempt, epoch=kept.point.epoch)
            self._say(
                epoch=kept.point.epoch,
                loss=float(kept.rows[-1, FIELDS.index(LOSS)]),
                resumed_from=kept.point,
                checkpoint=kept.point,
            )
        elif runs == 2 and self._job.attempt > 1:
            note = "both halves of an frc begin at the start again"
        self._say(note=note)
        self._tell(JobStoppedError, JobPreemptedError)
        return kept

    def _start(self, prepared: Prepared, recipe: Recipe) -> InitialGuess | None:
        """The result of another job that this one begins with, if any."""
        start = self._job.spec.start
        if start is None:
            return None

        def read() -> InitialGuess:
            self._tell(JobStoppedError)
            return starting_point(self._settings.tiled, start, prepared, recipe)

        return self._patiently(read)

    def _say(self, **changes: Any) -> None:
        self._progress = self._progress.model_copy(update=changes)

    def _tell(self, *bears: type[Exception]) -> None:
        """Report, and obey but for these orders."""
        try:
            self._control(self._progress)
        except bears:
            return
        except JobStoppedError:
            self._only_judging = True
            raise

    def _record(self, scan: ScanRef, prepared: Prepared) -> AttemptRecord:
        spec = self._job.spec
        return AttemptRecord(
            scan=scan,
            job_id=self._job.id,
            attempt=self._job.attempt,
            recipe=spec.recipe,
            geometry=asdict(prepared.geometry),
            pixel_size_m=prepared.pixel_size_m,
            origin_m=prepared.origin_m,
            device=self._device,
            kind=spec.kind,
            parent=spec.parent,
        )
