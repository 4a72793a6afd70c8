"""docs/benchmarks.md, made from the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import mean

import numpy as np
from tests.bench import beam_tables, case_tables, verdict_tables
from tests.bench.beam_jobs import is_among_samples
from tests.bench.cells import ROW_HEADS, mark_of, number, row_cells, table
from tests.bench.changes import changes
from tests.bench.cited import CITED, DEMANDED
from tests.bench.jobs import PEER_SETS
from tests.bench.rows import Row
from tests.bench.sets import DOSES, OVERLAPS, series_of
from tests.bench.timings import size, speed

BEAM_PARTS = frozenset("fghij")
BESIDE_PAPER = ("exitwave epie", "exitwave admm")
SERIES = {
    "o": "",
    "rocket": "Coffee and rocket, astigmatic probe: ",
    "moon": "Moon and chelsea: ",
    "brick": "Brick and grass: ",
}
PICTURED = ("o50-1e3-n1", "o25-1e4-n1", "mll-5800", "mll-385000", "fzp-100000")
"""Sets of (b) and (c) whose phases are shown side by side."""


def page(rows: Sequence[Row]) -> str:
    """The whole page."""
    sections = {
        "f": beam_tables.beams,
        "g": beam_tables.harder,
        "h": beam_tables.samples,
        "i": beam_tables.mixed,
        "j": case_tables.cases,
        "v": verdict_tables.collection,
        "a": _quality,
        "b": _peers,
        "c": _paper,
        "d": _star,
        "e": speed,
        "size": size,
    }
    written = [
        section([row for row in rows if _belongs(row, part)])
        for part, section in sections.items()
    ]
    return "\n\n".join([HEAD.strip(), *filter(None, written), _conditions(rows)]) + "\n"


def _belongs(row: Row, part: str) -> bool:
    """Whether a part shows a row.

    ePIE and ADMM of (b) stand beside the paper's losses, too, `default` from its own start
    beside the peers, and beams of (f) among the samples.
    """
    if part in BEAM_PARTS and row["device"]:
        return False  # on a GPU: among the rows alone
    in_paper = part == "c" and row["method"] in BESIDE_PAPER and row["set"].startswith("o50-")
    with_peers = part == "b" and row["part"] == "a" and row["set"] in PEER_SETS
    sampled = part == "h" and row["part"] == "f" and is_among_samples(row["set"])
    return (
        row["part"] == part
        or in_paper
        or sampled
        or (with_peers and row["seed"] == 1 and not row["device"])
    )


HEAD = """
# Benchmarks

Made by `make bench`; the rows behind the tables are in [benchmarks/](benchmarks/). The sets
are simulated from photographs (15 x 15 views of 64 x 64 pixels, a probe of 36 px) unless a
section says otherwise. What misses a demand is marked.

- *cPCC*: magnitude of the complex Pearson correlation with the truth on the rectangle of the
  view centres, after shift, phase ramp and factor are removed. *Grid*: share of the error's
  spectral power on the raster's reciprocal lattice.
- *to 0.95, to 0.97*: epochs and seconds, set-up included, until that cPCC was reached.
- *x FFTs*: mean time of an epoch over that of its bare Fourier transforms (2 x frames x
  states), measured beside it on the same threads.
- *Memory*: peak resident memory over what the process had with its libraries and data loaded.
- Times marked `*` were taken while other work ran on the machine: upper bounds.
"""


def line(row: Row) -> str:
    """One row for a terminal."""
    if row["status"] != "ok":
        return f"{row['set']} {row['method']}: {row['status']}: {row.get('error', '')}"
    parts = [f"{row['set']} {row['method']} seed {row['seed']}:"]
    for name, form in (
        ("cpcc", "cPCC {:.4f}"),
        ("held_out_poisson", "held out {:.4f}"),
        ("verdict", "{}"),
        ("run_s", "{:.1f} s"),
        ("epochs_s", "{:.1f} s"),
        ("fft_ratio", "{:.1f} x FFTs"),
    ):
        if row.get(name) is not None:
            parts.append(form.format(row[name]))
    return " ".join(parts)


def _quality(rows: list[Row]) -> str:
    devices = sorted({row["device"] for row in rows})
    return "\n\n".join(
        _quality_on(device, [r for r in rows if r["device"] == device]) for device in devices
    )


def _quality_on(device: str, rows: list[Row]) -> str:
    cells, misses, missing = [], 0, 0
    for overlap in OVERLAPS:
        entries = [f"{overlap} %"]
        for dose in DOSES:
            values = [
                row["cpcc"]
                for row in rows
                if row["set"].startswith(f"o{overlap}-{dose}-") and row.get("cpcc")
            ]
            wanted = DEMANDED[overlap, dose]
            digits = ".4f" if dose == "free" else ".3f"
            if not values:
                missing += 1
                entries.append(f"– ({wanted:{digits}})")
                continue
            reached = mean(values)
            misses += round(reached, 4) < wanted
            spread = (max(values) - min(values)) / 2
            entries.append(f"**{reached:.4f}** ± {spread:.4f} ({wanted:{digits}})")
        cells.append(entries)
    heads = ["overlap", "1e3 photons", "1e4", "1e5", "noise-free"]
    counted = [row for row in rows if row["status"] == "ok"]
    verdict = f"{misses} of {16 - missing} cells are below what is demanded."
    figures = _figures_of(counted)
    return f"""## Recipe `default` on all sets{f", {device}" if device else ""}

Mean cPCC of three noise seeds ± half the spread, and in brackets what is demanded. {verdict}

{table(heads, cells)}

Median epochs and seconds to 0.95 and to 0.97:

{table(heads, _levels(rows))}

{"" if device else changes(counted)}

{table(SHORT_HEADS, [["all", *figures]]) if counted else ""}

![Phase at 25 % overlap](images/bench/default-25.png)""".rstrip()


def _levels(rows: list[Row]) -> list[list[str]]:
    """Of each cell of the table: epochs and seconds until the levels were reached."""

    def level(of_cell: list[Row], name: str) -> str:
        epochs = [row.get(f"epochs_to_{name}") for row in of_cell]
        reached = [row for row in of_cell if row.get(f"epochs_to_{name}") is not None]
        if len(reached) < len(epochs) or not reached:
            return "–"
        middle = float(np.median([row[f"s_to_{name}"] for row in reached]))
        return f"{np.median(epochs):.0f} ({middle:.1f} s{mark_of(reached)})"

    lines = []
    for overlap in OVERLAPS:
        line = [f"{overlap} %"]
        for dose in DOSES:
            of_cell = [row for row in rows if row["set"].startswith(f"o{overlap}-{dose}-")]
            line.append(f"{level(of_cell, '95')}, {level(of_cell, '97')}")
        lines.append(line)
    return lines


SHORT_HEADS = ("sets", "seconds a run", "s / epoch", "x FFTs", "Memory, MB", "Grid")


def _figures_of(rows: list[Row]) -> list[str]:
    """Medians over rows."""

    def median(name: str, form: str, mark: str = "") -> str:
        values = [row[name] for row in rows if row.get(name) is not None]
        return number(float(np.median(values)) if values else None, form, mark)

    mark = mark_of(rows)
    return [
        median("epochs_s", ".1f", mark),
        median("s_per_epoch", ".3f", mark),
        median("fft_ratio", ".1f", mark),
        median("peak_over_data_MB", ".0f"),
        median("raster_artefact", ".4f"),
    ]


def _by_set(rows: list[Row], title: Callable[[str], str], cited: bool = False) -> str:
    parts = []
    for name in dict.fromkeys(row["set"] for row in _ordered(rows)):
        of_set = sorted(
            (row for row in rows if row["set"] == name), key=lambda row: -(row.get("cpcc") or 0)
        )
        lines = [row_cells(row) for row in of_set]
        stem = name.rsplit("-", 1)[0]
        if cited:
            lines += [
                [f"{who} (cited)", "disk", f"{value:.4g}", *[""] * 7]
                for who, value in CITED.get(stem, [])
            ]
        parts.append(f"### {title(name)}\n\n{table(ROW_HEADS, lines)}")
        shown = name in PICTURED and (cited or not name.startswith("o"))
        if shown and any(row["status"] == "ok" for row in of_set):
            parts.append(f"![Phases side by side](images/bench/{name}.png)")
    return "\n\n".join(parts)


def _ordered(rows: list[Row]) -> list[Row]:
    place = {
        f"o{o}-{dose}": i
        for i, (o, dose) in enumerate((o, dose) for o in OVERLAPS for dose in DOSES)
    }
    return sorted(
        rows, key=lambda row: (place.get(row["set"].rsplit("-", 1)[0], 99), row["set"])
    )


def _title(name: str) -> str:
    kind, _, rest = name.partition("-")
    series = series_of(name)
    if series not in SERIES:
        return f"{kind.upper()}-like, {rest} photons a pattern"
    dose = rest.split("-")[0]
    light = "noise-free" if dose == "free" else f"{dose} photons"
    return f"{SERIES[series]}Overlap {kind.removeprefix(series)} %, {light}"


def _peers(rows: list[Row]) -> str:
    if not rows:
        return ""
    return f"""## Beside baselines and peers

One noise seed. *disk*: all from one starting probe, a flat disk 4 px wider than the true
probe with an edge of 3 px, and an empty object; *own*: from the patterns alone. Rows marked
*cited* were measured earlier, each the best of several settings; their packages are not run
here or were run with other settings.

{_by_set(rows, _title, cited=True)}"""


def _paper(rows: list[Row]) -> str:
    if all(row["part"] != "c" for row in rows):
        return ""
    return f"""## The paper's comparisons

Its Fig. 3: three losses at four doses, beside ePIE and ADMM; its Figs. 4 and 5: simulated
scans in their image (see `tests/bench/mixed.py`), about 2,500 views of 128 x 128 pixels.

{_by_set(rows, _title)}"""


def _star(rows: list[Row]) -> str:
    ok = [row for row in rows if row["status"] == "ok"]
    if not ok:
        return ""
    lines = []
    for method in dict.fromkeys(row["method"] for row in ok):
        whole = next((r for r in ok if r["method"] == method and r["set"] == "star"), {})
        halves = next(
            (r for r in ok if r["method"] == method and r["set"] == "star-halves"), {}
        )
        mark = "\\*" if whole.get("loaded") else ""
        lines.append(
            [
                method,
                number(whole.get("held_out_poisson"), ".4f"),
                number(whole.get("held_out_amplitude"), ".4f"),
                number(halves.get("frc_half_bit_cycles_per_px"), ".3f"),
                number(halves.get("frc_0.5_cycles_per_px"), ".3f"),
                number(whole.get("epochs_s"), ".0f", mark),
            ]
        )
    heads = (
        "method",
        "held-out Poisson loss",
        "held-out amplitude loss",
        "FRC, half bit (cycles/px)",
        "FRC, 0.5",
        "seconds",
    )
    return f"""## The measured Siemens star

One pattern in 17 is left out of the fit; the losses are means per pixel of those patterns
(lower is better). FRC of two half scans, even and odd frames (higher is better; the band
ends at 0.5).

{table(heads, lines)}

![The star's phase](images/bench/star.png)"""


def _device(row: Row) -> str:
    """Name of the GPU, empty for a CPU."""
    device = str(row.get("device", ""))
    return "" if device == "cpu" else device


def _conditions(rows: Sequence[Row]) -> str:
    """On what the rows were made."""
    found = sorted(
        {
            (
                _device(row) or row["machine"],
                str(row.get("threads", "?")),
                row["date"][:10],
                row["commit"],
            )
            for row in rows
            if row["status"] == "ok"
        }
    )
    versions = sorted(
        {f"{name} {value}" for row in rows for name, value in row.get("versions", {}).items()}
    )
    lines = [[*entry] for entry in found]
    return f"""## Conditions

{table(("machine", "threads", "date", "commit"), lines)}

Versions: {", ".join(versions) or "none"}."""
