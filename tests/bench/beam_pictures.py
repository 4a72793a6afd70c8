"""Contact sheets of (f) to (j): truth, picture and beam of every set, one seed each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import colorcet
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from tests.bench.beam_jobs import TRUE_PROBE, is_among_samples
from tests.bench.beam_sets import BeamScan
from tests.bench.case_files import PREFIX
from tests.bench.rows import Row

TILE_PX = 104
LABEL_PX = 16
SETS_A_LINE = 2
COLOURS = 64
Tile = NDArray[np.floating]

SHEETS: dict[str, Callable[[Row], bool]] = {
    "beams": lambda row: row["part"] == "f",
    "harder": lambda row: row["part"] == "g",
    "samples": lambda row: (
        row["part"] == "h" or (row["part"] == "f" and is_among_samples(row["set"]))
    ),
    "mixed": lambda row: row["part"] == "i",
    "cases": lambda row: row["part"] == "j",
}


def write_all(rows: Sequence[Row], results: Path, folder: Path) -> None:
    """The sheets of those rows whose pictures lie here."""
    folder.mkdir(parents=True, exist_ok=True)
    here = [
        row for row in rows if row["seed"] == 1 and (results / f"{row.get('key')}.npz").exists()
    ]
    for name, belongs in SHEETS.items():
        chosen = sorted(filter(belongs, here), key=lambda row: (row["set"], row["method"]))
        if chosen:
            write_sheet(
                [(label(row), tiles(results / f"{row['key']}.npz")) for row in chosen],
                folder / f"{name}.png",
            )


def label(row: Row) -> str:
    """What is under which picture."""
    reached = f"{row['cpcc']:.4f}, {row['verdict']}"
    if row["set"].startswith(PREFIX):
        return f"{row['set'].removeprefix(PREFIX)}: {reached}"
    scan = BeamScan.named(row["set"])
    parts = [scan.beam, scan.sample]
    parts += [f"{scan.overlap} %"] if scan.overlap != 60 else []
    parts += [f"{scan.views} views"] if scan.views != 144 else []
    parts += [scan.dose] if scan.dose != "1e5" else []
    parts += [f"{scan.states} states"] if scan.states > 1 else []
    parts += ["true probe"] if row["method"] == TRUE_PROBE else []
    return f"{' '.join(parts)}: {reached}"


def tiles(path: Path) -> list[Tile]:
    """Truth, picture and beam, each 0 to 1: phases in the truth's range, the beam's modulus."""
    with np.load(path) as kept:
        truth_YX, picture_YX = kept["truth_YX"], kept["picture_YX"]
        modulus_HW = np.abs(kept["probe_HW"])
    turn = np.exp(-1j * np.angle(truth_YX.mean()))
    phases = [np.angle(wave_YX * turn) for wave_YX in (truth_YX, picture_YX)]
    low, high = np.percentile(phases[0], [1, 99])
    shown = [np.clip((phase - low) / max(high - low, 1e-6), 0, 1) for phase in phases]
    return [*shown, modulus_HW / modulus_HW.max()]


def write_sheet(sets: Sequence[tuple[str, list[Tile]]], path: Path) -> None:
    """Three tiles a set, two sets a line, each under its label."""
    lines = -(-len(sets) // SETS_A_LINE)
    of_set_px = 3 * TILE_PX + 8
    whole = Image.new("RGB", (SETS_A_LINE * of_set_px, lines * (TILE_PX + LABEL_PX)), "white")
    draw = ImageDraw.Draw(whole)
    palette = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colorcet.bgy])
    for place, (text, shown) in enumerate(sets):
        x, y = place % SETS_A_LINE * of_set_px, place // SETS_A_LINE * (TILE_PX + LABEL_PX)
        draw.text((x + 2, y + 2), text, "black", ImageFont.load_default(10))
        for column, level in enumerate(shown):
            colours = palette[np.rint(level * (len(palette) - 1)).astype(int)].astype(np.uint8)
            height, width = (
                max(1, (TILE_PX - 2) * size // max(level.shape)) for size in level.shape
            )
            tile = Image.fromarray(colours).resize((width, height), Image.Resampling.BOX)
            whole.paste(tile, (x + column * TILE_PX, y + LABEL_PX))
    whole.quantize(COLOURS).save(path, optimize=True)
