"""The dashboard's page, figures and files, as a browser gets them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from exitwave.web import add_dashboard
from exitwave.web.colours import tables
from exitwave.web.figures import PICTURES, figures_json
from exitwave.web.routes import STATIC

FILES = sorted(path.name for path in STATIC.iterdir())


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    add_dashboard(app)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        yield client


async def test_page_may_only_load_from_its_own_host(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/")
    policy = dict(
        part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'self'"
    assert "script-src" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_everything_the_page_names_is_there(browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/")).text
    names = re.findall(r'(?:src|href)="(/[^"]+)"', page)
    assert {"/static/app.css", "/static/main.js", "/bokeh/js/bokeh.min.js"} <= set(names)
    for name in names:
        assert (await browser.get(name)).status_code == 200, name


@pytest.mark.parametrize("name", FILES)
def test_files_name_no_other_host(name: str) -> None:
    text = (STATIC / name).read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"\b(https?|wss?)://(?!\$)", text)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_modules_import_what_exists_and_stay_short(name: str) -> None:
    text = (STATIC / name).read_text()
    for imported in re.findall(r'from "\./([^"]+)"', text):
        assert imported in FILES
    assert len(text.splitlines()) < 200


async def test_figures_fit_into_the_page(browser: httpx.AsyncClient) -> None:
    page = Path(STATIC / "index.html").read_text()
    item = (await browser.get("/assets/figures.json?theme=light")).json()["render_items"][0]
    assert set(item["roots"].values()) == {f"figure-{name}" for name in (*PICTURES, "loss")}
    for place in item["roots"].values():
        assert f'id="{place}"' in page
    assert (await browser.get("/assets/figures.json?theme=pink")).status_code == 422


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_figures_are_small_and_name_what_the_page_looks_up(theme: str) -> None:
    text = json.dumps(figures_json(theme))
    assert len(text) < 100_000
    for plane in PICTURES:
        for name in (plane, f"{plane}:source", f"{plane}:mapper"):
            assert f'"name": "{name}"' in text
    assert '"name": "loss:source"' in text


async def test_colour_tables_have_256_levels(browser: httpx.AsyncClient) -> None:
    answer = (await browser.get("/assets/colours.json")).json()
    assert answer == tables()
    for colours in answer.values():
        assert len(colours) == 256
        assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)


def test_cyclic_colours_close_and_others_brighten() -> None:
    def channels(colour: str) -> list[int]:
        return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]

    first, last = (channels(tables()["cyclic"][index]) for index in (0, -1))
    assert max(abs(a - b) for a, b in zip(first, last, strict=True)) < 12
    grey = [sum(channels(colour)) for colour in tables()["amplitude"]]
    assert grey == sorted(grey)
