"""The page's sections (f) to (i): beams out of focus, and what is found behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import mean, median
from typing import get_args

from tests.bench.beam_jobs import BEAMS, HARDER_SCANS, SAMPLED, SAMPLES, TRUE_PROBE, wanted
from tests.bench.beam_sets import BeamScan, optics, width_px
from tests.bench.cells import mark_of, missed, number, percent, table
from tests.bench.judged import judged
from tests.bench.rows import Row

from exitwave.schema.verdict import Judgement

MOST_SEARCH = 0.15
"""Of a run's time."""
NEAR_TRUE = 0.01
"""|cPCC| from the beam that is found may be so far from that of the true one."""

HEADS = (
    "beam",
    "sample",
    "width y, x (px)",
    "c (px²)",
    "c found",
    "cPCC",
    "lowest",
    "demanded (goal)",
    "verdict",
    "explained",
    "fit",
    "search",
    "seconds",
)


def beams(rows: list[Row]) -> str:
    """(f)"""
    of_part = [row for row in rows if row["part"] == "f"]
    if not of_part:
        return ""
    return f"""## Beams out of focus

The recipe `default` as it is, through `exitwave reconstruct`: windows of 128 x 128 pixels,
144 views, 60 % overlap, 1e5 photons in the brightest pattern; three seeds of layout, sample
and noise. *c*: defocus along y and x, of a pupil's phase exp(-i π c k²), k in cycles per
pixel; *c found*: that of the start that was chosen (a: the autocorrelation's). *Verdict*: how
many runs got which word. *Explained*: share of what is left out of the fit that the picture
foretells; *fit*: deviance over that of noise. *Search*: share of the run's time that the
search for the start took.

{_summary(of_part)}

{_table(of_part)}

{_sheet("beams")}"""


def harder(rows: list[Row]) -> str:
    """(g)"""
    parts = []
    for title, like in HARDER_SCANS.items():
        of_kind = [row for row in rows if _is_like(BeamScan.named(row["set"]), like)]
        if of_kind:
            parts.append(
                f"### {title.capitalize()}\n\n{_summary(of_kind)}\n\n{_table(of_kind)}"
            )
    if not parts:
        return ""
    head = "## Beams out of focus: less overlap, fewer photons, fewer views\n\nAs above but for"
    return "\n\n".join([f"{head} what the titles name.", *parts, _sheet("harder")])


def mixed(rows: list[Row]) -> str:
    """(i)"""
    if not rows:
        return ""
    parts = [
        f"### Recipe `{name.removeprefix('exitwave ')}`\n\n{_table(of_recipe)}"
        for name in sorted({row["method"] for row in rows}, reverse=True)
        if (of_recipe := [row for row in rows if row["method"] == name])
    ]
    return "\n\n".join(
        [
            "## Beams out of focus of several states\n\nTwo states for `mll`, four for `fzp`: "
            "each the beam moved by three pixels more, of half the power of the one before. "
            + _summary(rows),
            *parts,
            _sheet("mixed"),
        ]
    )


def samples(rows: list[Row]) -> str:
    """(h)"""
    if all(row["part"] != "h" for row in rows):
        return ""
    lines, most = [], 0.0
    for beam in SAMPLED:
        for sample in SAMPLES:
            own, true = (_by_seed(rows, beam, sample, given=given) for given in (False, True))
            both = [(own[seed], true[seed]) for seed in own if seed in true]
            if not both:
                continue
            apart = max(two - one for one, two in both)
            most = max(most, apart)
            lines.append(
                [
                    beam,
                    sample,
                    number(mean(one for one, _ in both), ".4f"),
                    number(mean(two for _, two in both), ".4f"),
                    missed(apart <= NEAR_TRUE, number(apart, "+.4f")),
                ]
            )
    heads = ("beam", "sample", "cPCC from its own start", "from the true probe", "most behind")
    return f"""## Samples

Two of these beams over other samples (drawn ones, a pure phase of 0.05 rad, and pairs of
photographs), begun as always and with the true probe: no run may be more than {NEAR_TRUE}
behind the latter. The farthest is {most:.4f} behind.

{table(heads, lines)}

{_sheet("samples")}"""


def verdicts(words: Iterable[Judgement]) -> str:
    """How often each word was said, the best first."""
    counted = Counter(words)
    return ", ".join(f"{counted[word]} {word}" for word in get_args(Judgement) if counted[word])


def _is_like(scan: BeamScan, like: BeamScan) -> bool:
    return (scan.overlap, scan.dose, scan.views) == (like.overlap, like.dose, like.views)


def _by_seed(rows: list[Row], beam: str, sample: str, *, given: bool) -> dict[int, float]:
    """|cPCC| of (h), from the true probe or not."""
    found = {}
    for row in rows:
        scan = BeamScan.named(row["set"])
        asked = (scan.beam, scan.sample) == (beam, sample)
        asked &= (row["method"] == TRUE_PROBE) is given
        if asked and row["status"] == "ok":
            found[scan.seed] = row["cpcc"]
    return found


def _groups(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """By beam and sample, in the order of (f)."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        scan = BeamScan.named(row["set"])
        groups.setdefault((scan.beam, scan.sample), []).append(row)
    order = [beam for beam, _ in BEAMS]
    return dict(sorted(groups.items(), key=lambda group: order.index(group[0][0])))


def _summary(rows: list[Row]) -> str:
    """How many beams miss what is demanded, what was said of them, and the search's share."""
    ok = [row for row in rows if row["status"] == "ok"]
    below = [row for row in ok if (row["cpcc"] or 0) < _least(row)]
    praised = sum(judged(row).verdict == "good" for row in below)
    shares = [row["search_share"] for row in ok]
    failed = f" {len(rows) - len(ok)} runs failed." if len(ok) < len(rows) else ""
    most = max(shares, default=0.0)
    return (
        f"{len(below)} of {len(ok)} runs are below what is demanded, {praised} of them called "
        f"good.{failed} The search took {percent(median(shares or [0.0]))} of a run's time, at "
        f"most {missed(most <= MOST_SEARCH, percent(most))} ({percent(MOST_SEARCH, 0)} are "
        "allowed)."
    )


def _least(row: Row) -> float:
    return wanted(row["part"], BeamScan.named(row["set"])).least


def _table(rows: Sequence[Row]) -> str:
    lines = [_line(beam, sample, of) for (beam, sample), of in _groups(rows).items()]
    return table(HEADS, lines)


def _line(beam: str, sample: str, rows: list[Row]) -> list[str]:
    _, (c_y, c_x) = optics(beam)
    high, across = width_px(beam)
    ok = [row for row in rows if row["status"] == "ok" and row["cpcc"] is not None]
    asked = wanted(rows[0]["part"], BeamScan.named(rows[0]["set"]))
    begin = [
        beam,
        sample,
        f"{high:.0f}" if high == across else f"{high:.0f}, {across:.0f}",
        f"{c_y:.0f}" if c_y == c_x else f"{c_y:.0f}, {c_x:.0f}",
    ]
    goal = f"{asked.least:g}" + (f" ({asked.goal:g})" if asked.goal else "")
    if not ok:
        failed = rows[0].get("error", "no |cPCC|")
        return [*begin, "", f"failed: {failed}", "", goal, "", "", "", "", ""]
    lowest = min(row["cpcc"] for row in ok)
    return [
        *begin,
        "; ".join(_found(row) for row in ok),
        number(mean(row["cpcc"] for row in ok), ".4f"),
        missed(lowest >= asked.least, number(lowest, ".4f")),
        goal,
        verdicts(judged(row).verdict for row in ok),
        _median(ok, lambda row: row["figures"].get("explained"), ".2f"),
        _median(ok, lambda row: row["figures"].get("fit"), ".2f"),
        percent(median(row["search_share"] for row in ok)),
        _median(ok, lambda row: row["run_s"], ".0f") + mark_of(ok),
    ]


def _found(row: Row) -> str:
    """The defocus of the start that a run began with."""
    if row["chosen"] != "pupil":
        return row["chosen"][0]
    c_y, c_x = row["chosen_px2"]
    again = f" (run {row['runs']})" if row["runs"] > 1 else ""
    return (f"{c_y:.0f}" if round(c_y) == round(c_x) else f"{c_y:.0f}, {c_x:.0f}") + again


def _median(rows: list[Row], value: Callable[[Row], float | None], form: str) -> str:
    known = [found for row in rows if (found := value(row)) is not None]
    return number(median(known) if known else None, form)


def _sheet(name: str) -> str:
    return f"![Truth, phase and beam of one seed each](images/bench/{name}.png)"
