"""Access keys: create, list, revoke."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Response

from exitwave.api.access.dependencies import AccessDep, Admin, AdminKey
from exitwave.api.http.responses import error_responses
from exitwave.schema.access import KeyList, KeyRequest, NewKey

router = APIRouter(prefix="/api/v1/keys", tags=["keys"])

_log = structlog.get_logger(__name__)


@router.post("", status_code=201, responses=error_responses(body=True))
async def create(
    request: KeyRequest, caller: AdminKey, response: Response, access: AccessDep
) -> NewKey:
    """Create a key. Only this response shows its secret.

    Needs a key, not a session, with the scope `admin`: no key gives scopes that it lacks.
    """
    new = await access.authenticator.create_key(request)
    _log.info(
        "key.created",
        key_id=new.info.id,
        owner=new.info.owner,
        scopes=" ".join(new.info.scopes),
        by=caller.key_id,
    )
    response.headers["Cache-Control"] = "no-store"
    return new


@router.get("", responses=error_responses())
async def list_keys(caller: Admin, access: AccessDep) -> KeyList:
    """List all keys, expired ones included; the operator's key is a setting and not listed."""
    return await access.authenticator.list_keys()


@router.delete("/{key_id}", status_code=204, responses=error_responses(404))
async def revoke(
    key_id: Annotated[str, Path(max_length=80)], caller: Admin, access: AccessDep
) -> Response:
    """Revoke a key at once; its sessions and open streams end within seconds."""
    await access.authenticator.revoke_key(key_id)
    _log.info("key.revoked", key_id=key_id, by=caller.key_id)
    return Response(status_code=204)
