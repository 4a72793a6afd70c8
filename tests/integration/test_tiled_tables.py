"""The embedded Tiled while many read its tables and one writes them."""

from __future__ import annotations

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pyarrow
import pytest
from tests.support.stack import TiledServer
from tiled.client.container import Container

from exitwave.settings.service import Settings
from exitwave.simulated_beamline.play import open_raw

TOGETHER, READS, WRITES = 12, 120, 6
SCHEMA = pyarrow.schema([("angle", pyarrow.float64())])


@pytest.fixture
def folder(tiled_server: TiledServer) -> Container:
    raw = open_raw(Settings(tiled=tiled_server.settings))
    return raw.create_container(f"tables-{uuid.uuid4()}")


def test_every_reader_of_a_table_gets_what_is_there(
    folder: Container, tiled_server: TiledServer
) -> None:
    rows = pyarrow.table({"angle": [12.5, 12.6]}, schema=SCHEMA)
    read, written = (
        folder.create_appendable_table(SCHEMA, key=key) for key in ("read", "written")
    )
    read.append_partition(0, rows)
    path = f"/api/v1/table/full/raw/{folder.item['id']}/read"
    only = {"column": "angle", "format": "application/json"}
    headers = {"Authorization": f"Apikey {tiled_server.api_key}"}
    with (
        httpx.Client(base_url=tiled_server.uri, headers=headers, timeout=60) as http,
        ThreadPoolExecutor(TOGETHER) as pool,
    ):
        answers = [pool.submit(http.get, path, params=only) for _ in range(READS)]
        for _ in range(WRITES):
            written.append_partition(0, rows)
        found = Counter(f"{each.result().status_code} {each.result().text}" for each in answers)
    assert found == {'200 {"angle":[12.5,12.6]}': READS}
    assert len(written.read()) == WRITES * len(rows)
