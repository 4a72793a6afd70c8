"""Streams of a real Tiled server, as the trigger and the relay hear them."""

from __future__ import annotations

import threading
import uuid
from queue import Queue

import numpy as np
import pytest
from tests.support.stack import TiledServer, wait_until
from tiled.client import from_uri

from exitwave.schema.errors import TiledUnavailable
from exitwave.settings.service import TiledSettings
from exitwave.tiled_http import (
    AsyncTiledReader,
    ChildUpdate,
    TiledReader,
    check_health,
    health_status,
)


def test_a_childs_new_metadata_are_heard(tiled_server: TiledServer) -> None:
    raw = from_uri(tiled_server.uri, api_key=tiled_server.api_key)["raw"]
    heard: Queue[ChildUpdate] = Queue()

    def listen() -> None:
        heard.put(next(TiledReader(tiled_server.settings).child_updates("raw")))

    listener = threading.Thread(target=listen)
    listener.start()
    key = uuid.uuid4().hex
    run = raw.create_container(key, metadata={"start": {"uid": key}})

    def told() -> bool:  # again, until the stream is open
        run.update_metadata({"stop": {"time": 1.5, "run_start": key}})
        return not heard.empty()

    wait_until(told, "a message")
    listener.join()
    update = heard.get()
    assert update.key == key
    assert update.metadata["stop"] == {"time": 1.5, "run_start": key}


def test_a_stream_of_no_node_or_of_no_server_is_an_error(tiled_server: TiledServer) -> None:
    with pytest.raises(TiledUnavailable, match=r"Tiled stream nothing/here: .*404"):
        next(TiledReader(tiled_server.settings).child_updates("nothing/here"))
    nowhere = TiledReader(TiledSettings(uri="http://127.0.0.1:9"))
    with pytest.raises(TiledUnavailable, match="Tiled stream raw: "):
        next(nowhere.child_updates("raw"))


async def test_writes_to_an_array_are_heard_and_replayed(tiled_server: TiledServer) -> None:
    root = from_uri(tiled_server.uri, api_key=tiled_server.api_key)["ptycho"]
    array = root.write_array(np.zeros(3), key=uuid.uuid4().hex)
    array.write(np.ones(3))
    path = f"ptycho/{array.item['id']}"
    reader = AsyncTiledReader(tiled_server.settings)
    try:
        async with reader.updates(f"{path}-not") as updates:
            assert updates is None
        async with reader.updates(path, since=1) as updates:
            assert updates is not None
            heard = [await anext(updates) for _ in range(2)]
    finally:
        await reader.close()
    assert [update.sequence for update in heard] == [1, 2]
    assert heard[1].values.tolist() == [1.0, 1.0, 1.0]


async def test_whether_it_is_well(tiled_server: TiledServer) -> None:
    check_health(tiled_server.uri, timeout_s=10.0)
    assert await health_status(f"{tiled_server.uri}/", timeout_s=10.0) == 200
    assert await health_status("http://127.0.0.1:9", timeout_s=1.0) is None
    with pytest.raises(TiledUnavailable, match=r"127\.0\.0\.1:9 does not answer"):
        check_health("http://127.0.0.1:9", timeout_s=1.0)
