"""The door: under ``/api`` nobody comes in without a key or a session.

It stands before the routes and before a body is read, so that a new route cannot be left
open by mistake. What the caller may do there is the route's to say (`exitwave.api.auth`).
"""

from __future__ import annotations

from http.cookies import CookieError

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from exitwave.api.problems import problem_of
from exitwave.ledger.keys import hash_of
from exitwave.schema.errors import AccessDenied, ExitwaveError, Forbidden

from .desk import AccessDesk
from .principal import Principal

COOKIE = "exitwave_session"
METRICS = "/metrics"
LOG_IN = ("POST", "/api/v1/session")
"""Where a browser that has nothing yet exchanges a code or a key for its cookie."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class AccessMiddleware:
    """Finds out who calls, and how often.

    Parameters
    ----------
    app : ASGI application
    desk : AccessDesk
    """

    def __init__(self, app: ASGIApp, *, desk: AccessDesk) -> None:
        self._app = app
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, 403 or 429, or go on with `scope["state"]["principal"]` set."""
        if _is_guarded(scope):
            connection = HTTPConnection(scope)
            try:
                principal = await self._principal(connection)
                self._desk.requests.take(principal.key_id)
            except ExitwaveError as error:
                await problem_of(error, scope["path"])(scope, receive, send)
                return
            connection.state.principal = principal
        await self._app(scope, receive, send)

    async def _principal(self, connection: HTTPConnection) -> Principal:
        header = connection.headers.get("authorization")
        if header is not None:
            scheme, _, given = header.partition(" ")
            if scheme.lower() != "apikey":
                raise AccessDenied("Authorization: expected `Apikey …` with a key")
            return await self._desk.keyring.of_key(given.strip())
        token = _session_token(connection)
        if token is None:
            raise AccessDenied("access: found neither key nor session; expected either")
        principal = await self._desk.keyring.of_session(hash_of(token))
        # A websocket has no method: it is no safe one, as other sites' pages may open it.
        if connection.scope.get("method") not in _SAFE_METHODS:
            require_same_origin(connection)
        return principal


def require_same_origin(connection: HTTPConnection) -> None:
    """Refuse what another site, or another port of this host, makes a browser send."""
    origin = connection.headers.get("origin", "")
    _, _, ours = origin.partition("://")
    if not ours or ours != connection.headers.get("host"):
        raise Forbidden(f"Origin: found {origin or 'none'!r}; expected this service's own")


def _is_guarded(scope: Scope) -> bool:
    if scope["type"] not in {"http", "websocket"}:
        return False
    path = scope["path"]
    is_ours = path.startswith("/api/") or path == METRICS
    return is_ours and (scope.get("method"), path) != LOG_IN


def _session_token(connection: HTTPConnection) -> str | None:
    try:
        return connection.cookies.get(COOKIE)
    except CookieError:
        return None
