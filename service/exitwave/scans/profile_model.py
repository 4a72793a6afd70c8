"""The strict base of all that a beamline profile is made of."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ProfileModel(BaseModel):
    """A part of a profile: unknown keys are errors, and nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
