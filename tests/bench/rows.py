"""Rows of the benchmark: one run each, kept as JSON, so that a run that was cut goes on.

The working store is one file per row in `.bench/rows`; a row is found again by its key: set,
method, settings and code. What is published, `docs/benchmarks/<part>.json`, holds per part the
newest row of every (set, method, seed, device).
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

Row = dict[str, Any]
IDENTITY = ("part", "set", "method", "seed", "device")


def row_key(part: str, set_name: str, method: str, settings: Mapping[str, Any]) -> str:
    """Name of a row: readable, and different wherever set, method, settings or code are."""
    content = json.dumps(settings, sort_keys=True, default=str)
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    return f"{part}.{set_name}.{method}.{digest}"


class Store:
    """Rows in a folder, one JSON file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def find(self, key: str) -> Row | None:
        """The row of that key, if its run has been done."""
        path = self._folder / f"{key}.json"
        if not path.exists():
            return None
        row: Row = json.loads(path.read_text())
        return row

    def put(self, key: str, row: Row) -> None:
        """Keep a row; it is there whole or not at all."""
        path = self._folder / f"{key}.json"
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(row, indent=1) + "\n")
        draft.replace(path)

    def rows(self) -> list[Row]:
        """All rows, oldest first."""
        rows = [json.loads(path.read_text()) for path in self._folder.glob("*.json")]
        return sorted(rows, key=lambda row: str(row["date"]))


def merged(old: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    """The newest row of every identity, in a fixed order."""
    found = {tuple(row.get(name) for name in IDENTITY): row for row in [*old, *new]}
    return [found[identity] for identity in sorted(found, key=str)]


def publish(
    rows: Iterable[Row], folder: Path, wanted: Callable[[Row], bool] = lambda _: True
) -> list[Row]:
    """Merge rows into the published files, part by part; returns all that is published.

    Rows that are no longer wanted are dropped.
    """
    folder.mkdir(parents=True, exist_ok=True)
    published: list[Row] = []
    old = [
        row for path in sorted(folder.glob("*.json")) for row in json.loads(path.read_text())
    ]
    newest = merged(old, sorted(rows, key=lambda row: str(row["date"])))
    everything = [row for row in newest if wanted(row)]
    for part in sorted({row["part"] for row in everything}):
        of_part = [row for row in everything if row["part"] == part]
        lines = ",\n".join(json.dumps(row) for row in of_part)
        (folder / f"{part}.json").write_text(f"[\n{lines}\n]\n")
        published += of_part
    return published


def circumstances() -> Row:
    """Where, when and on what a run that begins now is done."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": processor(),
        "cores": os.cpu_count(),
    }


@cache
def commit() -> str:
    """Short hash of the checkout's commit; marked where engine or recipes differ from it."""
    run = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    )
    changed = subprocess.run(
        ["git", "status", "--porcelain", "workers/exitwave/engine", "configs/recipes"],
        capture_output=True,
        text=True,
    )
    return run.stdout.strip() + ("+" if changed.stdout.strip() else "")


@cache
def processor() -> str:
    """What the processor calls itself."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


@cache
def engine_code() -> str:
    """Digest of the engine's source and of what it imports of the schema."""
    engine = sorted(Path("workers/exitwave/engine").rglob("*.py"))
    return digest_of_files([*engine, Path("service/exitwave/schema/recipe.py")])


def digest_of_files(paths: Iterable[Path]) -> str:
    """Digest of what files hold, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
