"""Runs one job as a process of its own and makes its row."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tests.bench import command, real, score
from tests.bench.company import Company, disturbed
from tests.bench.jobs import Job
from tests.bench.rows import Row, Store, circumstances, row_key
from tests.bench.sets import Sets
from tests.bench.venvs import NoPeerError, python_of

from exitwave.runtime.threads import BRIEFLY_SPINNING

METHODS = Path(__file__).parent / "methods"
LIMIT_S = 3600.0


@dataclass(frozen=True)
class Place:
    """Where the benchmark keeps what it makes."""

    root: Path
    threads: int

    @property
    def results(self) -> Path:
        """Objects and probes of finished runs, for the pictures."""
        return self.root / "results"

    @property
    def venvs(self) -> Path:
        return self.root / "venvs"


class Launcher:
    """Runs jobs whose rows are not there yet, one after the other."""

    def __init__(self, place: Place, *, fresh: bool) -> None:
        self._place, self._fresh = place, fresh
        self._sets = Sets(place.root / "sets")
        self._store = Store(place.root / "rows")
        place.results.mkdir(parents=True, exist_ok=True)

    def key(self, job: Job) -> str:
        """The job's name among rows and results."""
        return row_key(job.part, job.set, job.method, job.settings()).replace(" ", "_")

    def row(self, job: Job) -> Row:
        """The job's row: found, or made by running it."""
        key = self.key(job)
        found = None if self._fresh else self._store.find(key)
        if found is not None:
            return found
        row: Row = {
            "part": job.part,
            "set": job.set,
            "method": job.method,
            "seed": job.seed,
            "device": "",
            **circumstances(),
            "start": "disk" if job.start else "own",
            "settings": job.settings(),
            "key": key,
        }
        began, company = time.perf_counter(), Company()
        try:
            row |= {"status": "ok", **self._run(job, key)}
        except NoPeerError as error:
            row |= {"status": "failed", "error": str(error)}
        except subprocess.CalledProcessError as error:
            row |= {"status": "failed", "error": last_line(error.stderr)}
        except subprocess.TimeoutExpired:
            row |= {"status": "failed", "error": f"not done after {LIMIT_S:g} s"}
        row["wall_s"] = time.perf_counter() - began
        others = company.cores()
        row["others_cores"] = None if others is None else round(others, 3)
        row["loaded"] = disturbed(others)
        self._store.put(key, row)
        return row

    def _run(self, job: Job, key: str) -> dict[str, Any]:
        if job.runner == "command":
            return self._command(job, self._place.results / f"{key}.npz")
        python = python_of(job.runner, self._place.venvs)
        scan = self._sets.get(job.set, job.states)
        for name in job.options.get("beside", []):
            self._sets.get(name)
        settings = {
            "scan": str(scan.scan),
            "start": str(scan.start) if job.start else None,
            "origin_m": scan.origin_m,
            "time_ffts": True,
            **{name: value for name, value in asdict(job).items() if name in FOR_RUNNER},
        }
        out = self._place.results / f"{key}.npz"
        asked = out.with_suffix(".json")
        asked.write_text(json.dumps(settings))
        command = [str(python), str(METHODS / f"run_{job.runner}.py"), str(asked), str(out)]
        snapshots = Path(f"{out}.snapshots")
        try:
            subprocess.run(
                command,
                env=environment(self._place.threads),
                capture_output=True,
                text=True,
                check=True,
                timeout=LIMIT_S,
            )
            return self._figures(job, scan.scan, out, snapshots)
        finally:
            snapshots.unlink(missing_ok=True)
            asked.unlink()

    def _command(self, job: Job, out: Path) -> dict[str, Any]:
        told = command.reconstruct_file(
            self._sets.scan(job.set),
            out,
            job.options,
            seed=job.seed,
            env=environment(self._place.threads),
            limit_s=LIMIT_S,
        )
        device = job.options["device"]
        return told | {
            "threads": self._place.threads,
            "device": "" if device == "cpu" else device,
        }

    def _figures(self, job: Job, scan: Path, out: Path, snapshots: Path) -> dict[str, Any]:
        with np.load(out) as result:
            figures = score.facts(result) | score.speed(result["epoch_s"], result["fft_s"])
            if not np.isfinite(result["object_YX"]).all():
                return figures | {"status": "failed", "error": "the object is not finite"}
            if job.set.startswith("star"):
                return figures | real.held_out_figures(result) if job.set == "star" else figures
            truth = score.truth_of(scan)
            if truth is None or is_for_timing(job.set):
                return figures
            worth, aligned = score.quality(result["object_YX"], truth)
            figures |= worth
            return figures | score.levels(result, truth, aligned, snapshots, figures["setup_s"])


FOR_RUNNER = ("options", "epochs", "states", "seed", "snapshot_every")


def is_for_timing(set_name: str) -> bool:
    """Sets whose epochs are counted, not their pictures."""
    return set_name.startswith(("big-", "n"))


def environment(threads: int) -> dict[str, str]:
    """For a run with so many threads, our engine on the path."""
    more = {
        "OMP_NUM_THREADS": str(threads),
        **BRIEFLY_SPINNING,
        "PYTHONPATH": os.pathsep.join(["workers", "service"]),
    }
    if threads == 1:  # jax has threads of its own
        more["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return os.environ | more


def last_line(stderr: str) -> str:
    """What a process that failed said last."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "ended without a word"
