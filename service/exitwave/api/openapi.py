"""The description of the API as a file: ``python -m exitwave.api.openapi FILE``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.routing import compile_path

from exitwave.schema.job import Problem


def add_description(app: FastAPI) -> None:
    """Complete the framework's description of `app`: every error in it is a problem."""
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
        return made

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's documented way


def methods_at(app: FastAPI, path: str) -> list[str]:
    """Every method that the description knows for a path, over all routes that match it."""
    paths = app.openapi()["paths"]
    templates = [path] if path in paths else filter(_matching(path), paths)
    return sorted({method.upper() for template in templates for method in paths[template]})


def _matching(path: str) -> Callable[[str], bool]:
    return lambda template: compile_path(template)[0].match(path) is not None


def description(app: FastAPI) -> str:
    """The description as text that is the same for the same API."""
    return json.dumps(app.openapi(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main(target: Path) -> None:
    """Write the description of every route."""
    from .app import routed_app

    target.write_text(description(routed_app()), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
