"""Workers as the service shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from .strict import StrictModel

WorkerState = Literal["starting", "idle", "busy", "draining", "quarantined", "stopped"]
"""State that a worker reports; `stopped` removes it from the list.

A draining worker ends its job and claims no other; a quarantined one failed its health probes.
"""


class WorkerInfo(StrictModel):
    """One worker: a line of ``GET /api/v1/workers``."""

    name: str
    device: str = Field("", description="CPU or GPU that it computes on.")
    state: WorkerState
    job_id: str | None = Field(None, description="The job it works on.")
    note: str = Field("", description="Why it is quarantined.")
    seen_at: datetime = Field(description="Its last heartbeat, by the ledger's clock.")


class WorkerList(StrictModel):
    """Body of ``GET /api/v1/workers``."""

    workers: list[WorkerInfo]


class WorkerPatch(StrictModel):
    """Body of ``PATCH /api/v1/workers/{name}``."""

    draining: bool = Field(
        strict=True, description="true: claim no further job; false: claim again."
    )
