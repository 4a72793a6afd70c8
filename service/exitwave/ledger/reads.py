"""Commands that look: jobs, the queue, events, workers, cursors of triggers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exitwave.schema.errors import InvalidInput
from exitwave.schema.job import Event, Job, JobPage, JobState, QueuedJob
from exitwave.schema.worker import WorkerInfo

from .command import FORGOTTEN_AFTER_LEASES, Command, CommandBuilder, block_s, job_not_found
from .records import (
    events_from_entries,
    job_from_reply,
    page_from_reply,
    time_from_ms,
    workers_from_reply,
)

Events = list[Event]
Workers = list[WorkerInfo]


@dataclass(frozen=True, slots=True)
class QueueView:
    """The queue at one moment."""

    paused: bool
    running: int
    queued: list[QueuedJob]
    """The next ones in order; paused jobs are not among them."""
    depths: dict[int, int]
    """Priority to the number of jobs that wait, paused ones among them."""
    oldest_waiting_since: datetime | None

    @property
    def waiting(self) -> int:
        """Jobs that wait, paused ones among them."""
        return sum(self.depths.values())


class ReadCommands(CommandBuilder):
    """What everybody may look at."""

    def get(self, job_id: str) -> Command[Job]:
        def parse(reply: Any) -> Job:
            if not reply:
                raise job_not_found(job_id)
            return job_from_reply(reply, job_id)

        return self._function("get", {"id": job_id}, parse)

    def queue(self, limit: int) -> Command[QueueView]:
        def parse(reply: Any) -> QueueView:
            paused, running, since_ms, depths, ready = reply
            following = enumerate(zip(ready[::2], ready[1::2], strict=True))
            return QueueView(
                paused=bool(paused),
                running=running,
                queued=[
                    QueuedJob(id=job_id, position=position, priority=int(priority))
                    for position, (job_id, priority) in following
                ],
                depths=dict(enumerate(depths)),
                oldest_waiting_since=time_from_ms(since_ms) if since_ms else None,
            )

        return self._function("queue", {"limit": limit}, parse)

    def list_jobs(
        self,
        state: JobState | None,
        scan: str | None,
        tag: str | None,
        owner: str | None,
        limit: int,
        cursor: str | None,
    ) -> Command[JobPage]:
        if cursor is not None and not re.fullmatch(r"[0-9]{1,15}", cursor):
            raise InvalidInput("cursor", cursor, "the cursor of an earlier page")
        filters = {"state": state, "scan": scan, "tag": tag, "owner": owner}
        filters = {kind: value for kind, value in filters.items() if value is not None}
        arguments = {"below": cursor, "limit": limit, "filters": filters}
        return self._function("list", arguments, page_from_reply)

    def read_events(self, after: str, wait_s: float, limit: int) -> Command[tuple[Events, str]]:
        """The next events, and the id up to which the stream has then been read."""
        if not re.fullmatch(r"[0-9]{1,15}(-[0-9]{1,15})?", after):
            raise InvalidInput("event id", after, "the id of an earlier event, or 0")
        # BLOCK 0 would wait for ever.
        block = ("BLOCK", max(1, round(block_s(wait_s) * 1000))) if wait_s > 0 else ()

        def parse(reply: Any) -> tuple[Events, str]:
            entries = reply[0][1] if reply else []
            return list(events_from_entries(entries)), entries[-1][0] if entries else after

        command = ("XREAD", "COUNT", limit, *block, "STREAMS", f"{self._root}:events", after)
        return Command(command, parse)

    def last_event_id(self) -> Command[str]:
        command = ("XREVRANGE", f"{self._root}:events", "+", "-", "COUNT", 1)
        return Command(command, lambda reply: reply[0][0] if reply else "0-0")

    def first_event_id(self) -> Command[str]:
        command = ("XRANGE", f"{self._root}:events", "-", "+", "COUNT", 1)
        return Command(command, lambda reply: reply[0][0] if reply else "0-0")

    def counts(self) -> Command[dict[str, int]]:
        def parse(reply: Any) -> dict[str, int]:
            return {kind: int(number) for kind, number in reply.items()}

        return Command(("HGETALL", f"{self._root}:counts"), parse)

    def workers(self) -> Command[Workers]:
        return self._function(
            "workers",
            {"silence_ms": FORGOTTEN_AFTER_LEASES * self._lease_ms},
            lambda reply: sorted(workers_from_reply(reply), key=lambda w: w.name),
        )

    def trigger_cursor(self, name: str) -> Command[str | None]:
        return Command(("HGET", f"{self._root}:triggers", name), lambda reply: reply)

    def set_trigger_cursor(self, name: str, value: str) -> Command[None]:
        return Command(("HSET", f"{self._root}:triggers", name, value), lambda reply: None)
