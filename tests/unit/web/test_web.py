"""The dashboard's page, figures and files, as a browser gets them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from exitwave.files.colours import rgb_palette
from exitwave.files.display import COLOUR_MAPS
from exitwave.schema import job, verdict
from exitwave.schema.result import FRAME_PLANES
from exitwave.web import add_dashboard
from exitwave.web.figures import PictureFigure
from exitwave.web.panels import PANELS, Panel
from exitwave.web.routes import STATIC

FILES = sorted(str(path.relative_to(STATIC)) for path in STATIC.rglob("*") if path.is_file())
SCHEMA = (job, verdict)


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
    folder = (STATIC / name).parent
    for imported in re.findall(r'(?:from |import\()"(\.[^"]+)"', text):
        assert (folder / imported).is_file(), imported
    assert len(text.splitlines()) < 200


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_the_table_of_panels_is_small_and_complete(
    browser: httpx.AsyncClient, theme: str
) -> None:
    answer = await browser.get(f"/assets/panels.json?theme={theme}")
    assert len(answer.content) < 100_000
    made = answer.json()
    assert [entry["name"] for entry in made["panels"]] == [panel.name for panel in PANELS]
    drawn = [panel for panel in PANELS if panel.figure is not None]
    (item,) = made["render_items"]
    assert sorted(item["roots"].values()) == sorted(f"figure-{panel.name}" for panel in drawn)
    for panel in drawn:
        parts = ("source", "mapper") if isinstance(panel.figure, PictureFigure) else ("source",)
        for name in (panel.name, *(f"{panel.name}:{part}" for part in parts)):
            assert f'"name":"{name}"' in answer.text
    assert (await browser.get("/assets/panels.json?theme=pink")).status_code == 422


def test_entries_of_the_table_agree_with_each_other_and_with_the_modules() -> None:
    above: dict[str, Panel] = {}
    for panel in PANELS:
        assert re.fullmatch("[a-z0-9_]+", panel.name) and panel.name not in above
        if panel.beside is not None:
            assert above[panel.beside].column == panel.column
        if isinstance(panel.figure, PictureFigure):
            assert panel.plane in COLOUR_MAPS
            leader = panel.figure.moves_with
            assert leader is None or isinstance(above[leader].figure, PictureFigure)
        above[panel.name] = panel
    modules = {path.stem for path in (STATIC / "panels").iterdir()}
    assert {panel.module for panel in PANELS} == modules
    for module in modules:
        text = (STATIC / "panels" / f"{module}.js").read_text()
        assert text.count("export default class") == 1
    assert {panel.plane for panel in PANELS} == set(FRAME_PLANES)


async def test_the_page_gets_the_colours_of_the_files(browser: httpx.AsyncClient) -> None:
    made = (await browser.get("/assets/panels.json")).json()
    palettes = made["palettes"]
    assert {entry["colour_map"] for entry in made["panels"]} - {None} <= palettes.keys()
    assert "cyclic" in palettes, "of an object phase that wraps"
    for name, colours in palettes.items():
        assert len(colours) == 256
        assert [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours] == (
            rgb_palette(name).tolist()
        )


def test_cyclic_colours_close_and_others_brighten() -> None:
    cyclic = rgb_palette("cyclic").astype(int)
    assert np.abs(cyclic[0] - cyclic[-1]).max() < 12
    grey = rgb_palette("amplitude").sum(axis=1).tolist()
    assert grey == sorted(grey)


def test_the_records_that_the_page_reads_are_those_of_the_schema() -> None:
    blocks = re.findall(
        r"@typedef \{object\} (\w+)\n(.*?)\*/", (STATIC / "records.js").read_text(), re.DOTALL
    )
    assert len(blocks) > 10
    for name, text in blocks:
        model = next(getattr(module, name) for module in SCHEMA if hasattr(module, name))
        names = re.findall(r"@property \{.*\} (\w+)$", text, re.MULTILINE)
        assert names and set(names) <= model.model_fields.keys(), name
