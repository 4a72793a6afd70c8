"""Browser sessions: a one-time code, or a key, for a cookie that scripts cannot read."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from exitwave.api.access.desk import AccessDesk, address_of
from exitwave.api.access.keyring import CODE_TTL_S
from exitwave.api.access.middleware import COOKIE, require_same_origin
from exitwave.api.access.principal import Principal
from exitwave.api.answers import answers
from exitwave.api.auth import Access, AdminKey, DeskDep
from exitwave.schema.access import Scope, SessionInfo
from exitwave.schema.errors import AccessDenied, InvalidInput

router = APIRouter(prefix="/api/v1/session", tags=["session"])


class SessionRequest(BaseModel):
    """Body of ``POST /api/v1/session``: either of the two."""

    model_config = ConfigDict(extra="forbid")

    code: SecretStr | None = Field(None, description="The one-time code that `up` printed.")
    key: SecretStr | None = Field(None, description="An access key.")


class Code(BaseModel):
    """Body of the answer to ``POST /api/v1/session/code``."""

    code: str
    expires_in_s: int


@router.post("", status_code=204, responses=answers(body=True))
async def log_in(body: SessionRequest, request: Request, desk: DeskDep) -> Response:
    """Start a session; the answer sets its cookie.

    It has the owner and the scopes of the key that it, or its code, was made from.
    """
    if request.headers.get("origin"):
        require_same_origin(request)
    if (body.code is None) == (body.key is None):
        raise InvalidInput("body", "both or neither", "either code or key")
    address = address_of(request)
    desk.log_ins.require(address)
    try:
        principal = await _principal(body, desk)
    except AccessDenied:
        desk.log_ins.spend(address)
        raise
    response = Response(status_code=204, headers={"Cache-Control": "no-store"})
    response.set_cookie(
        COOKIE,
        await desk.keyring.create_session(principal),
        max_age=desk.keyring.session_ttl_s,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@router.get("", responses=answers())
async def who_calls(access: Access, response: Response) -> SessionInfo:
    """Whose key or session this is, and what it may do."""
    response.headers["Cache-Control"] = "no-store"
    return SessionInfo(
        owner=access.name,
        scopes=[scope for scope in Scope if access.may(scope)],
        key_id=access.key_id,
        by=access.by,
    )


@router.delete("", status_code=204, responses=answers())
async def log_out(access: Access, desk: DeskDep) -> Response:
    """End the caller's session; its streams end with it. A key is not ended this way."""
    if access.by == "session":
        await desk.keyring.end_session(access)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


@router.post("/code", status_code=201, responses=answers())
async def make_code(access: AdminKey, response: Response, desk: DeskDep) -> Code:
    """A one-time code that starts one session. Only for who holds a key, not a session."""
    response.headers["Cache-Control"] = "no-store"
    return Code(code=await desk.keyring.create_code(access), expires_in_s=CODE_TTL_S)


async def _principal(body: SessionRequest, desk: AccessDesk) -> Principal:
    if body.code is not None:
        return await desk.keyring.of_code(body.code.get_secret_value())
    return await desk.keyring.of_key(body.key.get_secret_value() if body.key else "")
