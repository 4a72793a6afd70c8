"""The shape of the repository that packaging and imports rely on."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMESPACES = [ROOT / "service" / "exitwave", ROOT / "workers" / "exitwave"]
PACKAGES = sorted(
    path for space in NAMESPACES for path in space.iterdir() if (path / "__init__.py").exists()
)


@pytest.mark.parametrize("space", NAMESPACES, ids=lambda p: p.parent.name)
def test_namespace_roots_hold_packages_only(space: Path) -> None:
    files = [p.name for p in space.iterdir() if p.is_file()]
    assert files == [], "a file here would break the PEP 420 namespace"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_every_package_is_typed(package: Path) -> None:
    assert (package / "py.typed").is_file()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_every_package_stands_in_lint_and_type_checks(package: Path) -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert text.count(f'"exitwave.{package.name}"') >= 2


def test_no_test_module_is_imported_by_another() -> None:
    """What several need stands in `tests/support`, or beside them in a module without tests."""
    found = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(alias.name for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            parts = [part for name in names for part in name.split(".")]
            found += [f"{path.relative_to(ROOT)}: {p}" for p in parts if p.startswith("test_")]
    assert found == []


def imported(statement: str, *watched: str) -> set[str]:
    """Which of `watched` a fresh interpreter has loaded after `statement`."""
    code = f"{statement}\nimport sys\nprint(*[m for m in {watched!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120
    )
    return set(done.stdout.split())


def test_the_base_install_is_light() -> None:
    heavy = ("torch", "tiled", "fastapi", "numpy", "redis", "h5py", "pydantic_settings")
    assert imported("import exitwave.client, exitwave.cli.main", *heavy) == set()


def test_the_api_does_not_load_torch() -> None:
    assert imported("import exitwave.api.app", "torch", "exitwave.engine") == set()


def test_api_and_trigger_do_not_load_tileds_client() -> None:
    modules = "exitwave.api.app, exitwave.scans, exitwave.triggers.process"
    assert imported(f"import {modules}", "tiled") == set()


def test_the_agent_does_not_load_torch() -> None:
    assert imported("import exitwave.worker.agent", "torch") == set()


def test_the_engine_needs_torch_and_numpy_only() -> None:
    others = ("scipy", "h5py", "tiled", "redis", "pydantic", "structlog")
    assert imported("import exitwave.engine", *others) == set()
