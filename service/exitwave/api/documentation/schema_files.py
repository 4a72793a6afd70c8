"""Write JSON schemas of what people write: ``python -m … FOLDER`` (``make schemas``).

Editors that know JSON schemas complete and check the YAML files with them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from exitwave.recipes.parameter_schema import recipe_schema
from exitwave.scans.profile import Profile
from exitwave.settings.service import Settings

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_files() -> dict[str, str]:
    """Text of each file by its name, the same for the same code."""
    made = {
        "beamline.json": Profile.model_json_schema(),
        "recipe.json": recipe_schema(),
        "service.json": _without_masked(Settings.model_json_schema()),
    }
    return {name: _text(schema) for name, schema in made.items()}


def _without_masked(schema: dict[str, Any]) -> dict[str, Any]:
    """Without the defaults of secrets, which pydantic gives as asterisks."""
    for section in schema["$defs"].values():
        for key in section["properties"].values():
            if key.get("format") == "password":
                key.pop("default", None)
    return schema


def _text(schema: dict[str, Any]) -> str:
    whole = {"$schema": _DIALECT, **schema}
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main(folder: Path) -> None:
    """Write the files, and nothing else that may be in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schema_files().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
