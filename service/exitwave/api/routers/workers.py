"""Who is there to compute."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from exitwave.api.auth import Access
from exitwave.api.deps import LedgerDep
from exitwave.schema.worker import WorkerInfo

router = APIRouter(prefix="/api/v1/workers", tags=["workers"])


class WorkerList(BaseModel):
    """Body of ``GET /api/v1/workers``."""

    workers: list[WorkerInfo]


@router.get("")
async def list_workers(access: Access, ledger: LedgerDep) -> WorkerList:
    """Workers heard of lately."""
    return WorkerList(workers=await ledger.workers())
