"""Real workers against a real queue and a real Tiled, for the tests of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import torch
from tests.ledger_client import Ledger
from tests.support.simulated import as_measurement
from tests.support.stack import (
    TiledServer,
    clean_environment,
    exitwave,
    running,
    wait_until,
)
from tests.support.worker_process import WorkerProcess

from exitwave.engine import EpochState, InitialGuess, reconstruct
from exitwave.files.cxi import write_measurement
from exitwave.prepare import build_dataset
from exitwave.recipes.loading import load_recipe
from exitwave.scans import TiledScans, load_profile
from exitwave.schema.data import data_from_mapping, geometry_from_mapping
from exitwave.schema.job import Job, JobSpec, ScanRef, StartRef
from exitwave.schema.recipe import recipe_from_mapping
from exitwave.settings.service import Settings
from exitwave.simulated_beamline.play import play
from exitwave.simulated_beamline.simulate import simulate

WATCHED = {"stages": [{"epochs": 60, "batches": [0.02]}, {"epochs": 40, "batches": [0.1]}]}
ENDLESS = {"stages": [{"epochs": 100_000}]}
SHORT = {"stages": [{"epochs": 3}]}
LASTING = {"stages": [{"epochs": 80, "batches": [0.1]}]}
RESUMED = {"stages": [{"epochs": 200, "batches": [0.1]}]}


@dataclass
class Worker(WorkerProcess):
    """A worker with the real engine."""

    settings: Settings

    def submit(
        self,
        scan: ScanRef,
        recipe: dict[str, Any],
        priority: int = 5,
        start: StartRef | None = None,
        **data: Any,
    ) -> str:
        whole = {**load_recipe("default"), **recipe}
        spec = JobSpec(scan=scan, recipe=whole, data=data, priority=priority, start=start)
        return self.ledger.submit(spec, owner="tests", idempotency_key=None)[0].id


@contextmanager
def working(
    tiled: TiledServer, valkey_uri: str, folder: Path, prefix: str = "", **more: str
) -> Iterator[Worker]:
    """A ready worker. `more`: further settings, such as WORKER__STALL_S."""
    folder.mkdir(exist_ok=True)
    values = {
        "LEDGER__URI": valkey_uri,
        "LEDGER__PREFIX": prefix or f"w{uuid4().hex[:8]}",
        "LEDGER__LEASE_S": "3",
        "LEDGER__MAX_LOST_ATTEMPTS": "5",
        "LEDGER__MIN_RUN_BEFORE_PREEMPT_S": "0",
        "TILED__URI": tiled.uri,
        "TILED__API_KEY": tiled.api_key,
        "WORKER__HEARTBEAT_INTERVAL_S": "0.3",
        "WORKER__PUBLISH_S": "0.2",
        "WORKER__CHECKPOINT_S": "0.5",
        **more,
    }
    settings = Settings.model_validate(
        {
            "data_dir": folder,
            "ledger": {
                "uri": valkey_uri,
                "prefix": values["LEDGER__PREFIX"],
                "lease_s": 3,
                "min_run_before_preempt_s": 0,
                "max_lost_attempts": 5,
            },
            "tiled": tiled.settings.model_dump(),
        }
    )
    env = clean_environment(
        # One thread: the same sums in the same order wherever the test repeats them.
        OMP_NUM_THREADS="1",
        EXITWAVE__DATA_DIR=str(folder),
        **{f"EXITWAVE__{name}": value for name, value in values.items()},
    )
    log = folder / "worker.log"
    with (
        Ledger(settings.ledger) as ledger,
        running(exitwave("worker"), owner=folder, env=env, log=log) as process,
    ):
        wait_until(
            lambda: process.poll() is not None or [w for w in ledger.workers() if w.device],
            "worker",
            log=log,
        )
        assert process.poll() is None, log.read_text()
        yield Worker(process, ledger, log, settings)


def played(tiled: TiledServer, folder: Path) -> ScanRef:
    """A simulated scan of 81 patterns that a RunEngine has played into Tiled."""
    simulated = simulate(0.6, 1e5, 1, grid=9)
    write_measurement(folder / "simulated.cxi", as_measurement(simulated))
    settings = Settings.model_validate(
        {"data_dir": tiled.data_dir, "tiled": tiled.settings.model_dump()}
    )
    uid = play(settings, scan_file=folder / "simulated.cxi", rate_hz=500).uid
    scans = TiledScans(tiled.settings, load_profile("hxn"))
    return scans.check(uid, data_from_mapping({}), geometry_from_mapping({}))


def uncut(
    job: Job, tiled: TiledServer, start: InitialGuess | None = None
) -> Iterator[EpochState]:
    """The job done once more, here."""
    spec = job.spec
    scan = TiledScans(tiled.settings, load_profile("hxn")).open(spec.scan.uid)
    geometry = scan.geometry(geometry_from_mapping(spec.geometry))
    prepared = build_dataset(scan, data_from_mapping(spec.data), geometry)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        recipe = recipe_from_mapping(spec.recipe)
        yield from reconstruct(prepared.dataset, recipe, start, device="cpu")
    finally:
        torch.set_num_threads(threads)


def undisturbed(job: Job, tiled: TiledServer) -> np.ndarray:
    """The object of a run that nothing has cut short."""
    *_, last = uncut(job, tiled)
    return last.object_MYX()
