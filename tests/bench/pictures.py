"""Phases side by side in one range of colours, as small PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import colorcet
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from tests.bench import score
from tests.bench.rows import Row
from tests.bench.sets import STAR_FILE, Sets
from tests.bench.tables import PICTURED

from exitwave.files.scan_formats import read_measurement
from exitwave.quality import align, rectangle_of_centres

TILE_PX = 220
LABEL_PX = 34
COLUMNS = 4
Picture = NDArray[np.complex64]


def write_all(rows: Sequence[Row], results: Path, sets: Sets, folder: Path) -> None:
    """The pictures that the page shows, of those rows whose objects lie here."""
    folder.mkdir(parents=True, exist_ok=True)
    here = [row for row in rows if (results / f"{row.get('key')}.npz").exists()]
    here = [row for row in here if row["status"] == "ok"]
    for name in PICTURED:
        part = "b" if name.startswith("o") else "c"
        of_set = [row for row in here if row["part"] == part and row["set"] == name]
        if of_set:
            best_first = sorted(of_set, key=lambda row: -row["cpcc"])
            write_beside_truth(best_first, results, sets, folder / f"{name}.png")
    quarter = [
        row
        for row in here
        if row["part"] == "a" and row["set"].startswith("o25") and row["seed"] == 1
    ]
    if quarter:
        write_beside_truth(quarter, results, sets, folder / "default-25.png", one_truth=True)
    stars = [row for row in here if row["set"] == "star"]
    if stars:
        write_star(stars, results, folder / "star.png")


def write_beside_truth(
    rows: Sequence[Row], results: Path, sets: Sets, path: Path, *, one_truth: bool = False
) -> None:
    """Aligned pictures after the truth they are compared with."""
    tiles: list[tuple[str, Picture]] = []
    for row in rows:
        truth = score.truth_of(sets.get(row["set"]).scan)
        if truth is None:
            continue
        object_YX = np.load(results / f"{row['key']}.npz")["object_YX"]
        aligned = align(object_YX, truth.object_YX, truth.region)
        if not tiles:
            tiles.append(("truth", aligned.reference))
        name = row["set"] if one_truth else row["method"]
        tiles.append((f"{name}\n{row['cpcc']:.4f}", aligned.picture))
    # Turned so that the truth lies around zero: few phases then wrap.
    turn = np.exp(-1j * np.angle(np.exp(1j * np.angle(tiles[0][1])).mean()))
    phases = [(label, np.angle(picture * turn)) for label, picture in tiles]
    low, high = np.percentile(phases[0][1], [1, 99])
    sheet(phases, float(low), float(high), path)


def write_star(rows: Sequence[Row], results: Path, path: Path) -> None:
    """The star's phase by each method, aligned to the first of them."""
    star = read_measurement(STAR_FILE)
    side_px = star.counts_nHW.shape[-1]
    pixel_size_m = star.geometry.pixel_size_m(side_px)
    places = (star.positions_m - star.positions_m.min(axis=0)) / pixel_size_m + 8
    region = rectangle_of_centres(places, (side_px, side_px))
    objects = [np.load(results / f"{row['key']}.npz")["object_YX"] for row in rows]
    first = next((i for i, row in enumerate(rows) if "exitwave" in row["method"]), 0)
    moved = [align(picture, objects[first], region).picture for picture in objects]
    phases = [np.angle(picture * np.exp(-1j * np.angle(picture.mean()))) for picture in moved]
    low, high = np.percentile(phases[first], [1, 99])
    labels = [f"{row['method']}\nheld out {row['held_out_poisson']:.4f}" for row in rows]
    sheet(list(zip(labels, phases, strict=True)), float(low), float(high), path)


def sheet(
    tiles: Sequence[tuple[str, NDArray[np.floating]]], low: float, high: float, path: Path
) -> None:
    """Tiles in rows of four, each under its label."""
    columns = min(COLUMNS, len(tiles))
    lines = -(-len(tiles) // columns)
    whole = Image.new("RGB", (columns * TILE_PX, lines * (TILE_PX + LABEL_PX)), "white")
    draw = ImageDraw.Draw(whole)
    palette = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colorcet.bgy])
    for place, (label, phase) in enumerate(tiles):
        x, y = place % columns * TILE_PX, place // columns * (TILE_PX + LABEL_PX)
        level = np.clip((phase - low) / (high - low), 0, 1)
        colours = palette[np.rint(level * (len(palette) - 1)).astype(int)].astype(np.uint8)
        tile = Image.fromarray(colours).resize((TILE_PX - 4, TILE_PX - 4), Image.Resampling.BOX)
        whole.paste(tile, (x + 2, y + LABEL_PX))
        draw.multiline_text((x + 4, y + 3), label, "black", ImageFont.load_default(11))
    whole.quantize(128).save(path, optimize=True)
