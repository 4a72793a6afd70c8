"""Where a download goes; it appears under its name only once it is whole."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import httpx


def target_path(path: str | Path | None, response: httpx.Response) -> Path:
    """Where to put a download: `path`, or the service's file name in it or in this folder."""
    named = re.search(r'filename="([^"]+)"', response.headers.get("Content-Disposition", ""))
    # Only the last part: a service must not choose the folder.
    name = Path(named.group(1)).name if named else "result"
    if path is None:
        return Path(name)
    return Path(path) / name if Path(path).is_dir() else Path(path)


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name only once it is whole."""
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
