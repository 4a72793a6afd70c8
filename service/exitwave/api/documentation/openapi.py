"""Complete the description of the API that the framework derives from the routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.routing import compile_path

from exitwave.recipes.parameter_schema import recipe_schema
from exitwave.schema.problem import Problem


def add_description(app: FastAPI) -> None:
    """Complete the framework's description of `app`: problems, and a recipe's parameters."""
    make = app.openapi

    def described() -> dict[str, Any]:
        begun = app.openapi_schema is None
        made = make()
        if begun:
            schemas = made["components"]["schemas"]
            # The framework's own form of a validation error, which is never sent.
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            schemas[Problem.__name__] = Problem.model_json_schema()
            # A plain mapping in Python, for parameters are checked where recipes are built.
            schemas["Recipe"] = recipe_schema()
            recipe = schemas["RecipeInfo"]["properties"]["recipe"]
            recipe.pop("additionalProperties")
            recipe["$ref"] = "#/components/schemas/Recipe"
        return made

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's documented way


def methods_at(app: FastAPI, path: str) -> list[str]:
    """Every method that the description knows for a path, over all routes that match it."""
    paths = app.openapi()["paths"]
    templates = [path] if path in paths else filter(_matching(path), paths)
    return sorted({method.upper() for template in templates for method in paths[template]})


def _matching(path: str) -> Callable[[str], bool]:
    return lambda template: compile_path(template)[0].match(path) is not None
