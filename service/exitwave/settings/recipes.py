"""Finding recipes and beamline profiles, and resolving a recipe with its overrides."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from exitwave import schema
from exitwave.schema.errors import InvalidInput, RecipeError, RecipeNotFound
from exitwave.schema.overrides import apply_overrides
from exitwave.schema.recipe import Recipe, recipe_from_mapping, recipe_to_mapping


def configs_dir() -> Path:
    """Folder of the shipped configuration: inside the wheel, or the checkout's ``configs``."""
    package = Path(schema.__file__).parent.parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parents[1] / "configs"


def recipe_names() -> list[str]:
    """Names of the recipes that can be asked for."""
    return sorted(path.stem for path in (configs_dir() / "recipes").glob("*.yaml"))


def load_recipe(name: str) -> dict[str, Any]:
    """Plain values of a shipped recipe.

    Raises
    ------
    RecipeNotFound
        There is no recipe of that name; the message lists those there are.
    """
    names = recipe_names()
    if name not in names:
        raise RecipeNotFound(f"recipe: found {name!r}; expected one of {', '.join(names)}")
    return read_mapping(configs_dir() / "recipes" / f"{name}.yaml")


def resolve_recipe(name: str, overrides: Mapping[str, Any]) -> Recipe:
    """The named recipe with dotted overrides (without the leading ``recipe.``), checked."""
    # All knobs, so that a default can be overridden by its path, too (stages.0.epochs).
    values = recipe_to_mapping(recipe_from_mapping(load_recipe(name)))
    return recipe_from_mapping({**apply_overrides(values, overrides, "recipe"), "name": name})


def read_mapping(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise RecipeError(str(path), str(error), "readable YAML") from None
    if not isinstance(values, dict):
        raise InvalidInput(str(path), values, "a mapping")
    return values
