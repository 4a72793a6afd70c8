"""The shipped recipes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from exitwave.api.access.dependencies import AnyCaller
from exitwave.api.http.responses import error_responses
from exitwave.recipes.loading import recipe_names, resolve_recipe
from exitwave.schema.recipe import recipe_to_mapping
from exitwave.schema.strict import StrictModel

router = APIRouter(prefix="/api/v1/recipes", tags=["recipes"])


class RecipeInfo(StrictModel):
    """One recipe."""

    name: str
    description: str
    recipe: dict[str, Any] = Field(description="All its parameters, defaults included.")


class RecipeList(StrictModel):
    """Body of ``GET /api/v1/recipes``."""

    recipes: list[RecipeInfo]


@router.get("", responses=error_responses())
def list_recipes(caller: AnyCaller) -> RecipeList:
    """List the shipped recipes by name."""
    return RecipeList(recipes=[_info(name) for name in recipe_names()])


def _info(name: str) -> RecipeInfo:
    recipe = resolve_recipe(name, {})
    return RecipeInfo(
        name=name, description=recipe.description, recipe=recipe_to_mapping(recipe)
    )
