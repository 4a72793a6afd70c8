"""The data directory of `up`: who holds it, its keys, and the settings of its processes.

::

    lock  api.key  service.yaml  valkey/  tiled/  scans/  spool/  logs/
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from pydantic import SecretStr

from exitwave.filesystem.atomic import write_private_text
from exitwave.schema.errors import UsageError
from exitwave.settings.connection import KEY_VARIABLE
from exitwave.settings.service import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Layout:
    """Names in a data directory that this process holds until it ends."""

    root: Path
    lock: int

    @property
    def key_file(self) -> Path:
        """The API's access key."""
        return self.root / "api.key"

    @property
    def config_file(self) -> Path:
        """The settings of the running processes, Tiled's key among them."""
        return self.root / "service.yaml"

    @property
    def valkey(self) -> Path:
        """Append-only file, configuration and socket of the queue's server."""
        return self.root / "valkey"

    def log(self, name: str) -> Path:
        """Log of the process of that name."""
        return self.root / "logs" / f"{name}.log"

    def release(self) -> None:
        """Let another `up` have the directory."""
        os.close(self.lock)


def claim_data_dir(root: Path) -> Layout:
    """Create the directory where it is missing, and lock it.

    Raises
    ------
    UsageError
        It cannot be written, or another `up` holds it.
    """
    root = root.expanduser().absolute()
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        (root / "logs").mkdir(mode=0o700, exist_ok=True)
        lock = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UsageError(
            f"data directory: found {root} ({error.strerror}); expected a folder that can be "
            "written; choose another with --data-dir"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise UsageError(
            f"data directory: found {root} in use by another `exitwave up`; stop that one or "
            "choose another with --data-dir"
        ) from None
    return Layout(root, lock)


def require_free_port(host: str, port: int) -> None:
    """Raise `UsageError` if someone listens there already."""
    if not _is_free(host, port):
        raise UsageError(
            f"port: found {port} in use on {host}; expected a free one; choose another with "
            "--port"
        )


def prepare_settings(layout: Layout, port: int | None, ledger_uri: str) -> Settings:
    """Settle and write down what the processes of this directory are told.

    Keys are made at the first start and kept. Tiled keeps its port while that is free.
    Everything else comes from environment and ``EXITWAVE_CONFIG``, as always.
    """
    given = load_settings()
    before = _read(layout.config_file).get("tiled", {})
    api = given.api.model_copy(
        update={"port": port or given.api.port, "key_file": layout.key_file}
    )
    tiled = given.tiled.model_copy(
        update={
            "uri": _loopback(before.get("uri")),
            "api_key": SecretStr(before.get("api_key") or secrets.token_hex(32)),
        }
    )
    ledger = given.ledger.model_copy(update={"uri": SecretStr(ledger_uri)})
    settings = given.model_copy(
        update={"data_dir": layout.root, "api": api, "tiled": tiled, "ledger": ledger}
    )
    if not layout.key_file.is_file():
        write_private_text(layout.key_file, secrets.token_urlsafe(32) + "\n")
    values = settings.model_dump(mode="json")
    values["ledger"]["uri"] = settings.ledger.uri.get_secret_value()
    values["tiled"]["api_key"] = settings.tiled.api_key.get_secret_value()
    write_private_text(layout.config_file, yaml.safe_dump(values, sort_keys=False))
    return settings


def access_key(layout: Layout) -> str:
    """The key the API will ask for: the environment's, else the directory's."""
    return os.environ.get(KEY_VARIABLE) or layout.key_file.read_text(encoding="utf-8").strip()


def api_url(settings: Settings) -> str:
    """Address of the API for someone on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.api.host, settings.api.host)
    scheme = "http" if settings.api.tls_certificate is None else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.api.port}"


def child_environment() -> dict[str, str]:
    """The environment without what the written settings already say, and without Tiled's."""
    dropped = ("EXITWAVE__", "EXITWAVE_CONFIG", "EXITWAVE_URL", "TILED_")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def _loopback(before: str | None) -> str:
    if before and (port := urlsplit(before).port) and _is_free("127.0.0.1", port):
        return before
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    return values if isinstance(values, dict) else {}
