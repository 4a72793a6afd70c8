"""The hub: the ledger's events to every page, and one subscription per watched job.

A subscription lives as long as some page looks at its job, so ten pages on one job cost
Tiled one stream. The event loop only hands things over: arrays are rendered in threads.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from exitwave.api.tasks import keep_running
from exitwave.ledger import ServiceLedger
from exitwave.schema.errors import JobNotFound, LedgerCorrupt, LedgerUnavailable
from exitwave.schema.job import Event, Job
from exitwave.schema.result import FramePlane
from exitwave.settings.service import TiledSettings
from exitwave.tiled_http import AsyncTiledReader

from .frames import Frame
from .job_subscription import JobSubscription
from .viewer import Viewer

EVENTS_WAIT_S = 2.0
TICK_S = 5.0
RETRY_S = 1.0

_log = structlog.get_logger(__name__)


class Hub:
    """Joins the ledger, Tiled and the pages.

    Parameters
    ----------
    ledger : ServiceLedger
    tiled : TiledSettings
    """

    def __init__(self, ledger: ServiceLedger, tiled: TiledSettings) -> None:
        self._ledger = ledger
        self._tiled = AsyncTiledReader(tiled)
        self._root = tiled.results
        self._viewers: set[Viewer] = set()
        self._subscriptions: dict[str, JobSubscription] = {}
        self._reading = asyncio.Lock()
        self._ledger_there = True

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(keep_running("live events", self._relay_events))
                tasks.create_task(self._tick())
        finally:
            for subscription in self._subscriptions.values():
                await subscription.close()
            await self._tiled.close()

    def join(self, viewer: Viewer) -> None:
        """A page has connected: it gets all events that it may see from now on."""
        self._viewers.add(viewer)
        viewer.tell(self._tick_text())

    async def leave(self, viewer: Viewer) -> None:
        """A page has gone."""
        self._viewers.discard(viewer)
        viewer.watch({})
        await self._drop_unwatched()

    async def subscribe(
        self, viewer: Viewer, wanted: Mapping[str, frozenset[FramePlane]]
    ) -> None:
        """Replace what a page watches; the newest frame of each plane goes out at once.

        Raises
        ------
        JobNotFound
            One of the jobs does not exist, or is not the page's to see; the others are
            watched.
        """
        missing: JobNotFound | None = None
        jobs: dict[str, Job] = {}
        for job_id in wanted:
            try:
                jobs[job_id] = await self._look_up(viewer, job_id)
            except JobNotFound as error:
                missing = error
        viewer.watch({job_id: wanted[job_id] for job_id in jobs})
        new = jobs.keys() - self._subscriptions.keys()
        for job in jobs.values():
            for frame in self._subscription_of(job).newest.values():
                viewer.offer(frame)
        await self._drop_unwatched()
        for job_id in new:  # an event may have passed before its subscription
            await self._read_again(job_id)
        if missing is not None:
            raise missing

    async def _look_up(self, viewer: Viewer, job_id: str) -> Job:
        known = self._subscriptions.get(job_id)
        job = await self._ledger.get(job_id) if known is None else known.job
        if not viewer.sees(job.owner):
            raise JobNotFound(f"job: found {job_id!r}; expected the id of a job in this queue")
        return job

    def _subscription_of(self, job: Job) -> JobSubscription:
        if job.id not in self._subscriptions:
            self._subscriptions[job.id] = JobSubscription(
                job, self._tiled, self._root, self._publish
            )
            self._subscriptions[job.id].start()
        return self._subscriptions[job.id]

    async def _read_again(self, job_id: str) -> None:
        """Give the subscription of a job, if there is one, the job's record."""
        async with self._reading:  # one after another: an older record never comes last
            subscription = self._subscriptions.get(job_id)
            if subscription is None:
                return
            try:
                subscription.job_changed(await self._ledger.get(job_id))
            except (JobNotFound, LedgerCorrupt) as error:
                _log.warning("live.job_unreadable", job=job_id, reason=str(error))

    async def _drop_unwatched(self) -> None:
        watched = {job for viewer in self._viewers for job in viewer.wanted}
        for job_id in self._subscriptions.keys() - watched:
            await self._subscriptions.pop(job_id).close()

    def _publish(self, frame: Frame) -> None:
        for viewer in self._viewers:
            viewer.offer(frame)

    def _tell_all(self, text: str) -> None:
        for viewer in self._viewers:
            viewer.tell(text)

    async def _relay_events(self) -> None:
        after: str | None = None
        while True:
            try:
                if after is None:
                    after = await self._ledger.last_event_id()
                events = await self._ledger.events(after, wait_s=EVENTS_WAIT_S, limit=500)
                for event in events:
                    await self._relay(event)
                    after = event.id
                self._ledger_there = True
            except LedgerUnavailable as error:
                if self._ledger_there:
                    _log.warning("live.ledger_away", error=str(error))
                self._ledger_there = False
                await asyncio.sleep(RETRY_S)

    async def _relay(self, event: Event) -> None:
        if event.kind != "progress":
            await self._read_again(event.job_id)
        text = event.model_dump_json()
        for viewer in self._viewers:
            if viewer.sees(event.owner):
                viewer.tell(text)

    async def _tick(self) -> None:
        """A sign of life, so that pages notice a connection that is dead but not closed."""
        while True:
            await asyncio.sleep(TICK_S)
            self._tell_all(self._tick_text())

    def _tick_text(self) -> str:
        now = datetime.now(UTC).isoformat()
        return json.dumps({"kind": "tick", "at": now, "ledger": self._ledger_there})
