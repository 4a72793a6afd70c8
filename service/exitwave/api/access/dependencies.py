"""What routes ask of their callers, in their signatures.

A route under ``/api`` names a scope: ``caller: ReadJobs``. The caller is then known to have
it, and OpenAPI says so. Whose jobs it may know of is a second question: `require_visible`,
`owner_filter` and `Principal.sees` answer it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, params
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from exitwave.schema.access import Scope
from exitwave.schema.errors import AccessDenied, Forbidden

from .control import AccessControl
from .principal import Principal, owner_filter, require_visible
from .streams import OpenStream

__all__ = [
    "AccessDep",
    "Admin",
    "AdminKey",
    "AnyCaller",
    "ControlJobs",
    "ControlWorkers",
    "JobStream",
    "Needs",
    "Principal",
    "ReadJobs",
    "ReadWorkers",
    "WriteJobs",
    "owner_filter",
    "require_visible",
]


class KeyOrSession(SecurityBase):
    """The caller that the middleware found, checked against the scopes of the route."""

    def __init__(self) -> None:
        self.scheme_name = "Apikey"
        self.model = APIKey.model_validate(
            {
                "in": APIKeyIn.header,
                "name": "Authorization",
                "description": "`Apikey <key>`; browsers use a session cookie instead.",
            }
        )

    async def __call__(self, connection: HTTPConnection, needed: SecurityScopes) -> Principal:
        """Raise `Forbidden` unless the caller has every scope needed."""
        principal = getattr(connection.state, "principal", None)
        if not isinstance(principal, Principal):
            raise AccessDenied("access: found neither key nor session; expected either")
        for scope in needed.scopes:
            principal.require(Scope(scope))
        return principal


_key_or_session = KeyOrSession()


class Needs(params.Security):
    """What a route asks of its caller, all of it; nothing: any valid key or session.

    Examples
    --------
    >>> async def cancel(caller: Annotated[Principal, Needs(Scope.WRITE_JOBS)]): ...
    """

    def __init__(self, *scopes: Scope) -> None:
        super().__init__(_key_or_session, scopes=[scope.value for scope in scopes])


AnyCaller = Annotated[Principal, Needs()]
ReadJobs = Annotated[Principal, Needs(Scope.READ_JOBS)]
WriteJobs = Annotated[Principal, Needs(Scope.WRITE_JOBS)]
ControlJobs = Annotated[Principal, Needs(Scope.CONTROL_JOBS)]
ReadWorkers = Annotated[Principal, Needs(Scope.READ_WORKERS)]
ControlWorkers = Annotated[Principal, Needs(Scope.CONTROL_WORKERS)]
Admin = Annotated[Principal, Needs(Scope.ADMIN)]


async def _require_key(principal: Admin) -> Principal:
    if principal.by != "key":
        raise Forbidden("access: found a session; expected a key with the scope admin")
    return principal


AdminKey = Annotated[Principal, Depends(_require_key)]
"""An administrator with a key: what a session makes could outlive the session."""


def _access(connection: HTTPConnection) -> AccessControl:
    access: AccessControl = connection.app.state.access
    return access


AccessDep = Annotated[AccessControl, Depends(_access)]


async def _open_stream(principal: ReadJobs, access: AccessDep) -> AsyncIterator[OpenStream]:
    with access.streams.open(principal) as stream:
        yield stream


JobStream = Annotated[OpenStream, Depends(_open_stream)]
"""A caller that may read jobs and now holds one of its key's streams, until it is left."""
