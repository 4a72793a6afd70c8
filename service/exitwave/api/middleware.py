"""What every request passes: a log line and a limit on its body."""

from __future__ import annotations

import time

import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

QUIET_PATHS = frozenset({"/livez", "/readyz"})

_log = structlog.get_logger(__name__)


class RequestLogMiddleware:
    """One line per request. The query is left out: it may hold a one-time code."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            log = _log.debug if scope["path"] in QUIET_PATHS else _log.info
            log(
                "http.request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                seconds=round(time.monotonic() - began, 4),
            )


class BodyLimitMiddleware:
    """Answers 413 before more than `max_bytes` of a body are kept."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        received = int(announced) if announced.isdecimal() else 0

        async def receiving() -> Message:
            nonlocal received
            if received <= self._max_bytes:
                message = await receive()
                if not announced:
                    received += len(message.get("body", b""))
                if received <= self._max_bytes:
                    return message
            # Of the framework's kind: it turns others that come from here into a 400.
            raise HTTPException(413, f"expected a body of at most {self._max_bytes} bytes")

        await self._app(scope, receiving, send)
