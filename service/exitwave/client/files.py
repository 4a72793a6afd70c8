"""Where a download goes."""

from __future__ import annotations

import re
from pathlib import Path

import httpx


def target_path(path: str | Path | None, response: httpx.Response) -> Path:
    """Where to put a download: `path`, or the service's file name in it or in this folder."""
    named = re.search(r'filename="([^"]+)"', response.headers.get("Content-Disposition", ""))
    # Only the last part: a service must not choose the folder.
    name = Path(named.group(1)).name if named else "result"
    if path is None:
        return Path(name)
    return Path(path) / name if Path(path).is_dir() else Path(path)
