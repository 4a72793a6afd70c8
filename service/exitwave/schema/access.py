"""Who may do what: scopes, keys, principals."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Scope(StrEnum):
    """What a key allows."""

    READ_JOBS = "read:jobs"
    WRITE_JOBS = "write:jobs"
    CONTROL_JOBS = "control:jobs"
    READ_WORKERS = "read:workers"
    CONTROL_WORKERS = "control:workers"
    ADMIN = "admin"


SCOPES: dict[Scope, str] = {
    Scope.READ_JOBS: "see one's own jobs, scans, results and events",
    Scope.WRITE_JOBS: "submit jobs and control one's own",
    Scope.CONTROL_JOBS: "see and control everybody's jobs, and the queue",
    Scope.READ_WORKERS: "see workers, queue and metrics",
    Scope.CONTROL_WORKERS: "drain workers",
    Scope.ADMIN: "everything, keys included",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KeyRequest(_Strict):
    """Body of ``POST /api/v1/keys``."""

    owner: str = Field(
        description="Whose jobs it makes.", min_length=1, max_length=80, pattern=r"^[\w.@+-]+$"
    )
    scopes: list[Scope] = Field(min_length=1)
    expires_in_days: float | None = Field(None, gt=0, le=3660, description="None: never.")
    note: str = Field("", max_length=200, description="What it is for.")


class KeyInfo(_Strict):
    """A key without its secret."""

    id: str = Field(description="First characters of the key.")
    owner: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    note: str = ""


class NewKey(_Strict):
    """Answer to ``POST /api/v1/keys``: the only time the secret is shown."""

    key: str
    info: KeyInfo
