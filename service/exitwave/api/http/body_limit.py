"""Limits on the body of a request: its size, and how deep its JSON is nested."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_JSON_DEPTH = 32

_MARKS = re.compile(rb'\\.?|["\[\]{}]', re.DOTALL)
"""What JSON's depth hangs on: brackets, and the quotes between which they do not count."""


class BodyLimitMiddleware:
    """Answers 413 before more than `max_bytes` of a body are kept, 400 where it is too deep."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        received = int(announced) if announced.isdecimal() else 0
        depth = JsonDepth()

        async def receiving() -> Message:
            nonlocal received
            if received <= self._max_bytes:
                message = await receive()
                part = message.get("body", b"")
                if not announced:
                    received += len(part)
                if received <= self._max_bytes:
                    depth.read(part)
                    return message
            # Of the framework's kind: it turns others that come from here into a 400.
            raise HTTPException(413, f"expected a body of at most {self._max_bytes} bytes")

        await self._app(scope, receiving, send)


class JsonDepth:
    """How deep the JSON read so far is nested, without parsing it.

    What is parsed is walked by recursive code further on, which a deep body would exhaust.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._rest = b""

    def read(self, part: bytes) -> None:
        """Take in the next bytes; an `HTTPException` (400) where they are no JSON we take."""
        if b"\0" in part:  # no JSON in UTF-8 has one, and JSON in UTF-16 always has
            raise HTTPException(400, "expected UTF-8")
        text, self._rest = self._rest + part, b""
        for found in _MARKS.finditer(text):
            mark = found[0]
            if mark == b"\\":  # what it escapes has not come yet
                self._rest = mark
            elif mark == b'"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._depth += (mark in b"[{") - (mark in b"]}")
            if self._depth > MAX_JSON_DEPTH:
                raise HTTPException(400, f"expected JSON at most {MAX_JSON_DEPTH} levels deep")
