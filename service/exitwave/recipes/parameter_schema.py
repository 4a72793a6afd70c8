"""Make the JSON schema of a dataclass of parameters, by the walk that makes their page.

pydantic would read the types and the defaults, but not what `parameter` keeps beside them:
range, unit and reason.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, Literal

from exitwave.schema.parameters import plain
from exitwave.schema.recipe import Recipe

from .parameter_page import section_of

_TYPES = {bool: "boolean", str: "string", int: "integer", float: "number"}


def parameter_schema(cls: type[Any]) -> dict[str, Any]:
    """JSON schema of what `build` takes for `cls`: missing parameters take their defaults.

    Sections stand where they are used, so that the schema holds no references and fits into
    any document. A parameter's unit is its `x-unit`: none of the standard's keywords means it.

    Parameters
    ----------
    cls : type
        A dataclass whose fields are made by `parameter`.
    """
    hints = typing.get_type_hints(cls)
    made = cls()
    properties = {}
    for field in dataclasses.fields(cls):
        schema = _value(hints[field.name], field.metadata)
        schema["default"] = plain(getattr(made, field.name))
        schema["description"] = field.metadata["why"]
        if field.metadata["unit"] != "1":
            schema["x-unit"] = field.metadata["unit"]
        properties[field.name] = schema
    return {
        "title": cls.__name__,
        "description": (cls.__doc__ or "").strip().splitlines()[0],
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def recipe_schema() -> dict[str, Any]:
    """JSON schema of a recipe, as `recipe_from_mapping` takes it."""
    schema = parameter_schema(Recipe)
    start = schema["properties"]["start"]
    whole = {key: start.pop(key) for key in ("title", "type", "properties")}
    whole["additionalProperties"] = start.pop("additionalProperties")
    # A word for the whole section is its kind.
    start["anyOf"] = [whole, {"enum": whole["properties"]["kind"]["enum"]}]
    return schema


def _value(hint: Any, meta: Mapping[str, Any]) -> dict[str, Any]:
    """Type and range of a parameter."""
    if typing.get_origin(hint) is tuple:
        item = _value(typing.get_args(hint)[0], meta)
        return {"type": "array", "items": item, "minItems": 1}
    if typing.get_origin(hint) is Literal:
        return {"enum": list(typing.get_args(hint))}
    if (section := section_of(hint)) is not None:
        return parameter_schema(section)
    schema: dict[str, Any] = {"type": _TYPES[hint]}
    if meta["low"] is not None:
        schema |= {"minimum": meta["low"], "maximum": meta["high"]}
    return schema
