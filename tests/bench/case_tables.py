"""The page's section (j): files as people bring them."""

from __future__ import annotations

from tests.bench.case_files import KINDS, PREFIX, is_right
from tests.bench.cells import missed, number, table
from tests.bench.judged import judged
from tests.bench.rows import Row

TEXT_CHARACTERS = 240


def cases(rows: list[Row]) -> str:
    """(j)"""
    if not rows:
        return ""
    order = list(KINDS)
    known = [row for row in rows if row["set"].removeprefix(PREFIX) in KINDS]
    known.sort(key=lambda row: order.index(row["set"].removeprefix(PREFIX)))
    lines = [_line(row) for row in known]
    wrong = sum("missed" in line[-1] for line in lines)
    heads = ("file", "cPCC", "demanded", "verdict", "what was told", "right")
    return f"""## Files as people bring them

One scan of 100 views (64 x 64 pixels, 2e4 photons in the brightest pattern), written and
spoiled in ways that are met ([case_files.py](../tests/bench/case_files.py)), through
`exitwave reconstruct` with the recipe `default`. Right is a picture as good as is demanded
that is called good, a verdict that doubts, or a refusal that says why. {len(lines) - wrong} of
{len(lines)} end right.

{table(heads, lines)}

![Truth, phase and beam](images/bench/cases.png)"""


def _line(row: Row) -> list[str]:
    name = row["set"].removeprefix(PREFIX)
    kind = KINDS[name]
    if row["status"] != "ok":
        verdict, told = "refused", [row["error"]]
    else:
        verdict, told = judged(row).verdict, [*row["left_out"], *row["notes"]]
        if verdict != "good":
            told += [finding.text for finding in judged(row).rules]
    right = is_right(kind, row, verdict)
    asked = "refused" if kind.refused else "not good" if kind.doubted else "a result"
    asked = asked if kind.least is None else f"{kind.least:g}"
    return [
        name,
        number(row.get("cpcc"), ".4f"),
        asked,
        verdict,
        _short("; ".join(told)),
        missed(right, "yes" if right else "no"),
    ]


def _short(text: str) -> str:
    """On one line of a table."""
    plain = text.replace("|", "/").replace("\n", " ")
    return plain if len(plain) <= TEXT_CHARACTERS else plain[: TEXT_CHARACTERS - 1] + "…"
