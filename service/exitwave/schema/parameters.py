"""Parameters: dataclass fields that carry their unit, inclusive range and reason.

`build` turns plain nested values into a frozen dataclass and refuses unknown keys,
wrong types and values out of range; `plain` is its inverse. Standard library only.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import typing
from collections.abc import Mapping
from dataclasses import field
from numbers import Integral, Real
from typing import Any, Literal, TypeVar

from .errors import InvalidInput

Options = TypeVar("Options")


def parameter(
    default: Any,
    why: str,
    *,
    unit: str = "1",
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """A dataclass field with its reason, unit and inclusive range."""
    metadata = {"why": why, "unit": unit, "low": low, "high": high}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def build(
    cls: type[Options], values: object, path: str, error: type[InvalidInput] = InvalidInput
) -> Options:
    """Build the frozen dataclass `cls` from plain nested values.

    Parameters
    ----------
    cls : type
        A dataclass whose fields are made by `parameter`.
    values : mapping
        Plain values as YAML or JSON give them; missing keys take defaults.
    path : str
        Dotted name of `values`, for messages.
    error : type of InvalidInput
        What to raise.
    """
    if not isinstance(values, Mapping):
        raise error(path, values, "a mapping of parameters to values")
    known, hints = _fields_and_types(cls)  # type: ignore[arg-type]  # classes are hashable
    for key in values:
        if key not in known:
            raise error(f"{path}.{key}", "an unknown key", "one of " + ", ".join(sorted(known)))
    return cls(
        **{
            key: _checked(hints[key], known[key].metadata, value, f"{path}.{key}", error)
            for key, value in values.items()
        }
    )


def plain(value: Any) -> Any:
    """Nested plain values (dict, list, scalars), ready for JSON or YAML."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value


@functools.cache
def _fields_and_types(
    cls: type[Any],
) -> tuple[dict[str, dataclasses.Field[Any]], dict[str, Any]]:
    """Fields and resolved types of a dataclass; kept, as resolving them takes milliseconds."""
    return {f.name: f for f in dataclasses.fields(cls)}, typing.get_type_hints(cls)


def _checked(
    hint: Any, meta: Mapping[str, Any], value: Any, path: str, error: type[InvalidInput]
) -> Any:
    if dataclasses.is_dataclass(hint):
        return build(typing.cast("type[Any]", hint), value, path, error)
    origin = typing.get_origin(hint)
    if origin is Literal:
        options = typing.get_args(hint)
        if value not in options:
            raise error(path, value, "one of " + ", ".join(map(repr, options)))
        return value
    if origin is tuple:
        if not isinstance(value, (list, tuple)) or not value:
            raise error(path, value, "a list with at least one entry")
        item = typing.get_args(hint)[0]
        return tuple(
            _checked(item, meta, v, f"{path}[{i}]", error) for i, v in enumerate(value)
        )
    if hint is bool or hint is str:
        if not isinstance(value, hint):
            raise error(path, value, "true or false" if hint is bool else "text")
        return value
    return _number(hint, meta, value, path, error)


def _number(
    hint: type[int] | type[float],
    meta: Mapping[str, Any],
    value: Any,
    path: str,
    error: type[InvalidInput],
) -> int | float:
    low, high, unit = meta["low"], meta["high"], meta["unit"]
    kind = "a whole number" if hint is int else "a number"
    expected = f"{kind} from {low} to {high}" + ("" if unit == "1" else f" ({unit})")
    # Numbers of numpy are of these kinds, too.
    fits = isinstance(value, Integral if hint is int else Real)
    if isinstance(value, bool) or not fits:
        raise error(path, value, expected)
    if not low <= value <= high or not math.isfinite(value):
        raise error(path, value, expected)
    return hint(value)
