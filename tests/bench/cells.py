"""Cells of the benchmark's tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.bench.rows import Row

ROW_HEADS = (
    "method",
    "start",
    "cPCC",
    "grid",
    "to 0.95",
    "to 0.97",
    "epochs",
    "s / epoch",
    "x FFTs",
    "memory, MB",
)


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    body = ["| " + " | ".join(cells) + " |" for cells in lines]
    return "\n".join(["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *body])


def number(value: float | None, form: str = ".3f", mark: str = "") -> str:
    """A figure, or a dash where there is none."""
    return "–" if value is None else f"{value:{form}}{mark}"


def row_cells(row: Row) -> list[str]:
    mark = "\\*" if row.get("loaded") else ""
    if row["status"] != "ok":
        return [
            row["method"],
            row.get("start", ""),
            f"failed: {row.get('error', '')}",
            *[""] * 7,
        ]

    def level(name: str) -> str:
        if row.get(f"epochs_to_{name}") is None:
            return "–"
        return f"{row[f'epochs_to_{name}']} ({row[f's_to_{name}']:.1f} s{mark})"

    return [
        row["method"],
        row["start"],
        number(row.get("cpcc"), ".4f"),
        number(row.get("raster_artefact"), ".4f"),
        level("95"),
        level("97"),
        str(row["epochs"]),
        number(row["s_per_epoch"], ".3f", mark),
        number(row.get("fft_ratio"), ".1f", mark),
        number(row.get("peak_over_data_MB"), ".0f"),
    ]


def mark_of(rows: list[Row]) -> str:
    return "\\*" if any(row.get("loaded") for row in rows) else ""


def missed(kept: bool, text: str) -> str:
    """A figure, marked where it is not what is demanded."""
    return text if kept else f"**{text} (missed)**"


def percent(share: float, digits: int = 1) -> str:
    """A share in per cent."""
    return f"{100 * share:.{digits}f} %"
