"""Turn errors into problem+json (RFC 9457); no other module does."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocket

from exitwave.api.documentation.openapi import methods_at
from exitwave.schema.access import without_keys
from exitwave.schema.errors import (
    PROBLEM_TYPE_PREFIX,
    AccessDenied,
    ExitwaveError,
    InvalidInput,
    MalformedRequest,
    TooManyRequests,
    TransitionNotAllowed,
    Unavailable,
)
from exitwave.schema.problem import Problem

from .body_limit import MAX_JSON_DEPTH

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
SECRET_PATHS = frozenset({"/api/v1/session"})
"""Where an error must not show what was sent."""

_SLUGS = {413: "body-too-large"}  # Python renamed the phrase

_log = structlog.get_logger(__name__)


def problem(
    status: int,
    slug: str,
    detail: str,
    *,
    instance: str = "",
    headers: Mapping[str, str] | None = None,
    **extra: Any,
) -> Response:
    """A problem+json response; `extra` become further members of the body."""
    body = _body(status, slug, detail, instance, extra)
    # ASCII only: text found in a request may hold what UTF-8 cannot. Nor may it hold a key.
    return Response(without_keys(json.dumps(body)), status, headers, MEDIA_TYPE)


def problem_of(error: ExitwaveError, instance: str) -> Response:
    """The response for an error of `exitwave.schema.errors`."""
    headers = {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, AccessDenied):
        headers["WWW-Authenticate"] = "Apikey"
    return problem(
        error.status,
        error.slug,
        str(error),
        instance=instance,
        headers=headers,
        **_members(error),
    )


def problem_in_body(error: ExitwaveError, instance: str) -> Problem:
    """The same as a part of a response about several things."""
    body = _body(error.status, error.slug, str(error), instance, _members(error))
    return Problem.model_validate(body)


def install_handlers(app: FastAPI) -> None:
    """Make every error of `app`, the framework's included, a problem."""

    @app.exception_handler(ExitwaveError)
    async def _exitwave(connection: HTTPConnection, error: ExitwaveError) -> Response:
        answer = problem_of(error, connection.url.path)
        if isinstance(connection, WebSocket):  # not yet accepted: refuse the handshake
            await connection.send_denial_response(answer)
        return answer

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        if request.url.path in SECRET_PATHS:
            first["input"] = "something else"
        return problem_of(_from_validation(first), request.url.path)

    @app.exception_handler(HTTPException)
    async def _framework(request: Request, error: HTTPException) -> Response:
        if error.status_code == HTTPStatus.BAD_REQUEST:
            message = (
                "body: found bytes that cannot be read; expected a JSON object in UTF-8, "
                f"nested at most {MAX_JSON_DEPTH} deep"
            )
            return problem_of(MalformedRequest(message), request.url.path)
        headers = error.headers
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            # The framework names those of the first route with this path only.
            allowed = methods_at(app, request.url.path)
            headers = {"Allow": ", ".join(allowed)} if allowed else headers
        phrase = HTTPStatus(error.status_code).phrase
        slug = _SLUGS.get(error.status_code) or phrase.lower().replace(" ", "-")
        return problem(
            error.status_code,
            slug,
            f"{request.method} {request.url.path}: {error.detail}",
            instance=request.url.path,
            headers=headers,
        )

    @app.exception_handler(Exception)
    async def _bug(request: Request, error: Exception) -> Response:
        # The log has the traceback; the response shows no internals.
        _log.error("http.failed", path=request.url.path, exc_info=error)
        return problem(
            500,
            ExitwaveError.slug,
            "the service failed on this request; its log has the details",
            instance=request.url.path,
        )


def _body(
    status: int, slug: str, detail: str, instance: str, extra: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "type": PROBLEM_TYPE_PREFIX + slug,
        "title": slug.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "instance": instance,
        **extra,
    }


def _members(error: ExitwaveError) -> dict[str, Any]:
    if isinstance(error, InvalidInput):
        return {
            "key": error.key,
            "found": _shown(error.found),
            "expected": error.expected,
        }
    if isinstance(error, TransitionNotAllowed) and error.state is not None:
        return {"state": error.state}
    return {}


def _from_validation(first: Mapping[str, Any]) -> ExitwaveError:
    place, *names = first["loc"]
    if first["type"] == "json_invalid":
        where = f"at character {names[0]}" if names else ""
        return MalformedRequest(
            f"body: found text that is not JSON ({first['ctx']['error']} {where}); "
            "expected a JSON object"
        )
    if place == "body" and not names:
        found = "no body" if first["type"] == "missing" else "no JSON object"
        return MalformedRequest(
            f"body: found {found}; expected a JSON object sent as application/json"
        )
    if names[-1] in {"str", "int", "constrained-str"}:
        names.pop()  # which of two types was tried is no key of the request
    if first["type"] == "extra_forbidden":
        return InvalidInput(_dotted(names), "an unknown key", "a key of the API's schema")
    expected = str(first["msg"]).removeprefix("Input should be ")
    return InvalidInput(_dotted(names), first.get("input"), expected)


def _dotted(names: Sequence[str | int]) -> str:
    return ".".join(map(str, names))


def _shown(found: object) -> Any:
    if isinstance(found, float) and not math.isfinite(found):
        return repr(found)
    if found is None or isinstance(found, (bool, int, float)):
        return found
    text = found if isinstance(found, str) else repr(found)
    return text if len(text) <= 200 else text[:199] + "…"
