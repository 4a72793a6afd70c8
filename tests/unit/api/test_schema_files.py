"""JSON schemas: those checked in are those of the code, and what is shipped keeps to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from exitwave.api.documentation.schema_files import main, schema_files
from exitwave.schema.errors import RecipeError
from exitwave.schema.recipe import Recipe, recipe_from_mapping, recipe_to_mapping

ROOT = Path(__file__).parents[3]
CHECKED_IN = ROOT / "docs" / "schemas"
SHIPPED = {
    "beamline.json": sorted((ROOT / "configs" / "beamlines").glob("*.yaml")),
    "recipe.json": sorted((ROOT / "configs" / "recipes").glob("*.yaml")),
    "service.json": [ROOT / "configs" / "service.yaml"],
}

WRONG: dict[str, dict[str, Any]] = {
    "unknown": {"sed": 3},
    "too many": {"probe_states": 33},
    "no whole number": {"seed": 0.5},
    "no such word": {"algorithm": "dip"},
    "no stage": {"stages": []},
    "in a stage": {"stages": [{"loss": "poison"}]},
    "in a list": {"stages": [{"batches": [0.0]}]},
    "in a section": {"regularisation": {"p": 5.0}},
    "no such start": {"start": "here"},
    "unknown in the start": {"start": {"knd": "pupil"}},
    "text for a number": {"adam": {"beta1": "0.5"}},
}


def errors(name: str, values: Any) -> list[str]:
    """What the schema has against values that YAML gave; dates are text in JSON."""
    plain = json.loads(json.dumps(values, default=str))
    schema = json.loads(schema_files()[name])
    Draft202012Validator.check_schema(schema)
    return [error.message for error in Draft202012Validator(schema).iter_errors(plain)]


def test_what_is_checked_in_is_up_to_date(tmp_path: Path) -> None:
    main(tmp_path / "made")
    made, checked_in = (
        {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
        for folder in (tmp_path / "made", CHECKED_IN)
    )
    assert made == checked_in, "run `make schemas`"


@pytest.mark.parametrize(
    ("name", "path"),
    [(name, path) for name, paths in SHIPPED.items() for path in paths],
    ids=lambda value: getattr(value, "name", value),
)
def test_what_is_shipped_keeps_to_its_schema(name: str, path: Path) -> None:
    assert errors(name, yaml.safe_load(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("values", WRONG.values(), ids=WRONG)
def test_the_schema_refuses_what_the_recipe_refuses(values: dict[str, Any]) -> None:
    assert errors("recipe.json", values)
    with pytest.raises(RecipeError):
        recipe_from_mapping(values)


def test_the_schema_takes_every_recipe_and_a_word_for_the_start() -> None:
    assert errors("recipe.json", recipe_to_mapping(Recipe())) == []
    assert errors("recipe.json", {"start": "pupil"}) == []


def test_every_value_says_what_it_is() -> None:
    for name, text in schema_files().items():
        assert len(list(values_of(json.loads(text)))) > 20
        for path, schema in values_of(json.loads(text)):
            assert schema.get("description"), f"{name}: {path}"


def test_a_parameter_has_its_range_unit_and_default() -> None:
    start = json.loads(schema_files()["recipe.json"])["properties"]["start"]
    blur = start["anyOf"][0]["properties"]["initial_object_sigma_px"]
    assert blur.pop("description")
    assert blur == {
        "type": "number",
        "minimum": 0,
        "maximum": 100,
        "default": 4.0,
        "x-unit": "px",
    }


def test_no_secret_has_asterisks_for_a_default() -> None:
    assert "***" not in schema_files()["service.json"]


def values_of(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property in a schema, by its path, that is no reference to a described part."""
    for name, part in schema.get("properties", {}).items():
        if "$ref" not in part:
            yield f"{path}.{name}", part
    named = {**schema.get("$defs", {}), **schema.get("properties", {})}
    items = {"[]": schema["items"]} if "items" in schema else {}
    for name, part in (named | items | dict(enumerate(schema.get("anyOf", [])))).items():
        yield from values_of(part, f"{path}.{name}")
