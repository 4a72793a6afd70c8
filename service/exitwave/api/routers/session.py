"""Browser sessions: exchange a one-time code or a key for a cookie that scripts cannot read."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import Field, SecretStr

from exitwave.api.access.authenticator import CODE_TTL_S
from exitwave.api.access.control import AccessControl, address_of
from exitwave.api.access.dependencies import AccessDep, AdminKey, AnyCaller
from exitwave.api.access.middleware import COOKIE, require_same_origin
from exitwave.api.access.principal import Principal
from exitwave.api.http.responses import error_responses
from exitwave.schema.access import Scope, SessionInfo
from exitwave.schema.errors import AccessDenied, InvalidInput
from exitwave.schema.strict import StrictModel

router = APIRouter(prefix="/api/v1/session", tags=["session"])


class SessionRequest(StrictModel):
    """Body of ``POST /api/v1/session``: either of the two."""

    code: SecretStr | None = Field(None, description="The one-time code that `up` printed.")
    key: SecretStr | None = Field(None, description="An access key.")


class Code(StrictModel):
    """Response to ``POST /api/v1/session/code``."""

    code: str
    expires_in_s: int


@router.post("", status_code=204, responses=error_responses(body=True))
async def log_in(body: SessionRequest, request: Request, access: AccessDep) -> Response:
    """Start a session; the response sets its cookie.

    It has the owner and the scopes of its key, or of the key that made its code.
    """
    if request.headers.get("origin"):
        require_same_origin(request)
    if (body.code is None) == (body.key is None):
        raise InvalidInput("body", "both or neither", "either code or key")
    address = address_of(request)
    access.failed_logins.check(address)
    try:
        principal = await _principal(body, access)
    except AccessDenied:
        access.failed_logins.spend(address)
        raise
    response = Response(status_code=204, headers={"Cache-Control": "no-store"})
    response.set_cookie(
        COOKIE,
        await access.authenticator.create_session(principal),
        max_age=access.authenticator.session_ttl_s,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@router.get("", responses=error_responses())
async def current_caller(caller: AnyCaller, response: Response) -> SessionInfo:
    """Show the caller: its owner, scopes and key."""
    response.headers["Cache-Control"] = "no-store"
    return SessionInfo(
        owner=caller.name,
        scopes=[scope for scope in Scope if caller.may(scope)],
        key_id=caller.key_id,
        by=caller.by,
    )


@router.delete("", status_code=204, responses=error_responses())
async def log_out(caller: AnyCaller, access: AccessDep) -> Response:
    """End the caller's session and its streams. A key stays valid."""
    if caller.by == "session":
        await access.authenticator.end_session(caller)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


@router.post("/code", status_code=201, responses=error_responses())
async def make_code(caller: AdminKey, response: Response, access: AccessDep) -> Code:
    """Create a one-time code that starts one session. Needs a key, not a session."""
    response.headers["Cache-Control"] = "no-store"
    return Code(code=await access.authenticator.create_code(caller), expires_in_s=CODE_TTL_S)


async def _principal(body: SessionRequest, access: AccessControl) -> Principal:
    if body.code is not None:
        return await access.authenticator.authenticate_code(body.code.get_secret_value())
    return await access.authenticator.authenticate_key(
        body.key.get_secret_value() if body.key else ""
    )
