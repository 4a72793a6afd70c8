"""Finding the shipped recipes, and resolving one with its overrides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exitwave.schema.errors import RecipeNotFound
from exitwave.schema.overrides import apply_overrides
from exitwave.schema.recipe import Recipe, recipe_from_mapping, recipe_to_mapping
from exitwave.settings.yaml_files import configs_dir, read_mapping


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
    # All parameters, so that a default can be overridden by its path, too (stages.0.epochs).
    values = recipe_to_mapping(recipe_from_mapping(load_recipe(name)))
    return recipe_from_mapping({**apply_overrides(values, overrides, "recipe"), "name": name})
