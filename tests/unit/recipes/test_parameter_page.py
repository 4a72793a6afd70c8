"""The page of parameters that is checked in is that of the schema there is."""

from __future__ import annotations

from pathlib import Path

from exitwave.recipes.parameter_page import page, sections
from exitwave.schema.recipe import Recipe

CHECKED_IN = Path(__file__).parents[3] / "docs" / "parameters.md"


def test_what_is_checked_in_is_up_to_date() -> None:
    assert page() == CHECKED_IN.read_text(encoding="utf-8"), "run `make parameters`"


def test_every_section_and_what_a_line_holds() -> None:
    names = [name for name, _ in sections(Recipe)]
    assert names[:3] == ["", "stages", "adam"] and "admm" in names
    line = next(
        line for line in page().splitlines() if line.startswith("| `initial_object_sigma_px`")
    )
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    assert cells[:4] == ["`initial_object_sigma_px`", "4", "0 to 100", "px"] and cells[4]
