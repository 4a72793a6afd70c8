import dataclasses

import pytest

from exitwave.recipes.loading import resolve_recipe
from exitwave.schema.errors import RecipeError
from exitwave.schema.recipe import Recipe, recipe_from_mapping, recipe_to_mapping
from exitwave.schema.sections import StartOptions


def test_a_recipe_survives_the_way_through_plain_values() -> None:
    recipe = recipe_from_mapping({"seed": 3, "stages": [{"epochs": 2, "batches": [0.1, 8]}]})
    assert recipe_from_mapping(recipe_to_mapping(recipe)) == recipe


def test_a_word_for_the_start_is_its_kind() -> None:
    assert recipe_from_mapping({"start": "pupil"}).start.kind == "pupil"
    assert resolve_recipe("default", {"start": "autocorrelation"}).start == StartOptions(
        kind="autocorrelation"
    )


@pytest.mark.parametrize(
    ("values", "key", "expected"),
    [
        ({"sed": 3}, "recipe.sed", "one of"),
        ({"seed": 1.5}, "recipe.seed", "whole number"),
        ({"seed": -1}, "recipe.seed", "from 0 to"),
        ({"probe_states": True}, "recipe.probe_states", "whole number"),
        ({"stages": []}, "recipe.stages", "at least one"),
        ({"stages": [{"epochs": 0}]}, "recipe.stages[0].epochs", "from 1"),
        ({"stages": [{"loss": "l2"}]}, "recipe.stages[0].loss", "'amplitude', 'anscombe'"),
        ({"stages": [{"batches": [0.1, float("nan")]}]}, "recipe.stages[0].batches[1]", "from"),
        ({"gauge": {"recentre": 1}}, "recipe.gauge.recentre", "true or false"),
        ({"start": "disk"}, "recipe.start.kind", "'auto', 'autocorrelation', 'pupil'"),
        ({"regularisation": 3}, "recipe.regularisation", "a mapping"),
    ],
)
def test_a_wrong_parameter_is_named(values: dict, key: str, expected: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe_from_mapping(values)
    assert caught.value.key == key
    assert expected in caught.value.expected


def parameters(cls: type, path: str = "recipe") -> list[tuple[str, dataclasses.Field]]:
    return [(f"{path}.{f.name}", f) for f in dataclasses.fields(cls)]


def test_every_parameter_says_why_and_numbers_have_a_range() -> None:
    import typing

    seen = []

    def walk(cls: type, path: str) -> None:
        hints = typing.get_type_hints(cls)
        for name, f in parameters(cls, path):
            assert f.metadata["why"], name
            hint = hints[f.name]
            item = typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else hint
            if dataclasses.is_dataclass(item):
                walk(item, name)
            elif item in {int, float}:
                assert f.metadata["low"] is not None and f.metadata["high"] is not None, name
            seen.append(name)

    walk(Recipe, "recipe")
    assert "recipe.stages.epochs" in seen
