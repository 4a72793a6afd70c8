"""Fixtures shared by all tests: real servers, one of each per session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.stack import TiledServer, running_tiled, running_valkey


@pytest.fixture(scope="session")
def valkey_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URI of an embedded Valkey. Shared: use a prefix of your own, or flush first."""
    with running_valkey(tmp_path_factory.mktemp("valkey")) as uri:
        yield uri


@pytest.fixture(scope="session")
def tiled_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TiledServer]:
    """A real Tiled with the containers `/raw` and `/ptycho`."""
    with running_tiled(tmp_path_factory.mktemp("tiled")) as server:
        yield server
