"""Fixtures shared by all tests: real servers, one of each per session."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Generator, Iterator
from typing import Any

import pytest
import structlog
from tests.support.stack import Stack, TiledServer, running_tiled, running_up, running_valkey

# Nothing above loads torch, which reads this once: OpenMP's threads would otherwise spin
# while they wait for each other, and tests that share two cores with servers take far longer.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# httpx reads the certificates of the world's authorities for each new client, for longer than
# a short call takes; all servers here are the tests' own. Such a folder is soon read.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = os.devnull


@pytest.fixture(scope="session")
def closed_tiled_clients() -> Iterator[None]:
    """Close the connections of a Tiled client that nobody holds any more.

    Tiled's nodes share one client, which none of them closes: its sockets would be left to the
    garbage collector, which warns, and a warning fails the test that happens to run then.
    """
    from tiled.client.context import Context

    make = Context.__init__

    def init(self: Context, *args: Any, **options: Any) -> None:
        try:
            make(self, *args, **options)
        finally:
            if "http_client" in vars(self):
                weakref.finalize(self, self.http_client.close)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Context, "__init__", init)
        yield


@pytest.fixture(scope="session")
def valkey_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URI of an embedded Valkey. Shared: use a prefix of your own, or flush first."""
    with running_valkey(tmp_path_factory.mktemp("valkey")) as uri:
        yield uri


@pytest.fixture(scope="session")
def tiled_server(
    tmp_path_factory: pytest.TempPathFactory, closed_tiled_clients: None
) -> Iterator[TiledServer]:
    """A real Tiled with the containers `/raw` and `/ptycho`."""
    with running_tiled(tmp_path_factory.mktemp("tiled")) as server:
        yield server


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, closed_tiled_clients: None
) -> Iterator[Stack]:
    """A real `exitwave up` with a worker, for all tests of the whole way."""
    with running_up(tmp_path_factory.mktemp("up")) as running:
        yield running


@pytest.fixture(autouse=True)
def own_logging() -> None:
    """A command run in this process binds the log to the standard error of its test."""
    structlog.reset_defaults()
    logging.getLogger().handlers.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Show the ends of the service's logs with a failed test that used it."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and stack is not None:
        report.sections.append(("logs of the service", stack.logs()))
    return report
