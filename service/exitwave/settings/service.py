"""The service's settings: ``EXITWAVE__SECTION__KEY`` over ``service.yaml`` over defaults."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from exitwave.schema.errors import UsageError
from exitwave.schema.strict import StrictModel

from .connection import local_config_file

CONFIG_VARIABLE = "EXITWAVE_CONFIG"


class LedgerSettings(StrictModel):
    """Where the queue is, and its limits."""

    uri: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        description="redis:// or unix:// URI of a Valkey or Redis >= 7.0, append-only file on.",
    )
    prefix: str = Field("exitwave", description="First word of every key.", min_length=1)
    lease_s: float = Field(
        15.0, gt=0, description="A worker without heartbeat for this long loses its job."
    )
    max_lost_attempts: int = Field(
        3, ge=1, description="Lost attempts after which a job is dead."
    )
    reserved_live_workers: int = Field(
        0, ge=0, description="Workers kept free for live work; one always takes batch work."
    )
    min_run_before_preempt_s: float = Field(
        5.0, ge=0, description="Shortest run of a batch job before live work may preempt it."
    )
    max_preemptions: int = Field(5, ge=0, description="Most preemptions of one batch job.")
    starvation_limit_s: float = Field(
        1800.0,
        gt=0,
        description="While a batch job has waited longer, every tenth claim is a batch job.",
    )
    keep_days: float = Field(90.0, gt=0, description="Ended jobs are forgotten after this.")
    keep_jobs: int = Field(20_000, ge=1, description="Ended jobs kept at most.")


class TiledSettings(StrictModel):
    """The Tiled server that holds scans and results."""

    uri: str = Field("http://127.0.0.1:8001", description="Base address, without /api/v1.")
    api_key: SecretStr = Field(SecretStr(""), description="Key with read and write scopes.")
    raw: str = Field("raw", description="Container of the runs.")
    results: str = Field("ptycho", description="Container of the reconstructions.")
    access_tags: list[str] = Field(
        default_factory=list, description="Tags put on every result node; some sites need them."
    )


class ApiSettings(StrictModel):
    """The HTTP front end."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    key_file: Path | None = Field(
        None, description="File with the access key. EXITWAVE_API_KEY takes precedence."
    )
    max_body_bytes: int = Field(1_000_000, gt=0, description="Largest request body.")
    requests_per_s: float = Field(
        100.0,
        gt=0,
        description="Requests per key and second, in bursts of up to three seconds' worth.",
    )
    streams: int = Field(50, ge=1, description="Most open event and picture streams per key.")
    session_hours: float = Field(12.0, gt=0, description="How long a browser stays logged in.")
    cors_origins: list[str] = Field(
        default_factory=list,
        description="Other sites whose pages may call the API; none by default.",
    )
    trusted_proxies: list[str] = Field(
        default_factory=list,
        description="Reverse proxies whose X-Forwarded-For is accepted; none by default.",
    )
    tls_certificate: Path | None = Field(None, description="PEM file; serves HTTPS.")
    tls_key: Path | None = Field(None, description="PEM file with the certificate's key.")


class WorkerSettings(StrictModel):
    """One worker: an agent and its engine process."""

    device: str = Field("auto", description="auto, cpu, or a CUDA device or UUID.")
    device_memory_gb: float | None = Field(
        None,
        gt=0,
        description="Device memory a job keeps to, in 1e9 bytes; default 80 % of what is free "
        "on a GPU. Frames that do not fit are streamed.",
    )
    name: str = Field("", description="Shown in attempts; default host name and process id.")
    heartbeat_interval_s: float = Field(
        1.0, gt=0, description="Time between two signs of life."
    )
    publish_s: float = Field(
        0.6, ge=0.1, description="Shortest time between two live pictures in Tiled."
    )
    cancel_grace_s: float = Field(
        10.0, gt=0, description="How long an engine may take to stop before it is killed."
    )
    stall_s: float = Field(
        120.0,
        gt=0,
        description="An engine without progress for this long, and for ten of its epochs, "
        "is killed.",
    )
    checkpoint_s: float = Field(
        10.0, gt=0, description="Time between two checkpoints, at least one epoch."
    )
    checkpoints: Path | None = Field(
        None,
        description="Folder of checkpoints, shared by workers that may take each other's "
        "jobs over; default `checkpoints` in data_dir.",
    )
    masks: Path | None = Field(
        None,
        description="Folder of the detector masks that jobs may name with data.mask; none: "
        "such jobs are refused.",
    )
    drain_s: float = Field(
        30.0,
        ge=0,
        description="After SIGTERM a job has so long to write a checkpoint and go back to "
        "the queue.",
    )
    unhealthy_after: int = Field(
        3, ge=1, description="Failed health probes in a row that quarantine the device."
    )
    runner: str = Field(
        "exitwave.worker.engine_process.reconstruction_runner:ReconstructionRunner",
        description="Import path of the class that the engine process runs.",
    )


class TriggerSettings(StrictModel):
    """What submits a job for each finished scan."""

    source: str = Field("tiled", description="Where finished scans are heard of.")
    options: dict[str, Any] = Field(
        default_factory=dict, description="Settings of that source alone; tiled has none."
    )


class Settings(BaseSettings):
    """Settings of all processes of the service."""

    model_config = SettingsConfigDict(
        env_prefix="EXITWAVE__", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    data_dir: Path | None = Field(
        None, description="Where `up` keeps queue, catalogue and results."
    )
    beamline: str = Field(
        "hxn",
        description="Name of a profile in configs/beamlines, or the path of a .yaml file "
        "with one.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe level that is logged."
    )
    ledger: LedgerSettings = Field(default_factory=LedgerSettings)
    tiled: TiledSettings = Field(default_factory=TiledSettings)
    api: ApiSettings = Field(default_factory=ApiSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    trigger: TriggerSettings = Field(default_factory=TriggerSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments over environment over the YAML file named by ``EXITWAVE_CONFIG``."""
        sources = [init_settings, env_settings]
        if path := os.environ.get(CONFIG_VARIABLE):
            sources.append(YamlConfigSettingsSource(settings_cls, yaml_file=path))
        return tuple(sources)


def load_settings(*, of_last_up: bool = False) -> Settings:
    """Read file and environment.

    Parameters
    ----------
    of_last_up : bool
        Where neither ``EXITWAVE_CONFIG`` nor anything else names a file, use the settings
        that the last `up` on this machine left: for commands typed in another shell.

    Raises
    ------
    UsageError
        The file does not exist, or a key is unknown or out of range; the message names it.
    """
    if of_last_up and CONFIG_VARIABLE not in os.environ and (last := local_config_file()):
        os.environ[CONFIG_VARIABLE] = str(last)
    path = os.environ.get(CONFIG_VARIABLE)
    if path and not Path(path).is_file():
        raise UsageError(f"{CONFIG_VARIABLE}: found {path}; expected a YAML file that exists")
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"setting {key}: found {first.get('input')!r}; {first['msg']}"
        ) from None
