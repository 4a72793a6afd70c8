"""What works and what does not, a line each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from exitwave.client import Client
from exitwave.ledger import BlockingServiceLedger
from exitwave.schema.errors import ExitwaveError
from exitwave.schema.worker import WorkerInfo
from exitwave.settings.service import Settings
from exitwave.tiled_http import RetryPolicy, TiledReader

LEAST_FREE_BYTES = 2_000_000_000
GPU_DRIVER = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the service and how it is."""

    part: str
    ok: bool
    detail: str


def examine(settings: Settings, url: str | None) -> Iterator[Finding]:
    """Look at every part; one that is away does not hide the others."""
    checks: dict[str, Callable[[], str]] = {
        "key": lambda: _key(url),
        "Tiled": lambda: _tiled(settings),
        "queue": lambda: _queue(settings),
        "worker": lambda: _worker(settings),
        "GPU": lambda: _gpu(settings),
        "data": lambda: _data(settings),
    }
    for part, check in checks.items():
        try:
            yield Finding(part, True, check())
        except ExitwaveError as error:
            yield Finding(part, False, str(error))


def _key(url: str | None) -> str:
    with Client(url, retry_timeout_s=2.0) as client:
        client.jobs(limit=1)
        return f"the API at {client.connection.url} takes it"


def _tiled(settings: Settings) -> str:
    tiled = settings.tiled
    reader = TiledReader(tiled, RetryPolicy(timeout_s=10.0, connect_timeout_s=10.0))
    for container in (tiled.raw, tiled.results):
        if reader.node(container) is None:
            raise ExitwaveError(
                f"{tiled.uri}: found no /{container}; expected a container that the key may "
                "read"
            )
    return f"{tiled.uri} has /{tiled.raw} and /{tiled.results}"


def _queue(settings: Settings) -> str:
    with BlockingServiceLedger(settings.ledger) as ledger:
        ledger.ping()
    return "answers"


def _worker(settings: Settings) -> str:
    workers = _workers(settings)
    if not workers:
        raise ExitwaveError("found none; expected one that says it is there: `exitwave worker`")
    return ", ".join(f"{w.name} ({w.device}, {w.state})" for w in workers)


def _gpu(settings: Settings) -> str:
    cards = [_model(card) for card in GPU_DRIVER.glob("*/information")]
    if not cards:
        return "none on this machine"
    workers = _workers(settings)
    if workers and all(worker.device.startswith("cpu") for worker in workers):
        raise ExitwaveError(
            f"found {', '.join(cards)}, but workers on the CPU only; expected a CUDA build of "
            "torch, or the setting worker.device"
        )
    return ", ".join(cards)


def _workers(settings: Settings) -> list[WorkerInfo]:
    with BlockingServiceLedger(settings.ledger) as ledger:
        return ledger.workers()


def _model(information: Path) -> str:
    lines = dict(
        line.split(":", 1) for line in information.read_text().splitlines() if ":" in line
    )
    return lines.get("Model", "a GPU").strip()


def _data(settings: Settings) -> str:
    folder = settings.data_dir
    if folder is None:
        return "no folder on this machine; everything is in Tiled and in the queue"
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ExitwaveError(f"found {folder}; expected a folder that can be written")
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        raise ExitwaveError(f"{folder}: found {free / 1e9:.1f} GB free; expected at least 2 GB")
    return f"{folder}, {free / 1e9:.0f} GB free"
