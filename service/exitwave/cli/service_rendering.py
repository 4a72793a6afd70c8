"""Queue, workers and keys as tables and lines of text."""

from __future__ import annotations

from datetime import datetime

from rich.table import Table

from exitwave.schema.access import KeyInfo
from exitwave.schema.job import QueueInfo
from exitwave.schema.worker import WorkerInfo

from .rendering import ago, local_time

WORKER_STYLES = {"busy": "cyan", "quarantined": "red", "draining": "yellow"}


def queue_line(queue: QueueInfo) -> str:
    """The queue in one line."""
    paused = "paused: no job is claimed; " if queue.paused else ""
    return f"{paused}{queue.waiting} waiting, {queue.running} running"


def queue_list(queue: QueueInfo) -> Table:
    """One line a job, the next one first."""
    table = _table("place", "job", "priority", "may start")
    for job in queue.queued:
        table.add_row(
            str(job.position), job.id, str(job.priority), _moment(job.estimated_start, "")
        )
    return table


def worker_list(workers: list[WorkerInfo]) -> Table:
    """One line a worker."""
    table = _table("worker", "state", "job", "device", "seen", "note")
    for worker in workers:
        table.add_row(
            worker.name,
            worker.state,
            worker.job_id or "",
            worker.device,
            ago(worker.seen_at),
            worker.note,
            style=WORKER_STYLES.get(worker.state, ""),
        )
    return table


def key_list(keys: list[KeyInfo]) -> Table:
    """One line a key; there is nothing secret in it."""
    table = _table("key", "owner", "scopes", "made", "ends", "note")
    for key in keys:
        table.add_row(
            key.id,
            key.owner,
            " ".join(scope.value for scope in key.scopes),
            local_time(key.created_at),
            _moment(key.expires_at, "never"),
            key.note,
        )
    return table


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, no_wrap=name in {"job", "key", "place", "state"})
    return table


def _moment(moment: datetime | None, otherwise: str) -> str:
    return otherwise if moment is None else local_time(moment)
