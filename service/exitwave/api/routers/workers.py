"""Workers: list them, drain them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from exitwave.api.access.dependencies import ControlWorkers, ReadWorkers
from exitwave.api.dependencies import LedgerDep
from exitwave.api.http.responses import error_responses
from exitwave.schema.errors import NotFound
from exitwave.schema.worker import WorkerInfo, WorkerList, WorkerPatch

router = APIRouter(prefix="/api/v1/workers", tags=["workers"])


@router.get("", responses=error_responses())
async def list_workers(caller: ReadWorkers, ledger: LedgerDep) -> WorkerList:
    """List the workers that reported lately."""
    return WorkerList(workers=await ledger.workers())


@router.patch("/{name:path}", responses=error_responses(404, body=True))
async def change(
    name: Annotated[str, Path(description="As the list of workers shows it.")],
    patch: WorkerPatch,
    caller: ControlWorkers,
    ledger: LedgerDep,
) -> WorkerInfo:
    """Drain a worker: it ends its job and claims no other; or let it claim again."""
    await ledger.drain(name, patch.draining)
    for worker in await ledger.workers():
        if worker.name == name:
            return worker
    raise NotFound(f"worker: found {name!r}, which has just left; expected one that is there")
