"""Who may call: an access key in the header, or a browser's session cookie.

`AccessMiddleware` guards everything under ``/api`` before a body is read, so that a new
route cannot be left open by mistake.
"""

from __future__ import annotations

import hmac
import os
from http.cookies import CookieError
from typing import Annotated

from fastapi import Depends, Security, params
from fastapi.security import APIKeyHeader, SecurityScopes
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from exitwave.ledger import AsyncLedger
from exitwave.schema.access import Scope
from exitwave.schema.errors import AccessDenied, ExitwaveError, UsageError
from exitwave.settings.connection import KEY_VARIABLE
from exitwave.settings.service import ApiSettings

from .access.principal import Principal, own, owner_filter
from .problems import problem_of

__all__ = [
    "Access",
    "Admin",
    "AdminKey",
    "ControlJobs",
    "ControlWorkers",
    "Needs",
    "Principal",
    "ReadJobs",
    "ReadWorkers",
    "WriteJobs",
    "own",
    "owner_filter",
]

COOKIE = "exitwave_session"
OPEN_PATHS = frozenset({"/api/v1/session"})
"""Where a browser that has nothing yet exchanges a code or a key for its cookie."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def read_key(settings: ApiSettings) -> str:
    """The access key from ``EXITWAVE_API_KEY``, else from the file that the settings name.

    Raises
    ------
    UsageError
        There is no key: the service is never open to all.
    """
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key and settings.key_file is not None and settings.key_file.is_file():
        key = settings.key_file.read_text(encoding="utf-8").strip()
    if not key:
        raise UsageError(
            f"no access key: set {KEY_VARIABLE}, or api.key_file to a file that holds one"
        )
    return key


def key_matches(given: str, expected: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


class AccessMiddleware:
    """Lets nobody in under ``/api`` without a key or a session.

    Parameters
    ----------
    app : ASGI application
    ledger : AsyncLedger
        Knows the sessions.
    key : str
        The access key.
    """

    def __init__(self, app: ASGIApp, *, ledger: AsyncLedger, key: str) -> None:
        self._app = app
        self._ledger = ledger
        self._key = key

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer 401, or call the application with `scope["state"]["principal"]` set."""
        if scope["type"] in {"http", "websocket"} and scope["path"].startswith("/api/"):
            connection = HTTPConnection(scope)
            try:
                if scope["path"] not in OPEN_PATHS:
                    connection.state.principal = await self._principal(connection)
            except ExitwaveError as error:
                await problem_of(error, scope["path"])(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _principal(self, connection: HTTPConnection) -> Principal:
        header = connection.headers.get("authorization")
        if header is not None:
            scheme, _, given = header.partition(" ")
            if scheme.lower() == "apikey" and key_matches(given.strip(), self._key):
                return Principal("operator", frozenset({Scope.ADMIN}), "operator", "key")
            raise AccessDenied("Authorization: expected `Apikey …` with the service's key")
        token = _session_token(connection)
        if token is None:
            raise AccessDenied("access: found neither key nor session; expected either")
        if connection.scope.get("method") not in _SAFE_METHODS:
            require_same_origin(connection)
        if not await self._ledger.session_valid(token):
            raise AccessDenied("session: found one that has expired; expected a new log-in")
        return Principal("operator", frozenset({Scope.ADMIN}), "operator", "session")


def require_same_origin(connection: HTTPConnection) -> None:
    """Refuse what another site, or another port of this host, makes a browser send."""
    origin = connection.headers.get("origin", "")
    _, _, ours = origin.partition("://")
    if not ours or ours != connection.headers.get("host"):
        raise AccessDenied(f"Origin: found {origin or 'none'!r}; expected this service's own")


def _session_token(connection: HTTPConnection) -> str | None:
    try:
        return connection.cookies.get(COOKIE)
    except CookieError:
        return None


async def require_access(
    connection: HTTPConnection,
    needed: SecurityScopes,
    _header: Annotated[
        str | None,
        Security(
            APIKeyHeader(
                name="Authorization",
                scheme_name="Apikey",
                description="`Apikey <key>`; browsers use a session cookie instead.",
                auto_error=False,
            )
        ),
    ] = None,
) -> Principal:
    """Who calls, as a route's dependency: checked against the scopes of the route."""
    principal = getattr(connection.state, "principal", None)
    if not isinstance(principal, Principal):
        raise AccessDenied("access: found neither key nor session; expected either")
    for scope in needed.scopes:
        principal.require(Scope(scope))
    return principal


class Needs(params.Security):
    """What a route asks of its caller, all of it; nothing: any valid key or session.

    Examples
    --------
    >>> async def cancel(access: Annotated[Principal, Needs(Scope.WRITE_JOBS)]): ...
    """

    def __init__(self, *scopes: Scope) -> None:
        super().__init__(require_access, scopes=[scope.value for scope in scopes])


Access = Annotated[Principal, Needs()]
ReadJobs = Annotated[Principal, Needs(Scope.READ_JOBS)]
WriteJobs = Annotated[Principal, Needs(Scope.WRITE_JOBS)]
ControlJobs = Annotated[Principal, Needs(Scope.CONTROL_JOBS)]
ReadWorkers = Annotated[Principal, Needs(Scope.READ_WORKERS)]
ControlWorkers = Annotated[Principal, Needs(Scope.CONTROL_WORKERS)]
Admin = Annotated[Principal, Needs(Scope.ADMIN)]


async def require_key(principal: Admin) -> Principal:
    """A caller that holds a key: a session is not enough, so it cannot outlive itself."""
    if principal.by != "key":
        raise AccessDenied("access: found a session; expected a key with the scope admin")
    return principal


AdminKey = Annotated[Principal, Depends(require_key)]
