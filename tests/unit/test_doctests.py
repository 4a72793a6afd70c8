"""Examples in docstrings do what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "service", ROOT / "workers", ROOT)
FOLDERS = (SOURCES[0], SOURCES[1], ROOT / "tests")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def module_of(path: Path) -> str:
    source = next(source for source in SOURCES if path.is_relative_to(source))
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = [
    module_of(path)
    for folder in FOLDERS
    for path in sorted(folder.rglob("*.py"))
    if path != Path(__file__) and ">>> " in path.read_text(encoding="utf-8")
]
"""Only these are imported: some others need a GPU."""


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name), optionflags=OPTIONS)
    assert found.attempted > 0, "no docstring of its own has the example"
    assert found.failed == 0


def test_there_are_examples() -> None:
    assert len(MODULES) >= 7
