"""Write the page of recipe parameters: ``python -m exitwave.recipes.parameter_page FILE``."""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from exitwave.schema.data import DataOptions
from exitwave.schema.parameters import plain
from exitwave.schema.recipe import Recipe

HEAD = """# Recipe parameters

Made by `make parameters` from `service/exitwave/schema/recipe.py`. A recipe in
`configs/recipes/` names those that differ from the defaults below; a job overrides single ones
by their dotted names (`--set recipe.regularisation.ratio=0.3`,
`--set recipe.stages.0.epochs=50`). Values out of range are refused. The defaults are the recipe
`default`, those of `stages` the values of a stage that names nothing else. What a job does with
its scan, `data.*`, comes last and is no part of a recipe.
"""


def page() -> str:
    """Tables of all parameters, section by section."""
    parts = [HEAD]
    every: list[tuple[str, type[Any]]] = [*sections(Recipe), ("data", DataOptions)]
    for name, cls in every:
        title = f"`{name}`" if name else "The whole run"
        about = "" if not name else f"{(cls.__doc__ or '').strip().splitlines()[0]}\n\n"
        head = "| parameter | default | range | unit | why |\n|---|---|---|---|---|\n"
        parts.append(f"## {title}\n\n{about}{head}" + "\n".join(lines(cls)) + "\n")
    return "\n".join(parts)


def sections(cls: type[Any], path: str = "") -> Iterator[tuple[str, type[Any]]]:
    """A dataclass of parameters and those in it, by dotted name."""
    yield path, cls
    for name, hint in typing.get_type_hints(cls).items():
        inner = section_of(hint)
        if inner is not None:
            yield from sections(inner, f"{path}.{name}".lstrip("."))


def lines(cls: type[Any]) -> Iterator[str]:
    """A line for every parameter that is a value, not a section."""
    hints = typing.get_type_hints(cls)
    made = cls()
    for field in dataclasses.fields(cls):
        hint, meta = hints[field.name], field.metadata
        if section_of(hint) is not None:
            continue
        unit = "" if meta["unit"] == "1" else meta["unit"]
        default = _shown(plain(getattr(made, field.name)))
        why = meta["why"].replace("|", "\\|")
        yield f"| `{field.name}` | {default} | {_range(hint, meta)} | {unit} | {why} |"


def section_of(hint: Any) -> type[Any] | None:
    """The dataclass that a parameter holds, alone or in a tuple."""
    inner = typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else hint
    return inner if dataclasses.is_dataclass(inner) and isinstance(inner, type) else None


def _range(hint: Any, meta: typing.Mapping[str, Any]) -> str:
    if typing.get_origin(hint) is Literal:
        return ", ".join(typing.get_args(hint))
    if hint is bool:
        return "true, false"
    if meta["low"] is None:
        return ""
    whole = " whole" if hint is int else ""
    return f"{_shown(meta['low'])} to {_shown(meta['high'])}{whole}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value) or "none"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
