"""What an attempt reads before it computes: scan, checkpoint, result to begin with.

Imports torch and Tiled's client.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import stamina
import structlog
import torch

from exitwave.engine import InitialGuess
from exitwave.files.mask_file import mask_within
from exitwave.prepare import Prepared, build_oriented
from exitwave.scans import TiledScans
from exitwave.schema.data import data_from_mapping, geometry_from_mapping
from exitwave.schema.errors import TiledUnavailable
from exitwave.schema.job import Job, ScanRef
from exitwave.schema.recipe import Recipe, recipe_from_mapping
from exitwave.schema.result import FIELDS, LOSS
from exitwave.settings.service import Settings

from ..protocol import JobPreemptedError, JobStoppedError
from ..protocol.paths import checkpoints_folder
from .attempt_progress import AttemptProgress
from .checkpoints import LoadedCheckpoint
from .resume import initial_guess, newest_checkpoint

LONGEST_PAUSE_S = 5.0
"""Between two looks for a Tiled that is away."""

T = TypeVar("T")


class AttemptReader:
    """Reads what one attempt needs.

    Parameters
    ----------
    job : Job
    progress : AttemptProgress
        Checked while Tiled is away, and for every slab of frames.
    settings : Settings
    scans : TiledScans
    torch_device : torch.device
        Where the orientation of the positions is tried out.
    """

    def __init__(
        self,
        job: Job,
        progress: AttemptProgress,
        *,
        settings: Settings,
        scans: TiledScans,
        torch_device: torch.device,
    ) -> None:
        self._job, self._progress, self._settings = job, progress, settings
        self._scans, self._torch_device = scans, torch_device
        self._log = structlog.get_logger(__name__).bind(job_id=job.id, attempt=job.attempt)

    def scan(self) -> tuple[ScanRef, Prepared]:
        """The scan, made ready for the engine; waits while Tiled is away."""
        return self._wait_for_tiled(self._read_scan)

    def checkpoint(self, prepared: Prepared, recipe: Recipe) -> LoadedCheckpoint | None:
        """An earlier attempt's newest usable checkpoint; a note says why newer ones are not."""
        runs = 2 if self._job.spec.kind == "frc" else 1
        self._progress.update(phase="reconstructing", epochs=runs * recipe.epochs)
        folder = checkpoints_folder(self._settings) / self._job.id
        loaded, note = newest_checkpoint(folder, prepared, recipe)
        if loaded is not None:
            point = loaded.point
            self._log.info("job.resumed", of_attempt=point.attempt, epoch=point.epoch)
            self._progress.update(
                epoch=point.epoch,
                loss=float(loaded.rows[-1, FIELDS.index(LOSS)]),
                resumed_from=point,
                checkpoint=point,
            )
        elif runs == 2 and self._job.attempt > 1:
            note = "both halves of an frc begin at the start again"
        self._progress.update(note=note)
        self._progress.check(JobStoppedError, JobPreemptedError)
        return loaded

    def initial_guess(self, prepared: Prepared, recipe: Recipe) -> InitialGuess | None:
        """The result of another job that this one begins with, if any."""
        start = self._job.spec.start
        if start is None:
            return None

        def read() -> InitialGuess:
            self._progress.check(JobStoppedError)
            return initial_guess(self._settings.tiled, start, prepared, recipe)

        return self._wait_for_tiled(read)

    def _wait_for_tiled(self, read: Callable[[], T]) -> T:
        """Read again and again while Tiled is away: what is asked for will still be there."""
        patient = stamina.RetryingCaller(
            attempts=None, timeout=None, wait_max=LONGEST_PAUSE_S
        ).on(TiledUnavailable)
        return patient(read)

    def _read_scan(self) -> tuple[ScanRef, Prepared]:
        def check() -> None:
            self._progress.check(JobStoppedError)

        check()
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
            on_progress=lambda read, total: check(),
            interrupt=check,
        )
        return ref, prepared
