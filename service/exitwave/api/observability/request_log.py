"""One log line per request."""

from __future__ import annotations

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

QUIET_PATHS = frozenset({"/livez", "/readyz"})
"""Probes ask for them every few seconds: logged at debug level only."""

_log = structlog.get_logger(__name__)


class RequestLogMiddleware:
    """Logs each request when it ends. The query is left out: it may hold a one-time code."""

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
