"""What has changed in (a) since the figures that were published before."""

from __future__ import annotations

from statistics import mean, median

from tests.bench.cells import mark_of, missed, number, percent, table
from tests.bench.cited import EARLIER, EARLIER_COMMIT
from tests.bench.rows import Row

FALL, SLOWER = 0.001, 1.2
"""At most so much less |cPCC|, and so many times the time to 0.97."""

HEADS = (
    "overlap, photons",
    f"cPCC at {EARLIER_COMMIT}",
    "now",
    "change",
    "epochs to 0.97",
    "now",
    "seconds to 0.97",
    "now",
    "times",
    "search",
)


def changes(rows: list[Row]) -> str:
    """The sixteen cells then and now."""
    lines = []
    misses = 0
    for (overlap, dose), (cpcc, epochs, seconds) in EARLIER.items():
        of_cell = [row for row in rows if row["set"].startswith(f"o{overlap}-{dose}-")]
        if not of_cell:
            continue
        reached = mean(row["cpcc"] for row in of_cell)
        epochs_now, seconds_now = (
            _middle(of_cell, f"{name}_to_97") for name in ("epochs", "s")
        )
        times = None if None in (seconds, seconds_now) else seconds_now / seconds
        less = reached < cpcc - FALL
        slower = seconds is not None and (times is None or times > SLOWER)
        misses += less + slower
        lines.append(
            [
                f"{overlap} %, {dose}",
                number(cpcc, ".4f"),
                number(reached, ".4f"),
                missed(not less, number(reached - cpcc, "+.4f")),
                number(epochs, ".0f"),
                number(epochs_now, ".0f"),
                number(seconds, ".1f"),
                number(seconds_now, ".1f") + mark_of(of_cell),
                missed(not slower, number(times, ".2f")),
                "–" if (share := _middle(of_cell, "search_share")) is None else percent(share),
            ]
        )
    if not lines:
        return ""
    return f"""Since commit {EARLIER_COMMIT}: no cell may fall by more than {FALL}, nor take
more than {SLOWER} times the time to 0.97 (on the same machine); {misses} of these are missed.
*Search*: share of the time of a run that the search for the start took.

{table(HEADS, lines)}"""


def _middle(rows: list[Row], name: str) -> float | None:
    """Median; none where a row has no such figure."""
    values = [row.get(name) for row in rows]
    return None if None in values else median(values)
