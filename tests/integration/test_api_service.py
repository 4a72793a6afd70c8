"""The API as a service: health, clock, outages, start and stop."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from tests.integration.api_process import KEY, Api, nowhere, problem, running_api, take_all
from tests.integration.own_server import OwnServer
from tests.support.stack import answers, wait_until

from exitwave.api.server import run_api
from exitwave.schema.errors import UsageError
from exitwave.settings.service import Settings


def test_workers_and_recipes_are_listed(api_alone: Api) -> None:
    api_alone.ledger.register_worker("w", "cuda:0", "busy", "job")
    workers = api_alone.client.get("/api/v1/workers").json()["workers"]
    (worker,) = (each for each in workers if each["name"] == "w")
    assert (worker["state"], worker["device"], worker["job_id"]) == ("busy", "cuda:0", "job")
    recipes = api_alone.client.get("/api/v1/recipes").json()["recipes"]
    default = next(each for each in recipes if each["name"] == "default")
    assert default["description"]
    assert default["recipe"]["stages"]


def test_health(api: Api, api_alone: Api) -> None:
    assert httpx.get(api.url + "/livez").json() == {"alive": True}
    assert httpx.get(api.url + "/readyz").json() == {"ledger": "ready", "tiled": "ready"}
    found = problem(httpx.get(api_alone.url + "/readyz"), 503, "unavailable")
    assert (found["ledger"], found["tiled"]) == ("ready", "away")


def test_the_page_of_documentation_needs_no_other_host(api: Api) -> None:
    schema = httpx.get(api.url + "/openapi.json").json()
    assert schema["paths"]["/api/v1/jobs"]["post"]["security"] == [{"Apikey": ["write:jobs"]}]
    page = httpx.get(api.url + "/docs")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    links = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert len(links) == 4
    for link in links:
        assert link.startswith("/")
        assert httpx.get(api.url + link).status_code == 200
    assert "://" not in page.text + httpx.get(api.url + "/docs/start.js").text
    assert httpx.get(api.url + "/redoc").status_code == 404


def test_the_api_is_the_clock_that_takes_jobs_from_silent_workers(api_alone: Api) -> None:
    take_all(api_alone)
    job_id = api_alone.submit(scan="7f0c")["id"]
    assert api_alone.ledger.claim("silent", "cpu") is not None

    def back() -> bool:
        state: str = api_alone.client.get(f"/api/v1/jobs/{job_id}").json()["state"]
        return state == "queued"

    wait_until(back, "the job to go back", within_s=30)


def test_the_queue_may_go_and_come_back(tmp_path: Path) -> None:
    (tmp_path / "valkey").mkdir()
    server = OwnServer(tmp_path / "valkey")
    try:
        with running_api(tmp_path, server.uri, nowhere()) as api:
            job = api.submit(scan="kept")
            server.kill()
            for method, path in (
                ("GET", "/api/v1/jobs"),
                ("POST", "/api/v1/jobs"),
                ("GET", "/api/v1/events"),
            ):
                answer = api.client.request(method, path, json={"scan": "7f0c"})
                problem(answer, 503, "ledger-unavailable")
                assert int(answer.headers["retry-after"]) > 0
            assert httpx.get(api.url + "/livez").status_code == 200
            found = problem(httpx.get(api.url + "/readyz"), 503, "unavailable")
            assert found["ledger"] == "away"
            server.start()
            assert api.client.get(f"/api/v1/jobs/{job['id']}").json() == job
            assert len(api.client.get("/api/v1/jobs").json()["jobs"]) == 1
    finally:
        server.kill()


def test_it_stops_while_a_stream_is_open(valkey_uri: str, tmp_path: Path) -> None:
    with (
        running_api(tmp_path, valkey_uri, nowhere()) as api,
        api.client.stream("GET", "/api/v1/events") as stream,
    ):
        assert next(stream.iter_bytes()).startswith(b":")
        # leaving `running_api` asks it to stop and fails if it has to be killed
    assert not answers(f"{api.url}/livez")


def test_it_does_not_start_on_a_queue_that_may_lose_what_it_accepts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = OwnServer(tmp_path, "--appendfsync", "everysec")
    settings = Settings.model_validate({"ledger": {"uri": server.uri}})
    monkeypatch.setenv("EXITWAVE_API_KEY", KEY)
    try:
        with pytest.raises(UsageError, match="appendfsync"):
            run_api(settings)
    finally:
        server.kill()


def test_it_does_not_start_without_a_key_or_a_free_port(
    api_alone: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(api_alone.url.rpartition(":")[2])
    settings = Settings.model_validate({"api": {"port": port}})
    monkeypatch.delenv("EXITWAVE_API_KEY", raising=False)
    with pytest.raises(UsageError, match="EXITWAVE_API_KEY"):
        run_api(settings)
    monkeypatch.setenv("EXITWAVE_API_KEY", KEY)
    with pytest.raises(UsageError, match=str(port)):
        run_api(settings)
