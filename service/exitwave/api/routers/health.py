"""Health: whether the process answers, and whether the parts that jobs need do."""

from __future__ import annotations

import httpx
from fastapi import APIRouter, Request, Response

from exitwave.api.dependencies import LedgerDep, SettingsDep
from exitwave.api.http.problems import RETRY_AFTER_S, problem
from exitwave.api.http.responses import public_error_responses
from exitwave.ledger import ServiceLedger
from exitwave.schema.errors import LedgerUnavailable, Unavailable
from exitwave.schema.strict import StrictModel
from exitwave.tiled_http import health_status

router = APIRouter(tags=["health"])

TIMEOUT_S = 3.0


class Alive(StrictModel):
    """Body of ``/livez``."""

    alive: bool = True


class Ready(StrictModel):
    """Body of ``/readyz``."""

    ledger: str
    tiled: str


@router.get("/livez")
async def livez() -> Alive:
    """Whether the process answers at all."""
    return Alive()


@router.get("/readyz", response_model=Ready, responses=public_error_responses(503))
async def readyz(
    request: Request, ledger: LedgerDep, settings: SettingsDep
) -> Ready | Response:
    """Whether the queue and Tiled answer; 503 names the one that does not."""
    parts = Ready(ledger=await _ledger(ledger), tiled=await _tiled(settings.tiled.uri))
    away = [name for name, state in parts if state != "ready"]
    if not away:
        return parts
    return problem(
        503,
        Unavailable.slug,
        f"not ready: {' and '.join(away)}",
        instance=request.url.path,
        headers={"Retry-After": str(RETRY_AFTER_S)},
        **parts.model_dump(),
    )


async def _ledger(ledger: ServiceLedger) -> str:
    try:
        await ledger.ping()
    except LedgerUnavailable:
        return "away"
    return "ready"


async def _tiled(uri: str) -> str:
    status = await health_status(uri, TIMEOUT_S)
    if status is None:
        return "away"
    return "ready" if httpx.codes.is_success(status) else f"answers {status}"
