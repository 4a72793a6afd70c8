"""The embedded Tiled server: one process, its own loopback port, at the root path."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from exitwave.schema.errors import UsageError
from exitwave.settings.service import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

STREAM_CACHE = {
    "uri": "memory",
    "maxsize": 128,  # payloads kept over all nodes; a live picture is up to 1 MB
    "data_ttl": 120,  # seconds a late subscriber can go back
    "seq_ttl": 30 * 24 * 3600,
}
SCANS_FOLDER = "scans"
"""Folder in the data directory from which Tiled serves detector files."""


def serve_tiled(settings: Settings) -> None:
    """Serve Tiled at ``settings.tiled.uri`` until a signal ends it.

    Raises
    ------
    UsageError
        There is no data directory, no key, or the address has no port.
    """
    import uvicorn

    address = urlsplit(settings.tiled.uri)
    if address.hostname is None or address.port is None or address.path.strip("/"):
        raise UsageError(
            f"setting tiled.uri: found {settings.tiled.uri}; expected http://HOST:PORT"
        )
    uvicorn.run(
        build_tiled(settings),
        host=address.hostname,
        port=address.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )


def build_tiled(settings: Settings) -> FastAPI:
    """Tiled's own application over the catalogue in the data directory."""
    from bluesky_tiled_plugins.exporters import json_seq_exporter
    from tiled.catalog import from_uri
    from tiled.config import Authentication
    from tiled.media_type_registration import default_serialization_registry
    from tiled.server.app import build_app

    key = settings.tiled.api_key.get_secret_value()
    if settings.data_dir is None or not key:
        raise UsageError("tiled: expected the settings data_dir and tiled.api_key to be set")
    folder = settings.data_dir / "tiled"
    scans = settings.data_dir / SCANS_FOLDER
    for directory in (folder / "data", scans):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    catalogue = f"sqlite:///{folder / 'catalog.db'}"
    bring_schema_up_to_date(catalogue)
    earlier = folder / "tables.duckdb"
    tree = from_uri(
        catalogue,
        writable_storage=[str(folder / "data"), tables_storage(folder / "tables.db")],
        readable_storage=[str(scans), *([f"duckdb:///{earlier}"] if earlier.exists() else [])],
        cache_config=dict(STREAM_CACHE),
    )
    tree.startup_tasks.append(
        partial(create_containers, tree, settings.tiled.raw, settings.tiled.results)
    )
    # Bluesky's run clients replay a run's documents from this.
    default_serialization_registry.register(
        "BlueskyRun", "application/json-seq", json_seq_exporter
    )
    app: FastAPI = build_app(
        tree,
        authentication=Authentication(single_user_api_key=key, allow_anonymous_access=False),
    )
    return app


def tables_storage(file: Path) -> str:
    """URI of the database of tables, made where it is missing.

    Tiled's threads would share one connection to a DuckDB, which then gives some of them
    nothing or ends the process. SQLite's write-ahead log lets them read while one writes.
    """
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode=WAL")
    return f"sqlite:///{file}"


def bring_schema_up_to_date(catalogue: str) -> None:
    """Create or upgrade the catalogue's tables in this process.

    Tiled's own ``init_if_not_exists`` starts a second interpreter for it, which takes seconds.
    """
    from sqlalchemy.ext.asyncio import create_async_engine
    from tiled.alembic_utils import (
        DatabaseUpgradeNeeded,
        UninitializedDatabase,
        check_database,
        stamp_head,
        upgrade,
    )
    from tiled.catalog.alembic_constants import ALEMBIC_DIR, ALEMBIC_INI_TEMPLATE_PATH
    from tiled.catalog.core import ALL_REVISIONS, REQUIRED_REVISION, initialize_database
    from tiled.utils import ensure_specified_sql_driver

    uri = ensure_specified_sql_driver(catalogue)
    template = Path(ALEMBIC_INI_TEMPLATE_PATH)

    async def check() -> str:
        engine = create_async_engine(uri)
        try:
            await check_database(engine, REQUIRED_REVISION, ALL_REVISIONS)
        except UninitializedDatabase:
            await initialize_database(engine)
            return "created"
        except DatabaseUpgradeNeeded:
            return "old"
        finally:
            await engine.dispose()
        return "current"

    match asyncio.run(check()):
        case "created":
            stamp_head(template, ALEMBIC_DIR, uri)
        case "old":
            upgrade(template, ALEMBIC_DIR, uri, "head")


async def create_containers(tree: Any, raw: str, results: str) -> None:
    """Make the containers of runs and of results, where they are missing."""
    from tiled.catalog.adapter import Collision
    from tiled.structures.core import Spec, StructureFamily

    for key, specs in ((raw, [Spec("CatalogOfBlueskyRuns", version="3.0")]), (results, [])):
        try:
            await tree.create_node(
                structure_family=StructureFamily.container, metadata={}, key=key, specs=specs
            )
        except Collision:
            continue
