"""What may happen between two steps of the relay, made to happen there."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from tests.support.live_api import LiveApi, make_live_api
from tests.support.live_job import EPOCHS, LiveJob, live_object, star
from tests.support.stack import TiledServer

from exitwave.api.live.frames import Frame
from exitwave.api.live.hub import Hub
from exitwave.api.live.viewer import Viewer
from exitwave.files.codes import dequantise
from exitwave.ledger import ServiceLedger
from exitwave.schema.job import Job
from exitwave.settings.service import LedgerSettings, TiledSettings

WITHIN_S = 20.0


class PausedLedger(ServiceLedger):
    """A ledger whose first record is handed over only when the test says so."""

    def __init__(self, settings: LedgerSettings) -> None:
        super().__init__(settings)
        self.read, self.go = asyncio.Event(), asyncio.Event()

    async def get(self, job_id: str) -> Job:
        job = await super().get(job_id)
        self.read.set()
        await self.go.wait()
        return job


class LateLedger(ServiceLedger):
    """A ledger in which jobs that have ended are deleted just before they are read."""

    async def get(self, job_id: str) -> Job:
        if (job := await super().get(job_id)).state.terminal:
            await self.delete(job.id)
        return await super().get(job_id)


class Page(Viewer):
    """Keeps what it is offered and told; no socket."""

    def __init__(self) -> None:
        super().__init__(socket=None, sees=lambda owner: True)  # type: ignore[arg-type] # never run
        self.frames: list[Frame] = []
        self.texts: list[str] = []

    def offer(self, frame: Frame) -> None:
        if self.wants(frame.job, frame.plane):
            self.frames.append(frame)

    def tell(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture
def queue(
    valkey_uri: str, tiled_server: TiledServer, tmp_path_factory: pytest.TempPathFactory
) -> LiveApi:
    """Queue and results as an API would have them; the hub runs in the test itself."""
    return make_live_api(tmp_path_factory.mktemp("races"), valkey_uri, tiled_server)


@asynccontextmanager
async def running_hub(queue: LiveApi, ledger: ServiceLedger) -> AsyncIterator[Hub]:
    uri, key = queue.env["EXITWAVE__TILED__URI"], queue.env["EXITWAVE__TILED__API_KEY"]
    hub = Hub(ledger, TiledSettings.model_validate({"uri": uri, "api_key": key}))
    task = asyncio.create_task(hub.run())
    try:
        yield hub
    finally:
        task.cancel()
        await asyncio.wait([task])
        await ledger.close()


def settings_of(queue: LiveApi) -> LedgerSettings:
    return LedgerSettings.model_validate(
        {
            "uri": queue.env["EXITWAVE__LEDGER__URI"],
            "prefix": queue.env["EXITWAVE__LEDGER__PREFIX"],
        }
    )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not condition():
            await asyncio.sleep(0.02)


def shows(page: Page, epoch: int) -> bool:
    """Whether the newest object phase that came is the star of that epoch."""
    frames = [frame for frame in page.frames if frame.plane == "object_phase"]
    if not frames or frames[-1].epoch != epoch:
        return False
    shown = dequantise(frames[-1].data, frames[-1].lo, frames[-1].hi)
    off = (shown - epoch / EPOCHS * star())[np.isfinite(shown)]
    return bool(np.abs(off - np.median(off)).max() < 0.1 * epoch / EPOCHS)


async def test_a_job_claimed_while_a_page_subscribes_is_shown(queue: LiveApi) -> None:
    job = queue.submit(uuid.uuid4().hex)
    ledger = PausedLedger(settings_of(queue))
    page = Page()
    async with running_hub(queue, ledger) as hub:
        hub.join(page)
        await asyncio.sleep(0.1)  # the relay of events has begun
        subscribed = asyncio.create_task(hub.subscribe(page, {job.id: frozenset(["loss"])}))
        await ledger.read.wait()
        live = await asyncio.to_thread(queue.claim)
        await until(lambda: any('"started"' in text for text in page.texts))
        ledger.go.set()
        await subscribed
        await asyncio.to_thread(live.paint, 3)
        await until(lambda: bool(page.frames))
    await asyncio.to_thread(live.succeed)


async def test_a_job_deleted_at_its_end_takes_no_other_events_along(queue: LiveApi) -> None:
    job = queue.submit(uuid.uuid4().hex)
    page = Page()
    async with running_hub(queue, LateLedger(settings_of(queue))) as hub:
        hub.join(page)
        await asyncio.sleep(0.1)
        await hub.subscribe(page, {job.id: frozenset(["loss"])})
        await asyncio.to_thread(queue.ledger.cancel, job.id)
        await asyncio.sleep(0.2)
        next_job = queue.submit(uuid.uuid4().hex)
        await until(lambda: any(next_job.id in text for text in page.texts))
    assert any(job.id in text and '"ended"' in text for text in page.texts)


async def test_a_picture_announced_but_not_yet_stored_is_shown(queue: LiveApi) -> None:
    job = queue.submit(uuid.uuid4().hex)
    live = await asyncio.to_thread(queue.claim)
    await asyncio.to_thread(live.paint, 5)
    await asyncio.to_thread(announce, live, 10)
    page = Page()
    async with running_hub(queue, ServiceLedger(settings_of(queue))) as hub:
        hub.join(page)
        await hub.subscribe(page, {job.id: frozenset(["object_phase"])})
        await until(lambda: shows(page, 10))
    await asyncio.to_thread(live.succeed)


def announce(live: LiveJob, epoch: int) -> None:
    """The next picture as far as its announcement: Tiled stores a picture only after it."""
    row = [[epoch, 100.0 / epoch, 90.0 / epoch, 1.0, 0.25, 2]]
    live.arrays["progress"].patch(np.array(row), offset=(1,), extend=True)
    live.arrays["object"].write(live_object(epoch), persist=False)
