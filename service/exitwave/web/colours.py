"""Colour tables, sampled from colorcet: perceptually uniform, cyclic for wrapped phase."""

from __future__ import annotations

from typing import Literal

import colorcet

Table = Literal["phase", "amplitude", "cyclic"]

_SOURCES: dict[Table, str] = {"phase": "CET_L8", "amplitude": "CET_L1", "cyclic": "CET_C2"}


def palette(table: Table) -> list[str]:
    """256 colours as ``#rrggbb``, from the lowest value to the highest."""
    return [str(colour) for colour in colorcet.palette[_SOURCES[table]]]


def tables() -> dict[Table, list[str]]:
    """All colour tables by name."""
    return {table: palette(table) for table in _SOURCES}
