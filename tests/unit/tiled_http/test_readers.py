"""What both clients make of a server's answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from exitwave.schema.errors import DataError, ExitwaveError, TiledUnavailable
from exitwave.settings.service import TiledSettings
from exitwave.tiled_http import (
    AsyncTiledReader,
    RetryPolicy,
    TiledReader,
    begins_with,
    equals,
    greater,
)
from exitwave.tiled_http.queries import PAGE, stream_url

KEY = "s" * 32
SETTINGS = TiledSettings.model_validate({"uri": "http://tiled.example/", "api_key": KEY})
PATIENT = RetryPolicy(
    timeout_s=1.0, connect_timeout_s=1.0, metadata_attempts=3, data_attempts=3
)
ATTRIBUTES: dict[str, Any] = {
    "metadata": {"bin": 2},
    "structure": {
        "shape": [2, 3],
        "data_type": {"kind": "f", "itemsize": 8, "endianness": "little"},
    },
}
VALUES = np.arange(6, dtype="<f8").reshape(2, 3)

Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(params=["threads", "event loop"])
def node(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Asks one of the clients for the metadata of node ``a/b``, given a server's answers."""

    def ask(answer: Answer) -> Any:
        transport = httpx.MockTransport(answer)
        if request.param == "threads":
            reader = TiledReader(SETTINGS, PATIENT)
            monkeypatch.setattr(reader._http, "_transport", transport)
            found = reader.node("a/b")
            return None if found is None else found["metadata"]
        looping = AsyncTiledReader(SETTINGS, PATIENT)
        monkeypatch.setattr(looping._http, "_transport", transport)
        return asyncio.run(looping.metadata("a/b"))

    return ask


def refusal(node: Any, answer: Answer) -> ExitwaveError:
    with pytest.raises(ExitwaveError) as caught:
        node(answer)
    assert KEY not in str(caught.value)
    return caught.value


def test_both_ask_with_the_key_and_below_the_address(node: Any) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"data": {"attributes": ATTRIBUTES}})

    assert node(answer) == {"bin": 2}
    (request,) = seen
    assert str(request.url) == "http://tiled.example/api/v1/metadata/a/b"
    assert request.headers["authorization"] == f"Apikey {KEY}"


def test_a_node_that_is_not_there_is_none(node: Any) -> None:
    assert node(lambda request: httpx.Response(404)) is None


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_named_by_its_setting(node: Any, status: int) -> None:
    error = refusal(node, lambda request: httpx.Response(status))
    assert isinstance(error, TiledUnavailable)
    assert f"refuses the key ({status})" in str(error)
    assert "tiled.api_key" in str(error)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_busy_server_is_asked_again_and_then_away(node: Any, status: int) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status)

    assert f"answers {status}" in str(refusal(node, answer))
    assert len(asked) == PATIENT.metadata_attempts


def test_a_server_that_comes_back_is_heard(node: Any) -> None:
    answers = [
        httpx.Response(502),
        httpx.Response(200, json={"data": {"attributes": ATTRIBUTES}}),
    ]
    assert node(lambda request: answers.pop(0)) == {"bin": 2}


def test_a_server_that_is_away_is_told_even_without_words(node: Any) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("")

    error = refusal(node, answer)
    assert "http://tiled.example does not answer: ReadTimeout" in str(error)


def reader_with(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> TiledReader:
    reader = TiledReader(SETTINGS, PATIENT)
    monkeypatch.setattr(reader._http, "_transport", httpx.MockTransport(answer))
    return reader


def test_data_that_the_server_cannot_read_are_the_datas_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = httpx.Response(500, json={"detail": "truncated"})
    reader = reader_with(lambda request: broken, monkeypatch)
    with pytest.raises(DataError, match=r"a/b: found Tiled cannot read .*\(500\): truncated"):
        reader.slab("a/b", ATTRIBUTES, ())
    with pytest.raises(DataError, match=r"a/b: found Tiled cannot read"):
        reader.column("a/b", "angle")


def test_a_slab_is_what_was_asked_for_or_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.params["slice"] == "1:2"
        assert request.headers["accept"] == "application/octet-stream"
        return httpx.Response(200, content=VALUES[1:].tobytes())

    reader = reader_with(answer, monkeypatch)
    np.testing.assert_array_equal(reader.slab("a", ATTRIBUTES, [(1, 2)]), VALUES[1:])
    short = reader_with(lambda request: httpx.Response(200, content=b"12345678"), monkeypatch)
    with pytest.raises(
        DataError, match=r"a: found 8 bytes; expected float64 of shape \(1, 3\)"
    ):
        short.slab("a", ATTRIBUTES, [(1, 2)])


async def test_an_array_that_has_grown_meanwhile_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grown = np.arange(12, dtype="<f8").reshape(4, 3)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/api/v1/metadata/"):
            return httpx.Response(200, json={"data": {"attributes": ATTRIBUTES}})
        return httpx.Response(200, content=grown.tobytes())

    reader = AsyncTiledReader(SETTINGS)
    monkeypatch.setattr(reader._http, "_transport", httpx.MockTransport(answer))
    stored = await reader.array("live/progress")
    assert stored is not None
    np.testing.assert_array_equal(stored.values, grown)
    assert stored.metadata == {"bin": 2}


def test_all_pages_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"run{number}" for number in range(PAGE + 2)]

    def answer(request: httpx.Request) -> httpx.Response:
        begin = int(request.url.params["page[offset]"])
        page = names[begin : begin + PAGE]
        return httpx.Response(200, json={"data": [{"id": n, "attributes": {}} for n in page]})

    reader = reader_with(answer, monkeypatch)
    assert list(reader.children("raw") or {}) == names
    assert list(reader.matching("raw", greater("stop.time", 1.5)) or {}) == names
    nowhere = reader_with(lambda request: httpx.Response(404), monkeypatch)
    assert nowhere.children("raw") is None
    assert nowhere.newest("raw", equals("start.scan_id", 7), 1) == {}


def test_conditions_are_as_tiled_reads_them() -> None:
    prefix = "filter[comparison][condition]"
    assert greater("stop.time", 1.5) == {
        f"{prefix}[operator]": "gt", f"{prefix}[key]": "stop.time", f"{prefix}[value]": "1.5",
    }  # fmt: skip
    assert equals("start.scan_id", 7)["filter[eq][condition][value]"] == "7"
    assert begins_with("start.uid", "ab")["filter[like][condition][pattern]"] == '"ab%"'


def test_a_stream_is_asked_for_by_websocket() -> None:
    url = stream_url("https://tiled.example/api/v1", "a/b c", since=3)
    assert url == (
        "wss://tiled.example/api/v1/stream/single/a/b%20c?envelope_format=msgpack&start=3"
    )
