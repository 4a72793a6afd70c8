"""The page that `make faults` writes says what the rows say."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.faults.figures import FIGURES, Findings, demand_of
from tests.faults.report import page, row_of


def test_a_demand_that_does_not_hold_is_a_miss_with_its_reason_below_the_table() -> None:
    good, bad = Findings(), Findings()
    good.say("0 lost")
    good.check(True, "never said")
    bad.say("took 160 s")
    bad.check(160 < 150, "it took 160 s, < 150 s wanted")
    rows = {
        "F8": row_of("F8", 1, good.measured(), 3.0, 0.5),
        "F1a": row_of("F1a", 7, bad.measured(), 160.0, 0.5),
        "F9": None,
    }
    table, _, below = page(rows).partition("## Misses")
    assert f"| F8 | {demand_of('F8')} | 0 lost | met |" in table
    assert "| took 160 s | missed |" in table
    assert "| F9 | | not measured | missed |" in table
    assert "- **F1a**: it took 160 s, < 150 s wanted" in below
    assert "never said" not in below
    assert "| F1a | 7 |" in below


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_says_what_is_demanded_in_one_paragraph(name: str) -> None:
    assert 10 < len(demand_of(name)) < 400


def test_every_figure_stands_in_the_table_of_the_tests() -> None:
    table = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    for name, place in FIGURES.items():
        module = place.partition(":")[0].rpartition(".")[2]
        assert f"| `{module}.py` | {name} |" in table
