"""The description of the API as a file: ``python -m exitwave.api.openapi_file FILE``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fastapi import FastAPI

from .app import routed_app


def description(app: FastAPI) -> str:
    """The description as text that is the same for the same API."""
    return json.dumps(app.openapi(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(description(routed_app()), encoding="utf-8")
