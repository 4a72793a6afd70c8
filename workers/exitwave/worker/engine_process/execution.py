"""One attempt at a job in the engine process: read, compute, deliver.

Imports torch and Tiled's client.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import partial

import structlog
import torch

from exitwave.engine import Checkpoint, EpochState, InitialGuess, reconstruct
from exitwave.prepare import Prepared
from exitwave.results import AttemptRecord, FinalArrays, History, Spool
from exitwave.results.registry import make_sinks
from exitwave.scans import TiledScans
from exitwave.schema.errors import CheckpointError
from exitwave.schema.job import Job, Result, ScanRef
from exitwave.schema.recipe import Recipe, recipe_from_mapping
from exitwave.settings.service import Settings

from ..protocol import Control, JobPreemptedError, JobStoppedError
from ..protocol.paths import checkpoints_folder, spool_folder
from .attempt_progress import AttemptProgress
from .checkpoints import CheckpointWriter, LoadedCheckpoint
from .delivery import Delivery
from .devices import free_memory_bytes
from .job_kinds import Follow, Followed, frc, reconstruction
from .reading import AttemptReader

_log = structlog.get_logger(__name__)


class JobExecution:
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
        self._job, self._settings = job, settings
        self._torch_device, self._device = torch_device, device
        self._spool = Spool(spool_folder(settings))
        self._progress = AttemptProgress(control)
        self._reader = AttemptReader(
            job, self._progress, settings=settings, scans=scans, torch_device=torch_device
        )
        self._delivery = Delivery(job, self._progress, settings=settings, spool=self._spool)
        self._log = _log.bind(job_id=job.id, attempt=job.attempt)

    def run(self) -> Result:
        """Do it; the result can be read from every sink when this returns.

        Raises
        ------
        ExitwaveError
            Why it cannot be done.
        JobCancelledError, JobStoppedError, JobPreemptedError
            The agent commands its end.
        """
        earlier = self._spool.newest_before(self._job.id, self._job.attempt)
        if earlier is not None:
            return self._delivery.deliver_earlier(earlier)
        recipe = recipe_from_mapping(self._job.spec.recipe)
        scan, prepared = self._reader.scan()
        record = self._record(scan, prepared)
        loaded = self._reader.checkpoint(prepared, recipe)
        if loaded is not None:
            try:
                return self._reconstruct(record, prepared, recipe, loaded)
            except CheckpointError as error:
                if self._progress.epochs_done:
                    raise
                self._log.warning("checkpoint.skipped", error=str(error))
                self._progress.update(
                    resumed_from=None, epoch=0, loss=None, note=f"checkpoint skipped: {error}"
                )
        start = self._reader.initial_guess(prepared, recipe)
        return self._reconstruct(record, prepared, recipe, start)

    def _reconstruct(
        self,
        record: AttemptRecord,
        prepared: Prepared,
        recipe: Recipe,
        begin: LoadedCheckpoint | InitialGuess | None,
    ) -> Result:
        loaded = begin if isinstance(begin, LoadedCheckpoint) else None
        start = begin.checkpoint if isinstance(begin, LoadedCheckpoint) else begin
        history = History(None if loaded is None else loaded.rows)
        sinks = make_sinks(self._settings, record, history.rows())
        folder = checkpoints_folder(self._settings) / self._job.id
        writer = CheckpointWriter(folder, self._job.attempt, self._settings.worker.checkpoint_s)

        def follow(state: Followed) -> None:
            history.add(state)
            sinks.offer(state)
            self._follow(state, history, writer)

        try:
            final = self._compute(prepared, recipe, start, follow)
            writer.close()
            spooled = self._spool.put(record, final, history.rows())
            return self._delivery.deliver(spooled, record, sinks)
        finally:
            sinks.abandon()
            writer.close()

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
            interrupt=self._progress.check_between_batches,
        )
        if spec.kind == "frc":
            return frc(engine, prepared, recipe, spec.halves or "counts", follow)
        engine = partial(engine, start=start)
        return reconstruction(engine, prepared, recipe, device, follow, self._progress.check)

    def _follow(self, state: Followed, history: History, writer: CheckpointWriter) -> None:
        """Report an epoch; write a checkpoint if one is due, or if the job is preempted."""
        progress, is_last = self._progress, state.epoch == state.epochs
        progress.epoch_done(is_last=is_last)
        progress.update(
            epoch=state.epoch,
            epochs=state.epochs,
            loss=state.loss.total,
            seconds_per_epoch=state.seconds,
            checkpoint=writer.newest or progress.current.checkpoint,
        )
        if is_last:
            progress.check(JobPreemptedError, JobStoppedError)  # it is done
            return
        if writer.due:
            self._write_checkpoint(state, history, writer)
        try:
            progress.check()
        except JobPreemptedError:
            self._write_checkpoint(state, history, writer)
            writer.flush()
            progress.update(checkpoint=writer.newest or progress.current.checkpoint)
            progress.check()

    def _write_checkpoint(
        self, state: Followed, history: History, writer: CheckpointWriter
    ) -> None:
        """Have a checkpoint written. An frc has none: its two runs begin at the start again."""
        if isinstance(state, EpochState):
            if state.checkpoint_bytes > free_memory_bytes() / 2:
                self._log.warning("checkpoint.too_large", bytes=state.checkpoint_bytes)
                return
            began_s = time.monotonic()
            checkpoint = state.checkpoint()
            writer.write(checkpoint, history.rows(), time.monotonic() - began_s)

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
