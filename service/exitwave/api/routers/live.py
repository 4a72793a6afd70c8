"""``WS /api/v1/live``: events and live pictures of one page.

The page sends ``{"subscribe": [{"job": id, "planes": [...]}]}``, which replaces what it
watched before, and ``{"ack": seq}`` for each frame it has shown. It gets the ledger's
events as JSON text (as in ``GET /api/v1/events``; beside them ``{"kind": "tick"}`` as a
sign of life and ``{"kind": "problem"}`` for a request that could not be met), and frames
as binary messages (`exitwave.api.live.frames`). It sees what its caller may see, and ends
with the caller's key or session.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog
from fastapi import APIRouter, FastAPI, WebSocket, WebSocketDisconnect
from pydantic import Field, ValidationError

from exitwave.api.access.control import AccessControl
from exitwave.api.access.dependencies import AccessDep, JobStream
from exitwave.api.access.streams import OpenStream
from exitwave.api.live import Hub, Viewer
from exitwave.api.live.viewer import SlowViewerError
from exitwave.schema.errors import (
    PROBLEM_TYPE_PREFIX,
    AccessDenied,
    ExitwaveError,
    InvalidInput,
)
from exitwave.schema.problem import Problem
from exitwave.schema.result import FramePlane
from exitwave.schema.strict import StrictModel

MAX_JOBS = 16
TRY_AGAIN_LATER = 1013
NOT_ALLOWED = 1008

_log = structlog.get_logger(__name__)


class Subscription(StrictModel):
    """Planes of one job."""

    job: str = Field(max_length=80)
    planes: list[FramePlane]


class FromPage(StrictModel):
    """What a page may send: either of the two."""

    subscribe: list[Subscription] | None = Field(None, max_length=MAX_JOBS)
    ack: int | None = None


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Run the hub as long as the application runs."""
    hub = Hub(app.state.ledger, app.state.settings.tiled)
    app.state.live = hub
    task = asyncio.create_task(hub.run(), name="live hub")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


router = APIRouter(tags=["live"], lifespan=lifespan)


@router.websocket("/api/v1/live")
async def live(socket: WebSocket, stream: JobStream, access: AccessDep) -> None:
    """Serve one page until it leaves or loses its access."""
    hub: Hub = socket.app.state.live
    await socket.accept()
    viewer = Viewer(socket, stream.principal.sees)
    hub.join(viewer)
    tasks = [
        asyncio.create_task(viewer.run(), name="live viewer"),
        asyncio.create_task(
            _Page(socket, hub, viewer, stream, access).listen(), name="live page"
        ),
        asyncio.create_task(_until_ended(stream), name="live access"),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await hub.leave(viewer)
    for task in tasks:
        await _close_for(task, socket)


class _Page:
    """What the page asks for."""

    def __init__(
        self,
        socket: WebSocket,
        hub: Hub,
        viewer: Viewer,
        stream: OpenStream,
        access: AccessControl,
    ) -> None:
        self._socket = socket
        self._hub = hub
        self._viewer = viewer
        self._key_id = stream.principal.key_id
        self._access = access

    async def listen(self) -> None:
        """Take its messages until it leaves."""
        while (message := await self._socket.receive())["type"] == "websocket.receive":
            try:
                await self._take(_parse(message.get("text") or ""))
            except ExitwaveError as error:
                self._viewer.tell(_problem(error))

    async def _take(self, message: FromPage) -> None:
        if message.ack is not None:
            self._viewer.ack(message.ack)
        if message.subscribe is not None:
            self._access.requests.take(self._key_id)  # it costs as much as a request
            wanted = {each.job: frozenset(each.planes) for each in message.subscribe}
            await self._hub.subscribe(self._viewer, wanted)


async def _until_ended(stream: OpenStream) -> None:
    await stream.ended.wait()
    raise AccessDenied("key or session: found one that has ended; expected a new log-in")


def _parse(text: str) -> FromPage:
    try:
        return FromPage.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "message"
        raise InvalidInput(key, text, first["msg"]) from None


def _problem(error: ExitwaveError) -> str:
    problem = Problem(
        type=PROBLEM_TYPE_PREFIX + error.slug,
        title=error.slug.replace("-", " ").capitalize(),
        status=error.status,
        detail=str(error),
        instance="/api/v1/live",
        kind="problem",
    )
    return problem.model_dump_json()


async def _close_for(task: asyncio.Task[None], socket: WebSocket) -> None:
    """Close the socket of a page that lost its access or is too slow; leaving is normal."""
    if task.cancelled() or (error := task.exception()) is None:
        return
    if isinstance(error, AccessDenied):
        with contextlib.suppress(WebSocketDisconnect):
            await socket.close(NOT_ALLOWED, str(error))
    elif isinstance(error, SlowViewerError):
        _log.warning("live.viewer_too_slow", reason=str(error))
        with contextlib.suppress(WebSocketDisconnect):
            await socket.close(TRY_AGAIN_LATER)
    elif not isinstance(error, WebSocketDisconnect):
        raise error
