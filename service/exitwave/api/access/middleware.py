"""Refuse every request under ``/api`` without a valid key or session.

The middleware runs before the routes and before a body is read, so that a new route cannot be
left open by mistake. Each route says which scope it needs (`exitwave.api.access.dependencies`).
"""

from __future__ import annotations

from http.cookies import CookieError

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from exitwave.api.http.problems import problem_of
from exitwave.ledger.keys import hash_of
from exitwave.schema.errors import AccessDenied, ExitwaveError, Forbidden

from .control import AccessControl
from .principal import Principal

COOKIE = "exitwave_session"
METRICS = "/metrics"
LOG_IN = ("POST", "/api/v1/session")
"""Exchanges a code or a key for a session cookie: open to callers without either."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class AccessMiddleware:
    """Authenticates the caller and limits its rate of requests.

    Parameters
    ----------
    app : ASGI application
    access : AccessControl
    """

    def __init__(self, app: ASGIApp, *, access: AccessControl) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, 403 or 429, or go on with `scope["state"]["principal"]` set."""
        if _is_guarded(scope):
            connection = HTTPConnection(scope)
            try:
                principal = await self._principal(connection)
                self._access.requests.take(principal.key_id)
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
            return await self._access.authenticator.authenticate_key(given.strip())
        token = _session_token(connection)
        if token is None:
            raise AccessDenied("access: found neither key nor session; expected either")
        principal = await self._access.authenticator.authenticate_session(hash_of(token))
        # A websocket has no method: it is no safe one, as other sites' pages may open it.
        if connection.scope.get("method") not in _SAFE_METHODS:
            require_same_origin(connection)
        return principal


def require_same_origin(connection: HTTPConnection) -> None:
    """Refuse requests that a page of another origin makes a browser send."""
    origin = connection.headers.get("origin", "")
    _, _, ours = origin.partition("://")
    if not ours or ours != connection.headers.get("host"):
        raise Forbidden(f"Origin: found {origin or 'none'!r}; expected this service's own")


def _is_guarded(scope: Scope) -> bool:
    if scope["type"] not in {"http", "websocket"}:
        return False
    path = scope["path"]
    guarded = path.startswith("/api/") or path == METRICS
    return guarded and (scope.get("method"), path) != LOG_IN


def _session_token(connection: HTTPConnection) -> str | None:
    try:
        return connection.cookies.get(COOKIE)
    except CookieError:
        return None
