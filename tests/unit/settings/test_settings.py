from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from exitwave.schema.errors import RecipeNotFound, UsageError
from exitwave.schema.recipe import Recipe, recipe_to_mapping
from exitwave.settings.connection import find_connection, local_config_file, save_connection
from exitwave.settings.recipes import configs_dir, recipe_names, resolve_recipe
from exitwave.settings.service import load_settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("EXITWAVE_CONFIG", "EXITWAVE_URL", "EXITWAVE_API_KEY"):
        # set first, so that what load_settings(of_last_up=True) sets is undone as well
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_environment_beats_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "service.yaml"
    config.write_text("api: {port: 9001, host: 127.0.0.2}\n")
    monkeypatch.setenv("EXITWAVE_CONFIG", str(config))
    monkeypatch.setenv("EXITWAVE__API__PORT", "9002")
    monkeypatch.setenv("EXITWAVE__WORKER__DEVICE_MEMORY_GB", "12.5")
    settings = load_settings()
    assert (settings.api.port, settings.api.host) == (9002, "127.0.0.2")
    assert settings.worker.device_memory_gb == 12.5


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("api: {prot: 1}", "api.prot"),
        ("worker: {heartbeat_interval_s: 0}", "worker.heartbeat_interval_s"),
        ("worker: {device_memory_gb: 0}", "worker.device_memory_gb"),
    ],
)
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, key: str
) -> None:
    config = tmp_path / "service.yaml"
    config.write_text(text)
    monkeypatch.setenv("EXITWAVE_CONFIG", str(config))
    with pytest.raises(UsageError, match=key):
        load_settings()


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITWAVE__TILED__API_KEY", "hushhush")
    assert "hushhush" not in repr(load_settings())


def test_another_shell_finds_the_last_up(tmp_path: Path) -> None:
    key_file, config = tmp_path / "api.key", tmp_path / "service.yaml"
    key_file.write_text("sesame\n")
    config.write_text("api: {port: 9003}\n")
    saved = save_connection("http://127.0.0.1:9003", key_file, config)
    assert "sesame" not in saved.read_text()
    connection = find_connection()
    assert (connection.url, connection.api_key) == ("http://127.0.0.1:9003", "sesame")
    assert "sesame" not in repr(connection)
    assert local_config_file() == config
    assert load_settings(of_last_up=True).api.port == 9003


def test_no_service_is_a_clear_error() -> None:
    with pytest.raises(UsageError, match="exitwave up"):
        find_connection()
    with pytest.raises(UsageError, match="EXITWAVE_API_KEY"):
        find_connection(url="http://127.0.0.1:1")


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


def test_the_default_recipe_spells_out_every_knob_of_dap() -> None:
    listed = yaml.safe_load((configs_dir() / "recipes" / "default.yaml").read_text())
    whole = recipe_to_mapping(Recipe())
    assert set(whole) - set(listed) == {"name", "epie", "admm"}
    assert set(listed["stages"][0]) == set(whole["stages"][0])
    for group in ("adam", "regularisation", "start", "clamp", "gauge"):
        assert set(listed[group]) == set(whole[group]), group


def test_the_example_file_lists_every_setting_with_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    defaults = load_settings()
    example = configs_dir() / "service.yaml"
    assert yaml.safe_load(example.read_text()).keys() == type(defaults).model_fields.keys()
    for section in ("ledger", "tiled", "api", "worker", "trigger"):
        listed = yaml.safe_load(example.read_text())[section].keys()
        assert listed == type(getattr(defaults, section)).model_fields.keys()
    monkeypatch.setenv("EXITWAVE_CONFIG", str(example))
    assert load_settings() == defaults
