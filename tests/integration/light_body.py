"""A body without torch for a real agent: what it does stands in the job's recipe.

``{"epochs": 3, "epoch_s": 0.1, "does": "hang"}``; its checkpoint is a number in a file.
"""

from __future__ import annotations

import json
import os
import signal
import time

from exitwave.worker.control import Control, JobPreemptedError, JobStoppedError

from exitwave.schema.job import Job, Progress, Result, ResumePoint
from exitwave.settings.service import Settings

PATH = "tests.integration.light_body:LightBody"
START_S = "LIGHT_BODY_START_S"
"""Seconds that an engine takes to start, as torch would."""


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


class LightBody:
    """Counts epochs."""

    def __init__(self, settings: Settings) -> None:
        self.device = "light"
        self._folder = settings.data_dir
        time.sleep(float(os.environ.get(START_S, "0")))

    def probe(self) -> None:
        """Fails while there is a file named sick."""
        if (self._folder / "sick").exists():
            raise ValueError("1 + 1 gives 3")

    def run(self, job: Job, control: Control) -> Result:
        recipe = job.spec.recipe
        self._misbehave(recipe.get("does"))
        epochs, epoch_s = recipe.get("epochs", 3), recipe.get("epoch_s", 0.05)
        kept = self._folder / "checkpoints" / job.id / "kept.json"
        found = ResumePoint(**json.loads(kept.read_text())) if kept.exists() else None
        epoch = found.epoch if found else 0
        try:
            while epoch < epochs:
                time.sleep(epoch_s)
                epoch += 1
                progress = Progress(
                    phase="reconstructing", epoch=epoch, epochs=epochs, resumed_from=found
                )
                control(progress)
        except JobPreemptedError:
            kept.parent.mkdir(parents=True, exist_ok=True)
            point = ResumePoint(attempt=job.attempt, epoch=epoch)
            kept.write_text(point.model_dump_json())
            raise
        except JobStoppedError:
            return Result(node="n", attempt=job.attempt, epochs=epoch, complete=False)
        return Result(node="n", attempt=job.attempt, epochs=epoch)

    def _misbehave(self, does: str | None) -> None:
        if does == "hang":
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
            (self._folder / "hangs").touch()
            time.sleep(1000)
        if does == "no memory":
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        if does == "no host memory":
            raise MemoryError
        if does == "break":
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
