"""The blocking clients are those that the asyncio ones make."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ROOT / "service" / "exitwave"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    script = ROOT / "deploy" / "make_sync.py"
    subprocess.run([sys.executable, script, folder], check=True, timeout=60)
    return folder


@pytest.mark.parametrize("client", ["client", "ledger"])
def test_what_is_checked_in_is_up_to_date(client: str, made: Path) -> None:
    fresh, checked_in = (
        {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}
        for folder in (made / client / "sync", PACKAGES / client / "sync")
    )
    assert checked_in.pop("__init__.py")
    assert fresh == checked_in, "run `make sync`"
    assert len(fresh) == 2


@pytest.mark.parametrize("client", ["client", "ledger"])
def test_nothing_that_is_made_awaits(client: str, made: Path) -> None:
    for path in (made / client / "sync").glob("*.py"):
        code = path.read_text(encoding="utf-8").lower()
        assert "await" not in code
        assert "async" not in code
