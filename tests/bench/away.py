"""Runs on another machine, with a GPU and without a network: what goes there and comes back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from tests.bench import score
from tests.bench.jobs import Job, quality_jobs, speed_jobs
from tests.bench.launch import is_for_timing
from tests.bench.rows import Row, commit, row_key
from tests.bench.sets import Sets
from tests.bench.venvs import versions

from exitwave.files.cxi import write_measurement
from exitwave.files.scan_formats import read_measurement


def pack(folder: Path, sets: Sets, parts: str, device: str) -> None:
    """Write scans and settings; one file of jobs per kind of scan keeps results small.

    The scans leave their truth at home: it is most of their size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    groups: dict[str, list[dict[str, Any]]] = {}
    for job in jobs(parts, device):
        scan = folder / f"{job.set}.cxi"
        if not scan.exists():
            whole = read_measurement(sets.get(job.set).scan)
            write_measurement(scan, replace(whole, truth=None))
        group = job.set.partition("-")[0] if job.part == "a" else "speed"
        groups.setdefault(group, []).append(
            {
                "name": f"{job.part}|{job.set}|{job.method}|{job.seed}",
                "scan": f"{job.set}.cxi",
                "start": None,
                "origin_m": None,
                "time_ffts": True,
                "options": job.options,
                "epochs": job.epochs,
                "states": job.states,
                "seed": job.seed,
                "snapshot_every": 0,
            }
        )
    for group, entries in groups.items():
        (folder / f"jobs-{group}.json").write_text(json.dumps(entries))
    print(f"{folder}: {sum(map(len, groups.values()))} jobs in {len(groups)} files")


def jobs(parts: str, device: str) -> list[Job]:
    """Ours of (a) and (e)."""
    wanted = [*quality_jobs(device)] if "a" in parts else []
    if "e" in parts:
        wanted += [job for job in speed_jobs(device, versions()) if job.runner == "exitwave"]
    return wanted


def collect(folder: Path, sets: Sets) -> list[Row]:
    """Rows of all results (``*.h5``) in a folder, scored against the truth."""
    asked: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("jobs-*.json")):
        asked |= {entry["name"]: entry for entry in json.loads(path.read_text())}
    rows = []
    for path in sorted(folder.glob("*.h5")):
        with h5py.File(path, "r") as file:
            rows += [_row(sets, name, file[name], asked[name]) for name in file]
    return rows


def _row(sets: Sets, name: str, group: h5py.Group, asked: dict[str, Any]) -> Row:
    part, set_name, method, seed = name.split("|")
    about = json.loads(group.attrs.get("about", "{}"))
    row: Row = {
        "part": part,
        "set": set_name,
        "method": method,
        "seed": int(seed),
        "device": about.get("device", ""),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": about.get("device", ""),
        "start": "own",
        "settings": {"options": asked["options"]},
    }
    row["key"] = row_key(part, set_name, method, row["settings"] | {"device": row["device"]})
    if "error" in group.attrs:
        return row | {"status": "failed", "error": str(group.attrs["error"])}
    result = {"about": json.dumps(about)}
    row |= {"status": "ok", **score.facts(result)}
    row |= score.speed(group["epoch_s"][...], group["fft_s"][...])
    truth = None if is_for_timing(set_name) else score.truth_of(sets.get(set_name).scan)
    if truth is not None:
        planes = group["object"][...].astype(np.float32)
        row |= score.quality(planes[0] + 1j * planes[1], truth)[0]
    return row
