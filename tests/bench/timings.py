"""The page's sections on speed and size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tests.bench.cells import mark_of, number, table
from tests.bench.cited import CITED_SPEED
from tests.bench.rows import Row


def speed(rows: list[Row]) -> str:
    ok = [row for row in rows if row["status"] == "ok"]
    if not ok:
        return ""
    parts = ["## Speed"]
    for device in sorted({row["device"] for row in ok}):
        parts.append(_speed_on(device, [row for row in ok if row["device"] == device]))
    cited = [
        [f"{who} (cited)", number(small, ".2f"), number(large, ".1f")]
        for who, small, large in CITED_SPEED
    ]
    parts.append(
        "Seconds per epoch of others on two cores, cited:\n\n"
        + table(("method", "225 x 64², 1 state", "2025 x 128², 2 states"), cited)
    )
    failed = [row for row in rows if row["status"] != "ok"]
    parts += [f"{row['method']} on {row['set']} failed: {row['error']}" for row in failed]
    return "\n\n".join(parts)


def _speed_on(device: str, rows: list[Row]) -> str:
    timed = [row for row in rows if row["set"] == "big-2025" or ", batch " in row["method"]]
    lines = []
    for row in sorted(timed, key=lambda row: (row["set"], row["s_per_epoch"])):
        mark = "\\*" if row.get("loaded") else ""
        lines.append(
            [
                row["set"],
                row["method"],
                str(row["threads"]),
                number(row["s_per_epoch"], ".3f", mark),
                number(row.get("fft_s"), ".3f", mark),
                number(row.get("fft_ratio_beside"), ".2f", mark),
                number(row.get("peak_over_data_MB"), ".0f"),
            ]
        )
    text = table(
        ("set", "method", "threads", "s / epoch", "bare FFTs, s", "x FFTs", "memory, MB"), lines
    )
    for row in rows:
        if "s_per_epoch_beside" in row:
            others = row["s_per_epoch_beside"]
            timed_in_turn = {row["set"]: row["s_per_epoch"], **others}
            sizes = sorted((int(name[1:]), cost) for name, cost in timed_in_turn.items())
            text += (
                f"\n\nFrom {sizes[0][0]} to {sizes[-1][0]} frames of 64² at batch 64 an epoch "
                f"costs frames^{exponent(sizes):.2f} (epochs of all sizes in turn in one run)."
            )
    return f"### {device or 'CPU'}\n\n{text}"


def exponent(sizes: Sequence[tuple[int, float]]) -> float:
    """a of cost ~ frames^a, by least squares in the logarithms."""
    frames, cost = np.log(np.array(sizes, float)).T
    return float(np.polyfit(frames, cost, 1)[0])


def size(rows: list[Row]) -> str:
    """Of `tests.bench.size`: its largest scan."""
    if not rows:
        return ""
    row = max(rows, key=lambda row: row["frames"])
    height, width = row["window_px"]
    frames_GB, peak_GB = row["frames_bytes"] / 1e9, row["peak_bytes"] / 1e9
    start_s = row["seconds_before_first_epoch"]
    epochs_s = " and ".join(f"{seconds:.0f} s" for seconds in row["seconds_per_epoch"])
    return f"""## Size

{row["frames"]} patterns of {height} x {width} pixels, uint16 ({frames_GB:.2f} GB), and
{row["probe_states"]} probe states, from the CXI file through {row["epochs"]} epochs of the
recipe `mll` on {row["threads"]} threads: peak resident memory {peak_GB:.2f} GB, all included,
which is the frames + {peak_GB - frames_GB:.2f} GB (at most 2 GB are asked for). Reading took
{row["seconds_reading"]:.0f} s, checks and start {start_s:.0f} s, the epochs
{epochs_s}{mark_of([row])} (`python -m tests.bench.size --publish`)."""
