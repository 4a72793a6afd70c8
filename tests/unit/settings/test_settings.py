from pathlib import Path

import pytest
import yaml

from exitwave.schema.errors import UsageError
from exitwave.settings.connection import find_connection, local_config_file, save_connection
from exitwave.settings.service import load_settings
from exitwave.settings.yaml_files import configs_dir


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
