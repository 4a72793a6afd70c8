"""What a source may ask of a run, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from exitwave.schema.errors import GeometryError


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """A value in SI units, or in eV, and where it came from.

    Attributes
    ----------
    value : float
    origin : str
        For people, such as ``start.scan.detector_distance``.
    """

    value: float
    origin: str


class RunRecord(Protocol):
    """What a run recorded beside its frames.

    Attributes
    ----------
    start : mapping
        The start document.
    profile_name : str
        Of the profile it is read with.
    baseline_stream : str
        Name of the stream that holds readings of what does not move.
    """

    @property
    def start(self) -> Mapping[str, Any]: ...

    @property
    def profile_name(self) -> str: ...

    @property
    def baseline_stream(self) -> str: ...

    def baseline(self, key: str) -> float | None:
        """First baseline reading of a data key, None if there is none."""
        ...


def value_in_start(start: Mapping[str, Any], key: str) -> Any:
    """The value under a dotted key of a start document, None if there is none.

    Examples
    --------
    >>> value_in_start({"scan": {"energy": 9.0}}, "scan.energy")
    9.0
    >>> value_in_start({"scan": "raster"}, "scan.energy") is None
    True
    """
    value: Any = start
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def not_recorded(quantity: str, found: str, expected: str) -> GeometryError:
    """The error of a source without a usable value; `quantity` is a key of ``geometry``."""
    return GeometryError(
        f"geometry.{quantity}", found, f"{expected} there, or an override geometry.{quantity}"
    )
