"""How a client finds the service: arguments, environment, or what `up` left behind.

Light: the base install uses it, too.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from exitwave.filesystem.atomic import atomic_file
from exitwave.filesystem.directories import state_directory
from exitwave.schema.errors import UsageError

URL_VARIABLE = "EXITWAVE_URL"
KEY_VARIABLE = "EXITWAVE_API_KEY"


@dataclass(frozen=True, slots=True)
class Connection:
    """Address of the API and the key to use. `repr` hides the key."""

    url: str
    api_key: str

    def __repr__(self) -> str:
        return f"Connection(url={self.url!r}, api_key='…')"


def connection_file() -> Path:
    """Where `up` leaves the address and the place of the key for other shells."""
    return state_directory() / "connection.json"


def save_connection(url: str, key_file: Path, config_file: Path) -> Path:
    """Leave the address and the places of key and settings (never the key) for other shells."""
    path = connection_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    saved = {"url": url, "key_file": str(key_file), "config_file": str(config_file)}
    with atomic_file(path) as file:
        file.write(json.dumps(saved).encode())
    return path


def local_config_file() -> Path | None:
    """Settings file of the last `up` on this machine, if it is still there."""
    saved = _saved_connection()
    if saved is None:
        return None
    config = Path(saved["config_file"])
    return config if config.is_file() else None


def find_connection(url: str | None = None, api_key: str | None = None) -> Connection:
    """Arguments first, then ``EXITWAVE_URL`` and ``EXITWAVE_API_KEY``, then the last `up`.

    Raises
    ------
    UsageError
        No address or no key can be found, or one cannot be used; the message says where
        they are looked for.
    """
    url = url or os.environ.get(URL_VARIABLE)
    api_key = api_key or os.environ.get(KEY_VARIABLE)
    if not url or not api_key:
        saved = _saved_connection() or {}
        url = url or saved.get("url")
        if not api_key and saved and url == saved["url"]:
            api_key = _read_key(Path(saved["key_file"]))
    if not url:
        raise UsageError(
            f"no service address: start `exitwave up` on this machine, set {URL_VARIABLE}, "
            "or give --url"
        )
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"service address: found {url!r}; expected http://… or https://…")
    if not api_key:
        raise UsageError(f"no access key for {url}: set {KEY_VARIABLE}")
    api_key = api_key.strip()
    if not api_key.isascii() or not api_key.isprintable():
        raise UsageError(f"access key for {url}: found characters that no key has")
    return Connection(url.rstrip("/"), api_key)


def _saved_connection() -> dict[str, str] | None:
    path = connection_file()
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        return {name: str(saved[name]) for name in ("url", "key_file", "config_file")}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"{path}: found something that `exitwave up` did not write; expected its address "
            "and files (remove it, or start `exitwave up` again)"
        ) from None


def _read_key(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: the access key cannot be read ({error})") from None
