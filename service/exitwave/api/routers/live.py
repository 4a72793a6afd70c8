"""``WS /api/v1/live``: events and live pictures of one page.

The page sends ``{"subscribe": [{"job": id, "planes": [...]}]}``, which replaces what it
watched before, and ``{"ack": seq}`` for each frame it has shown. It gets the ledger's
events as JSON text (as in ``GET /api/v1/events``; beside them ``{"kind": "tick"}`` as a
sign of life and ``{"kind": "problem"}`` for a request that could not be met), and frames
as binary messages (`exitwave.api.live.frames`). Access is checked by the middleware.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog
from fastapi import APIRouter, FastAPI, WebSocket, WebSocketDisconnect
from pydantic import Field, ValidationError

from exitwave.api.live import Hub, Plane, Viewer
from exitwave.api.live.viewer import SlowViewerError
from exitwave.schema.errors import PROBLEM_TYPE_PREFIX, ExitwaveError, InvalidInput
from exitwave.schema.job import Problem, Strict

MOST_JOBS = 16
TRY_AGAIN_LATER = 1013

_log = structlog.get_logger(__name__)


class Subscription(Strict):
    """Planes of one job."""

    job: str = Field(max_length=80)
    planes: list[Plane]


class FromPage(Strict):
    """What a page may send: either of the two."""

    subscribe: list[Subscription] | None = Field(None, max_length=MOST_JOBS)
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
async def live(socket: WebSocket) -> None:
    """Serve one page until it leaves."""
    hub: Hub = socket.app.state.live
    await socket.accept()
    viewer = Viewer(socket)
    hub.join(viewer)
    sending = asyncio.create_task(viewer.run(), name="live viewer")
    listening = asyncio.create_task(_listen(socket, hub, viewer), name="live listener")
    try:
        await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, listening):
            task.cancel()
        await asyncio.gather(sending, listening, return_exceptions=True)
        await hub.leave(viewer)
    for task in (sending, listening):
        await _account_for(task, socket)


async def _listen(socket: WebSocket, hub: Hub, viewer: Viewer) -> None:
    async for text in socket.iter_text():
        try:
            message = _parse(text)
            if message.ack is not None:
                viewer.ack(message.ack)
            if message.subscribe is not None:
                wanted = {each.job: frozenset(each.planes) for each in message.subscribe}
                await hub.subscribe(viewer, wanted)
        except ExitwaveError as error:
            viewer.tell(_problem(error))


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


async def _account_for(task: asyncio.Task[None], socket: WebSocket) -> None:
    """A page that went away is normal; one that cannot keep up is sent away."""
    if task.cancelled() or (error := task.exception()) is None:
        return
    if isinstance(error, SlowViewerError):
        _log.warning("live.viewer_too_slow", reason=str(error))
        with contextlib.suppress(WebSocketDisconnect):
            await socket.close(TRY_AGAIN_LATER)
    elif not isinstance(error, WebSocketDisconnect):
        raise error
