"""Browser sessions: a one-time code, or the key, for a cookie that scripts cannot read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from exitwave.api.auth import COOKIE, Principal, key_matches, require_key, require_same_origin
from exitwave.api.deps import LedgerDep
from exitwave.schema.errors import AccessDenied, InvalidInput

router = APIRouter(prefix="/api/v1/session", tags=["session"])

CODE_TTL_S = 600
SESSION_TTL_S = 7 * 24 * 3600


class SessionRequest(BaseModel):
    """Body of ``POST /api/v1/session``: either of the two."""

    model_config = ConfigDict(extra="forbid")

    code: SecretStr | None = Field(None, description="The one-time code that `up` printed.")
    key: SecretStr | None = Field(None, description="The service's access key.")


class Code(BaseModel):
    """Body of the answer to ``POST /api/v1/session/code``."""

    code: str
    expires_in_s: int


@router.post("", status_code=204)
async def log_in(body: SessionRequest, request: Request, ledger: LedgerDep) -> Response:
    """Start a session; the answer sets its cookie."""
    if request.headers.get("origin"):
        require_same_origin(request)
    if (body.code is None) == (body.key is None):
        raise InvalidInput("body", "both or neither", "either code or key")
    if body.code and not await ledger.redeem_code(body.code.get_secret_value()):
        raise AccessDenied("code: found one that is unknown, used or older than ten minutes")
    if body.key and not key_matches(body.key.get_secret_value(), request.app.state.key):
        raise AccessDenied("key: found another than the service's")
    response = Response(status_code=204, headers={"Cache-Control": "no-store"})
    response.set_cookie(
        COOKIE,
        await ledger.create_session(SESSION_TTL_S),
        max_age=SESSION_TTL_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@router.post("/code", status_code=201)
async def make_code(
    access: Annotated[Principal, Depends(require_key)], ledger: LedgerDep
) -> Code:
    """A one-time code that starts one session. Only for who holds the key."""
    return Code(code=await ledger.create_code(CODE_TTL_S), expires_in_s=CODE_TTL_S)
