"""Files that are whole or not there, and the directories they lie in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exitwave.filesystem import atomic
from exitwave.filesystem.atomic import atomic_file, atomic_path, write_private_text
from exitwave.filesystem.directories import data_directory, state_directory


def test_the_file_before_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.write_bytes(b"before")
    with atomic_file(path) as file:
        file.write(b"after")
        file.flush()
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_file_before_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.write_bytes(b"before")
    with pytest.raises(ZeroDivisionError), atomic_file(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_fails_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(OSError, match="space"), atomic_path(tmp_path / "one") as part:
        part.write_bytes(b"all of it")
    assert list(tmp_path.iterdir()) == []


def test_file_and_folder_are_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(atomic.os, "fsync", fsync)
    with atomic_file(tmp_path / "one") as file:
        file.write(b"all of it")
    assert synced == [tmp_path / f"one.{os.getpid()}.part", tmp_path]


def test_a_private_text_is_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_private_text(path, "geheim ü\n")
    assert path.read_text(encoding="utf-8") == "geheim ü\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_directories_are_the_user_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert data_directory() == tmp_path / ".local" / "share" / "exitwave"
    assert state_directory() == tmp_path / ".local" / "state" / "exitwave"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert data_directory() == tmp_path / "data" / "exitwave"
    assert state_directory() == tmp_path / "state" / "exitwave"
