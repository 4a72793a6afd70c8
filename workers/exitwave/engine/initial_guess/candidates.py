"""Places to begin, and which of them comes first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

Kind = Literal["autocorrelation", "pupil", "given"]

CLEARLY = 0.97
"""A pupil's loss must be lower than so much of the autocorrelation's."""

NARROWER = (0.8, 1.1)
"""Share of the area of the beam of the clearest shadow, below which a beam is narrower, and by
what its loss is multiplied: views that meet less are fitted each by itself."""

ALIKE = 0.1
"""Relative difference of two values of defocus that are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A place to begin.

    Attributes
    ----------
    kind : {"autocorrelation", "pupil", "given"}
    defocus_px2 : (float, float)
        c along y and x; of a pupil.
    loss : float, optional
        Amplitude loss of its short run over the light of a pixel; none = not run.
    """

    kind: Kind
    defocus_px2: tuple[float, float] = (0.0, 0.0)
    loss: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What was tried.

    Attributes
    ----------
    candidates : tuple of Candidate
        The chosen one first, then those that are worth another run, then the others.
    worth : int
        How many of them are worth a run.
    seconds : float
    """

    candidates: tuple[Candidate, ...]
    worth: int = 1
    seconds: float = 0.0

    def plain(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Search:
        """What `plain` gave."""
        candidates = [
            Candidate(**{**one, "defocus_px2": tuple(one["defocus_px2"])})
            for one in values["candidates"]
        ]
        return cls(
            candidates=tuple(candidates), worth=values["worth"], seconds=values["seconds"]
        )


def handicapped(candidate: Candidate, clearest: Candidate | None) -> float:
    """Its loss, made less of the autocorrelation's and more of a narrower beam's."""
    if candidate.loss is None:
        return np.inf
    if candidate.kind == "autocorrelation":
        return CLEARLY * candidate.loss
    if clearest is None:
        return candidate.loss
    areas = [abs(math.prod(one.defocus_px2)) for one in (candidate, clearest)]
    share, times = NARROWER
    return candidate.loss * (times if 0 < areas[0] < share * areas[1] else 1.0)


def ordered(found: list[Candidate], clearest: Candidate | None) -> tuple[Candidate, ...]:
    """By loss, but the autocorrelation first unless a pupil is clearly better.

    Likewise the others before a beam narrower than that of the clearest shadow.
    """
    by_loss = sorted(found, key=lambda one: handicapped(one, clearest))
    first = distinct(by_loss)
    return (*first, *(one for one in by_loss if one not in first))


def distinct(in_order: list[Candidate] | tuple[Candidate, ...]) -> list[Candidate]:
    """Those that are not merely close to one before them."""
    kept: list[Candidate] = []
    for one in in_order:
        if not any(_alike(one, other) for other in kept):
            kept.append(one)
    return kept


def _alike(one: Candidate, other: Candidate) -> bool:
    if one.kind != other.kind:
        return False
    pairs = zip(one.defocus_px2, other.defocus_px2, strict=True)
    return all(abs(a - b) <= ALIKE * max(abs(a), abs(b)) for a, b in pairs)
