"""`make bench`: the engine measured beside its peers, on the machine at hand.

    make bench                     all parts; rows that are there already are not run again
    make bench ARGS="--only ab"    some parts; --fresh runs their rows again
    make bench ARGS="--only v"     the verdict's collection, in as many processes as threads
    make bench QUICK=1             a few rows of each, under ten minutes; nothing is published
    .venv/bin/python -m tests.bench.size --publish     two epochs at the size of an MLL scan

A GPU machine without a network needs torch, numpy and h5py only. `--pack DIR` writes scans
and settings into a folder; there, `methods/run_exitwave.py DIR/jobs.json DIR/out.h5` runs
them; `--collect DIR` scores what came back.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from tests.bench import away, beam_pictures, pictures, real, tables, verdict_runs
from tests.bench.jobs import Job
from tests.bench.launch import Launcher, Place
from tests.bench.plan import all_jobs, is_planned, quick
from tests.bench.rows import Row, Store, publish
from tests.bench.sets import Sets
from tests.bench.venvs import versions

ROOT = Path(".bench")
DOCS = Path("docs")
PARTS = "abcdefghijv"


def main() -> None:
    asked = arguments()
    place = Place(ROOT, asked.threads)
    store, sets = Store(ROOT / "rows"), Sets(ROOT / "sets")
    if asked.pack:
        away.pack(asked.pack, sets, asked.only, asked.device)
        return
    if asked.collect:
        rows = away.collect(asked.collect, sets)
    elif asked.publish:
        rows = store.rows()
    else:
        rows = run_all(asked, place)
    for (
        row
    ) in rows:  # the launcher kept its own; these are scores of several runs, or from away
        store.put(row["key"], row)
    if asked.quick:
        print(tables.page(rows))
        return
    published = publish(rows, DOCS / "benchmarks", is_planned)
    pictures.write_all(published, place.results, sets, DOCS / "images/bench")
    beam_pictures.write_all(published, place.results, DOCS / "images/bench")
    page = tables.page(published)
    (DOCS / "benchmarks.md").write_text(page)
    print(page)


def run_all(asked: argparse.Namespace, place: Place) -> list[Row]:
    """Rows of all wanted jobs, run where they are missing."""
    launcher = Launcher(place, fresh=asked.fresh)
    jobs = all_jobs(asked.only, asked.device, versions())
    wanted = list(quick(jobs) if asked.quick else jobs)
    if asked.match:
        wanted = [job for job in wanted if asked.match in f"{job.set} {job.method}"]
    rows = []
    for number, job in enumerate(wanted, 1):
        row = launcher.row(job)
        rows.append(row)
        print(f"[{number}/{len(wanted)}] {tables.line(row)}", flush=True)
    rows += halves(launcher, wanted, place)
    if verdict_runs.PART in asked.only:
        desk = verdict_runs.Desk(ROOT / "rows", asked.fresh)
        rows += verdict_runs.run_all(desk, asked.threads, match=asked.match, quick=asked.quick)
    return rows


def halves(launcher: Launcher, jobs: list[Job], place: Place) -> list[Row]:
    """A row for every method that reconstructed both halves of the star."""
    rows = []
    by_set = {(job.set, job.method): job for job in jobs}
    for (name, method), job in by_set.items():
        other = by_set.get(("star-odd", method))
        if name != "star-even" or other is None:
            continue
        made = [place.results / f"{launcher.key(one)}.npz" for one in (job, other)]
        if not all(path.exists() for path in made):
            continue
        first, second = (np.load(path)["object_YX"] for path in made)
        row = launcher.row(job)
        kept = {name: row[name] for name in ("date", "commit", "machine", "threads", "device")}
        rows.append(
            {
                "part": "d",
                "set": "star-halves",
                "method": method,
                "seed": job.seed,
                "status": "ok",
                "key": f"{launcher.key(job)}-halves",
                **kept,
                **real.crossing(first, second),
            }
        )
    return rows


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=PARTS, help=f"parts by letter (default: {PARTS})")
    parser.add_argument("--match", default="", help="only jobs whose set and method hold this")
    parser.add_argument("--fresh", action="store_true", help="run rows again that are there")
    parser.add_argument("--quick", action="store_true", help="a few rows, nothing published")
    parser.add_argument("--publish", action="store_true", help="run nothing, write the docs")
    parser.add_argument("--device", default="cpu", help="of our engine: cpu, cuda")
    parser.add_argument("--pack", type=Path, help="write scans and settings for elsewhere")
    parser.add_argument("--collect", type=Path, help="score what came back from there")
    parser.add_argument(
        "--threads",
        type=int,
        default=int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)),
        help="of every run (default: OMP_NUM_THREADS, else all cores)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
