"""Dotted overrides: ``{"recipe.stages.0.epochs": 40}`` applied to nested plain values."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from .errors import InvalidInput

SECTIONS = ("recipe", "data", "geometry")


def split_sections(overrides: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Sort dotted overrides by their first word.

    Raises
    ------
    InvalidInput
        A key that does not begin with ``recipe.``, ``data.`` or ``geometry.``.
    """
    sections: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    for key, value in overrides.items():
        section, _, rest = key.partition(".")
        if section not in sections or not rest:
            raise InvalidInput(
                f"overrides.{key}", key, "a key that begins with recipe., data. or geometry."
            )
        sections[section][rest] = value
    return sections


def apply_overrides(
    values: Mapping[str, Any], overrides: Mapping[str, Any], path: str
) -> dict[str, Any]:
    """A copy of nested plain `values` with dotted `overrides` put in.

    A list entry is named by its index (``stages.0.epochs``). Whether a key is known and
    its value in range is checked later, by whoever builds the dataclass.

    Raises
    ------
    InvalidInput
        The path leads through something that is neither a mapping nor a list, or
        outside a list.

    Examples
    --------
    >>> apply_overrides({"stages": [{"epochs": 100}]}, {"stages.0.epochs": 40}, "recipe")
    {'stages': [{'epochs': 40}]}
    """
    result: dict[str, Any] = copy.deepcopy(dict(values))
    for key, value in overrides.items():
        here: Any = result
        *parents, last = key.split(".")
        for part in parents:
            here = _step(here, part, f"{path}.{key}")
        if isinstance(here, list):
            here[_index(here, last, f"{path}.{key}")] = value
        elif isinstance(here, dict):
            here[last] = value
        else:
            raise InvalidInput(f"{path}.{key}", last, "a key inside a mapping or a list")
    return result


def _step(here: Any, part: str, path: str) -> Any:
    if isinstance(here, list):
        return here[_index(here, part, path)]
    if isinstance(here, dict):
        return here.setdefault(part, {})
    raise InvalidInput(path, part, "a key inside a mapping or a list")


def _index(items: list[Any], part: str, path: str) -> int:
    if not (part.isascii() and part.isdigit()) or int(part) >= len(items):
        raise InvalidInput(path, part, f"an index from 0 to {len(items) - 1}")
    return int(part)
