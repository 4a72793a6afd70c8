"""Where the shipped configuration is, and how one of its YAML files is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from exitwave import schema
from exitwave.schema.errors import InvalidInput

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Seven times faster where PyYAML was built with libyaml: each submission reads its recipe."""


def configs_dir() -> Path:
    """Folder of the shipped configuration: inside the wheel, or the checkout's ``configs``."""
    package = Path(schema.__file__).parent.parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parents[1] / "configs"


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises
    ------
    InvalidInput
        It is not readable YAML, or holds something else.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _LOADER)
    except yaml.YAMLError as error:
        raise InvalidInput(str(path), str(error), "readable YAML") from None
    if not isinstance(values, dict):
        raise InvalidInput(str(path), values, "a mapping")
    return values
