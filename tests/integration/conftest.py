"""API processes and scans, one of each per session; a ledger for each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.integration.api_process import Api, nowhere, running_api
from tests.integration.ledger_bench import settings_for
from tests.ledger_client import Ledger
from tests.support.stack import TiledServer

from exitwave.schema.job import ScanRef
from exitwave.settings.service import LedgerSettings, Settings
from exitwave.simulated_beamline.play import PlayedScan, play

if TYPE_CHECKING:
    from tests.integration.worker_bench import Worker


@pytest.fixture(scope="session")
def played(tiled_server: TiledServer) -> PlayedScan:
    settings = Settings(data_dir=tiled_server.data_dir, tiled=tiled_server.settings)
    return play(settings, duration_s=1.0)


@pytest.fixture(scope="session")
def api(
    valkey_uri: str, tiled_server: TiledServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    directory = tmp_path_factory.mktemp("api")
    with running_api(directory, valkey_uri, tiled_server.settings) as started:
        yield started


@pytest.fixture(scope="session")
def api_alone(valkey_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API whose Tiled is away."""
    with running_api(tmp_path_factory.mktemp("api-alone"), valkey_uri, nowhere()) as started:
        yield started


@pytest.fixture
def ledger_settings(valkey_uri: str) -> LedgerSettings:
    return settings_for(valkey_uri)


@pytest.fixture
def ledger(ledger_settings: LedgerSettings) -> Iterator[Ledger]:
    with Ledger(ledger_settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def worker(
    valkey_uri: str, tiled_server: TiledServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worker]:
    """A worker with the real engine and a queue of its own."""
    from tests.integration.worker_bench import working  # loads torch

    patience = {"WORKER__STALL_S": "8", "WORKER__CANCEL_GRACE_S": "4"}
    folder = tmp_path_factory.mktemp("worker")
    with working(tiled_server, valkey_uri, folder, **patience) as one:
        yield one


@pytest.fixture(scope="session")
def scan(tiled_server: TiledServer, tmp_path_factory: pytest.TempPathFactory) -> ScanRef:
    """A simulated scan of 81 patterns that a RunEngine has played into Tiled."""
    from tests.integration.worker_bench import played  # loads torch

    return played(tiled_server, tmp_path_factory.mktemp("scan"))
