"""The page's section (v): how often the verdict is wrong, by fault and strength, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.beam_tables import verdicts
from tests.bench.cells import missed, number, percent, table
from tests.bench.judged import judged
from tests.bench.rows import Row
from tests.bench.verdict_runs import BAD_BEHIND, BAD_BELOW, best_of_scenes, is_bad

from exitwave.schema.verdict import Judgement

LEAST_SEEN, MOST_DOUBTED = 0.95, 0.02
FAULT_HEADS = (
    "what is wrong",
    "strength",
    "runs",
    "cPCC",
    "bad",
    "bad, called good",
    "good, doubted",
    "verdicts",
)
WRONG_HEADS = ("run", "cPCC", "best of the scene", "verdict", "rules", "explained", "fit")


@dataclass(frozen=True)
class Told:
    """A run, what it is and what was said of it.

    Attributes
    ----------
    row : mapping
    bad : bool
    best : float, optional
        |cPCC| of the scene with nothing wrong.
    word : str, optional
        None: refused.
    rules : tuple of str
    """

    row: Row
    bad: bool
    best: float | None
    word: Judgement | None
    rules: tuple[str, ...]

    @property
    def wrong(self) -> bool:
        return (self.word == "good") is self.bad


def collection(rows: list[Row]) -> str:
    """(v)"""
    if not rows:
        return ""
    told = tell(rows)
    bad = [one for one in told if one.bad]
    good = [one for one in told if not one.bad]
    praised = [one for one in bad if one.wrong]
    doubted = [one for one in good if one.wrong]
    refused = sum(one.word is None for one in told)
    seen = 1 - len(praised) / max(1, len(bad))
    share = len(doubted) / max(1, len(good))
    looked = [one for one in good if one.row["screened"]]
    looked_share = sum(one.wrong for one in looked) / max(1, len(looked))
    wrong = sorted([*praised, *doubted], key=lambda one: (not one.bad, str(one.row["set"])))
    return f"""## The verdict, tried

{len(told)} runs whose truth is known ([verdict_sets.py](../tests/bench/verdict_sets.py)):
doses, sizes, samples, beams and recipes with nothing wrong, and each fault at three strengths,
with and without the look for what lies. A run is *bad* where its |cPCC| is below {BAD_BELOW},
or {BAD_BEHIND} below the best of the same scene with nothing wrong. The verdict knows no truth.

- Of {len(bad)} bad runs {missed(seen >= LEAST_SEEN, percent(seen))} are not called good
  ({percent(LEAST_SEEN, 0)} are demanded); {refused} of all runs were refused before the fit.
- Of {len(good)} good runs {missed(share <= MOST_DOUBTED, percent(share))} are doubted
  ({percent(MOST_DOUBTED, 0)} are allowed); of the {len(looked)} among them whose data were
  looked through before the fit, as by default, {percent(looked_share)}.

{table(FAULT_HEADS, [_fault_line(*group) for group in _groups(told)])}

### Where it is wrong

{table(WRONG_HEADS, [_wrong_line(one) for one in wrong]) if wrong else "Nowhere."}"""


def tell(rows: Sequence[Row]) -> list[Told]:
    """What each run is, and what is said of it by the rules as they are now."""
    best = best_of_scenes(rows)
    told = []
    for row in rows:
        verdict = judged(row) if row["status"] == "ok" else None
        told.append(
            Told(
                row=row,
                bad=is_bad(row, best),
                best=best.get(row["scene"]),
                word=None if verdict is None else verdict.verdict,
                rules=() if verdict is None else tuple(rule.rule for rule in verdict.rules),
            )
        )
    return told


def _groups(told: Sequence[Told]) -> list[tuple[str, int, list[Told]]]:
    """By fault and strength; runs with nothing wrong first, those not screened after others."""
    groups: dict[tuple[str, int], list[Told]] = {}
    for one in told:
        groups.setdefault((_fault(one.row), one.row["strength"]), []).append(one)
    ordered = sorted(groups, key=lambda key: (key[1] > 0, key))
    return [(*key, groups[key]) for key in ordered]


def _fault(row: Row) -> str:
    if row["fault"]:
        return str(row["fault"]) + ("" if row["screened"] else ", not looked for")
    if "stages" in row["changed"]:
        return "few epochs"
    if row["changed"]:
        return "begun from the autocorrelation"
    return f"nothing, {row['method'].removeprefix('exitwave ')}"


def _fault_line(fault: str, strength: int, of: list[Told]) -> list[str]:
    reached = sorted(one.row["cpcc"] for one in of if one.word is not None)
    bad = [one for one in of if one.bad]
    refused = sum(one.word is None for one in of)
    words = verdicts(one.word for one in of if one.word is not None)
    return [
        fault,
        str(strength or ""),
        str(len(of)),
        f"{reached[0]:.3f} to {reached[-1]:.3f}" if reached else "–",
        str(len(bad)),
        str(sum(one.wrong for one in bad)),
        str(sum(one.wrong for one in of if not one.bad)),
        ", ".join(filter(None, [words, f"{refused} refused" if refused else ""])),
    ]


def _wrong_line(one: Told) -> list[str]:
    row = one.row
    figures = row.get("figures", {})
    return [
        str(row["set"]).replace("|", "/"),
        number(row.get("cpcc"), ".3f"),
        number(one.best, ".3f"),
        one.word or f"refused: {row['error']}",
        ", ".join(one.rules),
        number(figures.get("explained"), ".2f"),
        number(figures.get("fit"), ".2f"),
    ]
