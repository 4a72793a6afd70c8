"""The relay: from a real Tiled stream, through a real API process, to a websocket."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from tests.support.live_api import LiveApi, make_live_api
from tests.support.live_job import EPOCHS, PIXEL_M, live_object, star
from tests.support.stack import TiledServer
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from exitwave.api.live.frames import Frame, decode
from exitwave.files.codes import dequantise
from exitwave.schema.result import FRAME_PLANES

WITHIN_S = 20.0


@pytest.fixture(scope="module")
def running_api(
    valkey_uri: str, tiled_server: TiledServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveApi]:
    live_api = make_live_api(tmp_path_factory.mktemp("relay"), valkey_uri, tiled_server)
    with live_api.process():
        yield live_api


@pytest.fixture
def api(running_api: LiveApi) -> LiveApi:
    """The API with an empty queue."""
    running_api.forget()
    return running_api


class Page:
    """A viewer in Python: keeps the texts, decodes the frames, acks when told to."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.texts: list[dict[str, Any]] = []

    async def send(self, **message: object) -> None:
        await self.socket.send(json.dumps(message))

    async def watch(self, job: str, *planes: str) -> None:
        await self.send(subscribe=[{"job": job, "planes": list(planes or FRAME_PLANES)}])

    async def frame(self, *, ack: bool = True, within_s: float = WITHIN_S) -> Frame:
        async with asyncio.timeout(within_s):
            while True:
                message = await self.socket.recv()
                if isinstance(message, bytes):
                    frame, seq = decode(message)
                    if ack:
                        await self.send(ack=seq)
                    self.seq = seq
                    return frame
                self.texts.append(json.loads(message))

    async def frame_where(self, **wanted: object) -> Frame:
        while True:
            frame = await self.frame()
            if all(getattr(frame, key) == value for key, value in wanted.items()):
                return frame

    async def text(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(WITHIN_S):
            while True:
                for text in self.texts:
                    if text["kind"] == kind:
                        self.texts.remove(text)
                        return text
                message = await self.socket.recv()
                if isinstance(message, str):
                    self.texts.append(json.loads(message))


@asynccontextmanager
async def page(api: LiveApi, **headers: str) -> AsyncIterator[Page]:
    uri = api.url.replace("http", "ws") + "/api/v1/live"
    async with connect(uri, additional_headers=headers or api.headers) as socket:
        yield Page(socket)


def assert_shows_star(frame: Frame, epoch: int) -> None:
    """The star of that epoch without ramp and piston, nothing where nothing was visited."""
    shown = dequantise(frame.data, frame.lo, frame.hi)
    visited = np.isfinite(live_object(epoch)[0])
    np.testing.assert_array_equal(np.isfinite(shown), visited)
    expected = epoch / EPOCHS * star()
    off = (shown - expected)[visited]
    assert np.abs(off - np.median(off)).max() < 0.1 * epoch / EPOCHS


async def test_every_picture_carries_its_epoch_and_comes_flat(api: LiveApi) -> None:
    job = api.submit(uuid.uuid4().hex)
    async with page(api) as viewer:
        await viewer.watch(job.id, "object_phase")
        live = await asyncio.to_thread(api.claim)
        seen = []
        for version, epoch in enumerate((2, 3, 7, 20, 40), start=1):
            await asyncio.to_thread(live.paint, epoch)
            frame = await viewer.frame_where(version=version)
            assert (frame.epoch, frame.attempt, frame.job) == (epoch, 1, job.id)
            assert_shows_star(frame, epoch)
            seen.append(frame.version)
        assert seen == [1, 2, 3, 4, 5]
        assert frame.pixel_size_m == PIXEL_M
        assert frame.origin_m == pytest.approx((1e-6 - PIXEL_M / 2, 2e-6 - PIXEL_M / 2))
        assert frame.n_frames == 516
        await asyncio.to_thread(live.succeed)
        assert (await viewer.text("ended"))["state"] == "succeeded"


async def test_a_slow_page_has_one_frame_in_flight_and_then_gets_the_newest(
    api: LiveApi,
) -> None:
    job = api.submit(uuid.uuid4().hex)
    live = await asyncio.to_thread(api.claim)
    async with page(api) as slow, page(api) as quick:
        for viewer in (slow, quick):
            await viewer.watch(job.id, "object_phase", "loss")
        await asyncio.to_thread(live.paint, 1)
        await slow.frame(ack=False)
        for epoch in range(2, 7):
            await asyncio.to_thread(live.paint, epoch)
            await quick.frame_where(plane="object_phase", epoch=epoch)
        with pytest.raises(TimeoutError):
            await slow.frame(within_s=0.5)
        await slow.send(ack=slow.seq)
        got = [await slow.frame() for _ in range(2)]
        assert {frame.plane: frame.epoch for frame in got} == {"object_phase": 6, "loss": 6}
        curve = next(frame.data for frame in got if frame.plane == "loss")
        assert curve.tolist() == [[e, pytest.approx(100 / e)] for e in range(1, 7)]
    await asyncio.to_thread(live.succeed)


async def test_who_comes_late_gets_every_plane_at_once(api: LiveApi) -> None:
    job = api.submit(uuid.uuid4().hex)
    live = await asyncio.to_thread(api.claim, note="nominal, not measured")
    await asyncio.to_thread(live.paint, 4)
    await asyncio.to_thread(live.paint, 9)
    for _ in range(2):  # the second finds what the first has left in the hub, or reads again
        async with page(api) as viewer:
            await viewer.watch(job.id)
            frames = {}
            while len(frames) < len(FRAME_PLANES):
                frame = await viewer.frame()
                frames[frame.plane] = frame
    assert {frame.epoch for frame in frames.values()} == {9}
    assert frames["object_phase"].note == "distance_m: nominal, not measured"
    assert_shows_star(frames["object_phase"], 9)
    await asyncio.to_thread(live.succeed)
    async with page(api) as viewer:  # an ended job shows its last picture
        await viewer.watch(job.id, "object_phase")
        assert (await viewer.frame_where(plane="object_phase")).epoch == 9


async def test_a_final_object_alone_is_shown_binned(api: LiveApi) -> None:
    job = api.submit(uuid.uuid4().hex)
    live = await asyncio.to_thread(api.claim)
    amplitude, phase = live_object(EPOCHS, size=480, border=60)
    final = (amplitude * np.exp(1j * phase))[None].astype(np.complex64)
    await asyncio.to_thread(live.node.write_array, final, key="object")
    await asyncio.to_thread(live.node.write_array, np.ones((1, 32, 32), "c8"), key="probe")
    await asyncio.to_thread(live.succeed)
    async with page(api) as viewer:
        await viewer.watch(job.id, "object_phase")
        frame = await viewer.frame()
    assert frame.data.shape == (240, 240)
    assert frame.pixel_size_m == 2 * PIXEL_M
    shown = dequantise(frame.data, frame.lo, frame.hi)
    assert np.nanmax(shown) - np.nanmin(shown) == pytest.approx(0.8, abs=0.1)


async def test_a_new_attempt_takes_over(api: LiveApi) -> None:
    job = api.submit(uuid.uuid4().hex)
    first = await asyncio.to_thread(api.claim)
    async with page(api) as viewer:
        await viewer.watch(job.id, "object_phase")
        await asyncio.to_thread(first.paint, 12)
        assert (await viewer.frame_where(epoch=12)).attempt == 1
        api.ledger.finish(job.id, 1, "test-worker", "lost")
        second = await asyncio.to_thread(api.claim)
        await asyncio.to_thread(second.paint, 3)
        frame = await viewer.frame_where(attempt=2)
        assert (frame.epoch, frame.version) == (3, 1)
        await asyncio.to_thread(second.succeed)


async def test_strangers_and_other_sites_are_refused(api: LiveApi) -> None:
    with pytest.raises(InvalidStatus, match="401"):
        async with page(api, Authorization="Apikey wrong"):
            pass
    async with httpx.AsyncClient(base_url=api.url) as browser:
        await browser.post("/api/v1/session", json={"code": api.one_time_code()})
        cookie = "; ".join(f"{key}={value}" for key, value in browser.cookies.items())
    with pytest.raises(InvalidStatus, match="403"):
        async with page(api, Cookie=cookie, Origin="http://elsewhere.example"):
            pass
    async with page(api, Cookie=cookie, Origin=api.url) as viewer:
        while not (await viewer.text("tick"))["ledger"]:
            pass  # on a busy machine the queue may answer a heartbeat late


@pytest.mark.parametrize(
    ("message", "slug"),
    [
        ("not json", "invalid-input"),
        ('{"subscribe": [{"job": "j", "planes": ["object"]}]}', "invalid-input"),
        ('{"watch": 1}', "invalid-input"),
        ('{"subscribe": [{"job": "01nosuchjob", "planes": ["loss"]}]}', "job-not-found"),
    ],
)
async def test_a_wrong_message_gets_a_problem_and_the_page_stays(
    api: LiveApi, message: str, slug: str
) -> None:
    async with page(api) as viewer:
        await viewer.socket.send(message)
        problem = await viewer.text("problem")
        assert problem["type"].endswith(slug)
        await viewer.send(subscribe=[])
        assert await viewer.socket.ping()
