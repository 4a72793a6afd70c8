"""Options, printing and exit codes that commands share."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import typer
from pydantic import BaseModel

from exitwave.client import Client
from exitwave.schema.job import Job, JobState
from exitwave.schema.required import Required, check_verdict

from . import live_progress, rendering

FAILED = 1
QUERY_RETRY_TIMEOUT_S = 3.0
SUBMIT_RETRY_TIMEOUT_S = 10.0
"""Submissions are retried longer: a person who types one again could make a second job."""


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """Where the commands find the service."""

    url: str | None


JsonFlag: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON, for scripts.", show_default=False)
]
JobId: TypeAlias = Annotated[str, typer.Argument(help="Id of the job.", metavar="JOB")]
WaitFlag: TypeAlias = Annotated[
    bool, typer.Option("--wait", help="Wait for its end; exit code 1 unless it succeeded.")
]
RequireOption: TypeAlias = Annotated[
    Required | None,
    typer.Option(
        "--require",
        help="With --wait: exit code 1 if the verdict is worse than that, too.",
        show_default=False,
    ),
]


def make_client(
    context: typer.Context, retry_timeout_s: float = QUERY_RETRY_TIMEOUT_S
) -> Client:
    """A client of the service that --url names, or of the default one."""
    address: ServiceAddress = context.obj
    return Client(address.url, retry_timeout_s=retry_timeout_s)


def print_json(found: BaseModel | Sequence[BaseModel]) -> None:
    """Print one record as an object, several as a list."""
    if isinstance(found, BaseModel):
        values: Any = _to_json(found)
    else:
        values = [_to_json(record) for record in found]
    typer.echo(json.dumps(values, indent=2))


def _to_json(record: BaseModel) -> Any:
    """As the service sends it: without infinity and NaN, which JSON does not have."""
    return json.loads(record.model_dump_json())


def print_error(text: str) -> None:
    """Print a line to the error stream."""
    print(f"exitwave: {text}", file=sys.stderr)


def check_wait(require: Required | None, *, wait: bool) -> None:
    """Refuse --require without --wait."""
    if require is not None and not wait:
        raise typer.BadParameter(
            f"found {require} without --wait; expected both", param_hint="--require"
        )


def report_new_job(
    client: Client, job: Job, *, wait: bool, as_json: bool, require: Required | None = None
) -> None:
    """Print a job just submitted, or wait for its end and exit by its state."""
    if wait:
        job = live_progress.follow_job(client, job.id, quiet=as_json)
    if as_json:
        print_json(job)
    elif not wait:
        typer.echo(f"job {job.id} {job.state}; `exitwave watch {job.id}` follows it")
    if wait:
        if not as_json and job.spec.kind == "frc" and job.result is not None:
            for name, line in rendering.quality_rows(job.result.quality):
                typer.echo(f"{name} {line}")
        exit_by_state(job, say=not as_json, require=require)


def exit_by_state(job: Job, *, say: bool, require: Required | None = None) -> None:
    """Exit with code 1 unless the job succeeded, with a verdict as good as required.

    Raises
    ------
    VerdictNotMet
        It succeeded, but its verdict is worse; the command line says so and exits with 1.
    """
    if say:
        typer.echo(rendering.outcome(job))
    if job.state is not JobState.SUCCEEDED:
        raise typer.Exit(FAILED)
    if require is not None:
        check_verdict(job, require)
