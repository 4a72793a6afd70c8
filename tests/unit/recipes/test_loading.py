from dataclasses import replace
from typing import get_args

import pytest
import yaml

from exitwave.recipes.loading import recipe_names, resolve_recipe
from exitwave.schema.errors import RecipeNotFound
from exitwave.schema.recipe import AlgorithmName, Recipe, recipe_to_mapping
from exitwave.settings.yaml_files import configs_dir


def test_every_shipped_recipe_is_valid_and_an_unknown_one_lists_them() -> None:
    assert "default" in recipe_names()
    for name in recipe_names():
        assert resolve_recipe(name, {}).name == name
    with pytest.raises(RecipeNotFound, match="default"):
        resolve_recipe("defualt", {})


def test_every_shipped_recipe_can_be_resolved_and_says_what_it_is() -> None:
    recipes = {name: resolve_recipe(name, {}) for name in recipe_names()}
    assert all(recipe.description for recipe in recipes.values())
    assert set(recipes) >= {"default", "fast", "paper", "fzp", "mll", "epie", "dm", "admm"}
    default = recipes["default"]
    assert default == Recipe(description=default.description)
    assert recipes["fast"].epochs <= default.epochs / 2
    assert recipes["mll"] == replace(
        default, name="mll", description=recipes["mll"].description, probe_states=2
    )
    assert recipes["fzp"].probe_states == 4
    assert [stage.loss for stage in recipes["paper"].stages] == ["amplitude", "poisson"]
    assert recipes["paper"].regularisation.balance == "loss"
    # Those of the baselines spell out their group's defaults.
    for name, algorithm, probe_update_start in (
        ("epie", "epie", 0),
        ("dm", "dm", 2),
        ("admm", "admm", 2),
    ):
        assert recipes[name] == Recipe(
            name=name,
            description=recipes[name].description,
            algorithm=algorithm,
            probe_update_start=probe_update_start,
            dm=recipes[name].dm,  # the defaults are those of DAP's stage
        )


def test_the_default_recipe_spells_out_every_parameter_of_dap() -> None:
    listed = yaml.safe_load((configs_dir() / "recipes" / "default.yaml").read_text())
    whole = recipe_to_mapping(Recipe())
    baselines = {*get_args(AlgorithmName)} - {"dap", "dm"}
    assert set(whole) - set(listed) == {"name", *baselines}
    assert set(listed["stages"][0]) == set(whole["stages"][0])
    for group in ("adam", "regularisation", "start", "clamp", "gauge"):
        assert set(listed[group]) == set(whole[group]), group
