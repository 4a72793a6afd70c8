"""Access: scopes, keys and sessions."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from .strict import StrictModel


class Scope(StrEnum):
    """What a key allows."""

    READ_JOBS = "read:jobs"
    WRITE_JOBS = "write:jobs"
    CONTROL_JOBS = "control:jobs"
    READ_WORKERS = "read:workers"
    CONTROL_WORKERS = "control:workers"
    ADMIN = "admin"


SCOPES: dict[Scope, str] = {
    Scope.READ_JOBS: "see own jobs, their scans, results and events",
    Scope.WRITE_JOBS: "submit jobs and control own jobs",
    Scope.CONTROL_JOBS: "see and control all jobs, and the queue",
    Scope.READ_WORKERS: "see workers, queue and metrics",
    Scope.CONTROL_WORKERS: "drain workers",
    Scope.ADMIN: "everything, access keys included",
}


KEY_PATTERN = re.compile(r"ew_([0-9a-z]{10})_[0-9a-z]{20,}", re.ASCII)
"""A key: ``ew_<id>_<secret>``. The id finds its record and is no secret."""


def without_keys(text: str) -> str:
    """Mask the secret part of every key in a text, for logs and responses.

    Examples
    --------
    >>> without_keys("found ew_0123456789_abcdefghijklmnopqrst")
    'found ew_0123456789_***'
    """
    return KEY_PATTERN.sub(r"ew_\1_***", text)


class KeyRequest(StrictModel):
    """Body of ``POST /api/v1/keys``."""

    owner: str = Field(
        description="Owner of the jobs it submits.",
        min_length=1,
        max_length=80,
        pattern=r"^[\w.@+-]+$",
    )
    scopes: list[Scope] = Field(min_length=1)
    expires_in_days: float | None = Field(None, gt=0, le=3660, description="null: never.")
    note: str = Field("", max_length=200, description="What it is for.")


class KeyInfo(StrictModel):
    """A key without its secret."""

    id: str = Field(description="What stands between the underscores of the key.")
    owner: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    note: str = ""


class KeyList(StrictModel):
    """Body of ``GET /api/v1/keys``, newest first."""

    keys: list[KeyInfo]
    corrupt: list[str] = Field(
        default_factory=list, description="Ids of records that cannot be read."
    )


class SessionInfo(StrictModel):
    """Body of ``GET /api/v1/session``: the caller."""

    owner: str
    scopes: list[Scope] = Field(description="Its scopes and those they imply.")
    key_id: str
    by: Literal["key", "session"]


class NewKey(StrictModel):
    """Response to ``POST /api/v1/keys``: the only one that shows the secret."""

    key: str
    info: KeyInfo
