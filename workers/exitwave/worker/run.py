"""One job in the engine process: read the scan, reconstruct, write the result.

Imports torch and Tiled's client: only the engine process may import this.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Literal

import stamina
import torch

from exitwave.engine import reconstruct
from exitwave.engine.scan import choose_device
from exitwave.prepare import Prepared, build_dataset
from exitwave.results import AttemptRecord, FinalArrays, LiveSink, ResultNode, deliver
from exitwave.scans import TiledScans, load_profile
from exitwave.schema.data import data_from_mapping, geometry_from_mapping
from exitwave.schema.errors import Diverged, TiledUnavailable
from exitwave.schema.job import Job, Progress, Result, ScanRef
from exitwave.schema.recipe import Recipe, recipe_from_mapping
from exitwave.settings.connection import connection_file
from exitwave.settings.service import Settings

from .devices import torch_name
from .finals import Follow, Followed, frc, reconstruction

ALL_CHECKED_S = 0.25
"""While the last pictures go out, the flag is looked at this often."""

LONGEST_PAUSE_S = 5.0
"""Between two looks for a Tiled that is away."""

Phase = Literal["reconstructing", "writing"]

Report = Callable[[Progress], None]
"""Tells the agent; raises where the job is to stop."""


class JobRunner:
    """Runs jobs on one device, one after the other.

    Parameters
    ----------
    settings : Settings

    Raises
    ------
    EngineError
        There is no such device.
    InvalidInput
        There is no such beamline profile.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._torch_device = choose_device(torch_name(settings.worker.device))
        self.device = _in_words(self._torch_device)
        self._scans = TiledScans(settings.tiled, load_profile(settings.beamline))
        self._spool_dir = (settings.data_dir or connection_file().parent) / "spool"

    def run(self, job: Job, report: Report) -> Result:
        """Do a job's present attempt; the result can be read in Tiled when this returns.

        Raises
        ------
        ExitwaveError
            Why it cannot be done.
        """
        recipe = recipe_from_mapping(job.spec.recipe)
        scan, prepared = self._patiently_read(job, report)
        runs = 2 if job.spec.kind == "frc" else 1
        report(Progress(phase="reconstructing", epochs=runs * recipe.epochs))
        node = ResultNode(self._settings.tiled, self._record(job, scan, prepared))
        sink = LiveSink(node, self._settings.worker.publish_s)
        done = Progress(phase="writing")

        def follow(state: Followed) -> None:
            nonlocal done
            sink.offer(state)
            report(_progress_of(state, "reconstructing"))
            done = _progress_of(state, "writing")

        try:
            final = self._compute(job, prepared, recipe, follow)
            sink.end()
            while not sink.done(ALL_CHECKED_S):
                report(done)
        finally:
            sink.abandon()
        deliver(node, final, self._spool_dir, lambda: report(done))
        if final.diverged:
            raise Diverged(
                f"{final.diverged}; epoch {final.epochs}, the last good one, is kept in "
                f"{node.path}"
            )
        return Result(
            node=node.path,
            attempt=job.attempt,
            epochs=final.epochs,
            loss=final.loss,
            quality=final.quality,
        )

    def _patiently_read(self, job: Job, report: Report) -> tuple[ScanRef, Prepared]:
        """Read the scan; wait while Tiled is away, for the scan will still be there."""
        patient = stamina.RetryingCaller(
            attempts=None, timeout=None, wait_max=LONGEST_PAUSE_S
        ).on(TiledUnavailable)
        return patient(lambda: self._read(job, report))  # arguments would be logged

    def _read(self, job: Job, report: Report) -> tuple[ScanRef, Prepared]:
        report(Progress(phase="reading"))
        spec = job.spec
        data = data_from_mapping(spec.data)
        overrides = geometry_from_mapping(spec.geometry)
        ref = spec.scan
        if ref.n_frames is None:
            # Tiled was away when the job came: `uid` is what the user typed.
            ref = self._scans.check(self._scans.find(ref.uid).uid, data, overrides)
        scan = self._scans.open(ref.uid)
        prepared = build_dataset(
            scan,
            data,
            scan.geometry(overrides),
            on_progress=lambda read, total: report(Progress(phase="reading")),
        )
        return ref, prepared

    def _compute(
        self, job: Job, prepared: Prepared, recipe: Recipe, follow: Follow
    ) -> FinalArrays:
        device = str(self._torch_device)
        engine = partial(
            reconstruct, device=device, memory_GB=self._settings.worker.device_memory_gb
        )
        if job.spec.kind == "frc":
            return frc(engine, prepared, recipe, job.spec.halves or "counts", follow)
        return reconstruction(engine, prepared, recipe, device, follow)

    def _record(self, job: Job, scan: ScanRef, prepared: Prepared) -> AttemptRecord:
        return AttemptRecord(
            scan=scan,
            job_id=job.id,
            attempt=job.attempt,
            recipe=job.spec.recipe,
            geometry=asdict(prepared.geometry),
            pixel_size_m=prepared.pixel_size_m,
            origin_m=prepared.origin_m,
            device=self.device,
            kind=job.spec.kind,
            parent=job.spec.parent,
        )


def _progress_of(state: Followed, phase: Phase) -> Progress:
    return Progress(
        phase=phase,
        epoch=state.epoch,
        epochs=state.epochs,
        loss=state.loss.total,
        seconds_per_epoch=state.seconds,
    )


def _in_words(device: torch.device) -> str:
    """What a person calls the device; a GPU is woken up by the way."""
    torch.fft.fft2(torch.zeros(8, 8, device=device))
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} ({device})"
    threads = torch.get_num_threads()
    return f"{device} ({threads} thread{'s' if threads > 1 else ''})"


def leave_a_core_free() -> None:
    """Queue, Tiled and API share the machine; threads that wait for a core slow all down."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) - 1))
