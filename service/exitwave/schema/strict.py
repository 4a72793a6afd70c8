"""The one base of all pydantic models: what is sent, stored, and written in settings."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """Refuses unknown keys; its values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
