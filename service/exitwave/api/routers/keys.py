"""Access keys: make, list, revoke."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Response

from exitwave.api.answers import answers
from exitwave.api.auth import Admin, AdminKey, DeskDep
from exitwave.schema.access import KeyList, KeyRequest, NewKey

router = APIRouter(prefix="/api/v1/keys", tags=["keys"])

_log = structlog.get_logger(__name__)


@router.post("", status_code=201, responses=answers(body=True))
async def create(
    request: KeyRequest, access: AdminKey, response: Response, desk: DeskDep
) -> NewKey:
    """Make a key. The answer is the only place where its secret is ever shown.

    Only for who holds a key, not a session, with the scope admin, which allows everything:
    so no key gives what it lacks.
    """
    new = await desk.keyring.create(request)
    _log.info(
        "key.created",
        key_id=new.info.id,
        owner=new.info.owner,
        scopes=" ".join(new.info.scopes),
        by=access.key_id,
    )
    response.headers["Cache-Control"] = "no-store"
    return new


@router.get("", responses=answers())
async def list_keys(access: Admin, desk: DeskDep) -> KeyList:
    """All keys, expired ones among them. The operator's is a setting and not listed."""
    return await desk.keyring.list_all()


@router.delete("/{key_id}", status_code=204, responses=answers(404))
async def revoke(
    key_id: Annotated[str, Path(max_length=80)], access: Admin, desk: DeskDep
) -> Response:
    """End a key at once; its sessions and open streams end within seconds."""
    await desk.keyring.revoke(key_id)
    _log.info("key.revoked", key_id=key_id, by=access.key_id)
    return Response(status_code=204)
