"""Make the blocking clients of service and ledger from the asyncio ones.

Each module of an ``aio`` folder becomes the module of that name in the ``sync`` folder beside
it: without `async` and `await`, and with the names below.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from unasync import Rule, unasync_files

PACKAGES = Path(__file__).parents[1] / "service" / "exitwave"
CLIENTS = ("client", "ledger")
NAMES = {
    # ours
    "AsyncClient": "Client",  # httpx's, too
    "AsyncConnection": "Connection",
    "AsyncReader": "Reader",
    "AsyncServiceClient": "ServiceClient",
    "ServiceLedger": "BlockingServiceLedger",
    "async_connect": "connect",
    "async_run": "run",
    "async_sleep": "sleep",
    # httpx, httpx-sse, redis and contextlib
    "aclose": "close",
    "aclosing": "closing",
    "aconnect_sse": "connect_sse",
    "aiter_bytes": "iter_bytes",
    "aiter_sse": "iter_sse",
    "aread": "read",
}


def make(target: Path) -> None:
    """Write every ``sync`` module under `target`, which is `PACKAGES` or a folder like it."""
    with tempfile.TemporaryDirectory() as folder:
        for client in CLIENTS:
            written = _made(client, Path(folder))
            (target / client / "sync").mkdir(parents=True, exist_ok=True)
            for path in written:
                shutil.copyfile(path, target / client / "sync" / path.name)


def _made(client: str, folder: Path) -> list[Path]:
    sources = [
        path
        for path in sorted((PACKAGES / client / "aio").glob("*.py"))
        if path.name != "__init__.py"
    ]
    copied = folder / client / "aio"
    copied.mkdir(parents=True)
    for path in sources:
        head = f"# Made from aio/{path.name} by `make sync`: change that one.\n"
        (copied / path.name).write_text(head + path.read_text("utf-8"), "utf-8")
    rule = Rule(f"/{client}/aio/", f"/{client}/sync/", NAMES)
    unasync_files([str(copied / path.name) for path in sources], [rule])
    made = [folder / client / "sync" / path.name for path in sources]
    settings = ("--config", str(PACKAGES.parents[1] / "pyproject.toml"))
    for step in (("check", "--select", "I", "--fix", "--quiet"), ("format", "--quiet")):
        subprocess.run([sys.executable, "-m", "ruff", *step, *settings, *made], check=True)
    return made


if __name__ == "__main__":
    make(Path(sys.argv[1]))
