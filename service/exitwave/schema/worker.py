"""Workers as the service shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

WorkerState = Literal["starting", "idle", "busy", "draining", "stopped"]
"""What a worker says of itself; `stopped` takes it off the list."""


class WorkerInfo(BaseModel):
    """One worker: a line of ``GET /api/v1/workers``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    device: str = Field("", description="What it computes on.")
    state: WorkerState
    job_id: str | None = Field(None, description="The job it works on.")
    seen_at: datetime = Field(description="Its last sign of life, in the ledger's time.")
