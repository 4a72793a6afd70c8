"""Where the client finds service and key, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from exitwave.schema.errors import UsageError
from exitwave.settings.connection import connection_file, find_connection, save_connection


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("EXITWAVE_URL", "EXITWAVE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://here", "8000"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(UsageError, match="expected http://"):
        find_connection(url, "k")


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines"])
def test_a_key_that_no_header_can_hold(key: str) -> None:
    with pytest.raises(UsageError, match="access key") as caught:
        find_connection("http://127.0.0.1:9", key)
    assert key not in str(caught.value)


def test_a_key_may_end_with_a_newline() -> None:
    assert find_connection("http://127.0.0.1:9/", "k\n").api_key == "k"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": "http://127.0.0.1:9"}'])
def test_a_damaged_file_of_up_is_named(text: str) -> None:
    path = connection_file()
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(UsageError, match=str(path)):
        find_connection()
    assert find_connection("http://127.0.0.1:9", "k").api_key == "k", "nobody asked it"


def test_the_key_of_up_is_for_its_own_address_only(tmp_path: Path) -> None:
    key_file = tmp_path / "api.key"
    key_file.write_text("sesame\n")
    save_connection("http://127.0.0.1:9003", key_file, tmp_path / "service.yaml")
    assert find_connection().api_key == "sesame"
    with pytest.raises(UsageError, match="no access key"):
        find_connection("http://elsewhere:9003")
