"""Tiled's endpoints stand in one package only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = sorted(
    path
    for folder in ("service/exitwave", "workers/exitwave")
    for path in (ROOT / folder).rglob("*.py")
)
ENDPOINT = re.compile(
    r"(^|/)(metadata|search)/"
    r"|(^|/)(array|table|container|node)/(full|block|partition)\b"
    r"|stream/single|healthz|envelope_format"
)
LIBRARIES = {"msgpack", "websockets"}
"""Only Tiled's streams need them."""


def texts(tree: ast.Module) -> Iterator[str]:
    """All strings and parts of f-strings but docstrings."""
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in documentation:
            yield str(node.value)


def imports(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
    return found


def test_no_other_package_knows_them() -> None:
    known, elsewhere = 0, []
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = [text for text in texts(tree) if ENDPOINT.search(text)]
        found += sorted(imports(tree) & LIBRARIES)
        if path.parent.name == "tiled_http":
            known += len(found)
        else:
            elsewhere += [f"{path.relative_to(ROOT)}: {text!r}" for text in found]
    assert elsewhere == []
    assert known > 5, "the pattern finds those of the package itself"


@pytest.mark.parametrize(
    "text",
    [
        "/api/v1/metadata/raw",
        "metadata/",
        "/search/raw",
        "/array/full/a",
        "array/block/a",
        "table/partition/a",
        "ws://there/stream/single/a",
    ],
)
def test_the_pattern_knows_an_endpoint(text: str) -> None:
    assert ENDPOINT.search(text)
