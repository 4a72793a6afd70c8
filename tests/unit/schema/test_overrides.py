import pytest

from exitwave.schema.errors import InvalidInput
from exitwave.schema.overrides import apply_overrides, split_sections


def test_overrides_reach_into_lists_and_leave_the_original_alone() -> None:
    values = {"stages": [{"epochs": 1}, {"epochs": 2}]}
    changed = apply_overrides(
        values, {"stages.1.epochs": 9, "regularisation.ratio": 0.8}, "recipe"
    )
    assert changed == {
        "stages": [{"epochs": 1}, {"epochs": 9}],
        "regularisation": {"ratio": 0.8},
    }
    assert values == {"stages": [{"epochs": 1}, {"epochs": 2}]}


def test_overrides_are_sorted_by_section() -> None:
    sections = split_sections({"recipe.seed": 1, "data.subset": "odd", "recipe.a.b": 2})
    assert sections == {
        "recipe": {"seed": 1, "a.b": 2},
        "data": {"subset": "odd"},
        "geometry": {},
    }


@pytest.mark.parametrize("key", ["seed", "recipes.seed", "recipe", "recipe."])
def test_an_unknown_section_is_named(key: str) -> None:
    with pytest.raises(InvalidInput, match="overrides"):
        split_sections({key: 1})


@pytest.mark.parametrize("key", ["stages.2.epochs", "stages.x.epochs", "seed.deep", "stages.7"])
def test_a_path_that_leads_nowhere_is_named(key: str) -> None:
    with pytest.raises(InvalidInput, match=r"recipe\."):
        apply_overrides({"stages": [{}, {}], "seed": 0}, {key: 1}, "recipe")
