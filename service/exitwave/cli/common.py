"""What all commands share: where the service is, how they print, how they end."""

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

from . import follow, tables

FAILED = 1
QUERY_RETRY_TIMEOUT_S = 3.0
SUBMIT_RETRY_TIMEOUT_S = 10.0
"""What makes a job tries longer: typed again after an error it could make a second one."""


@dataclass(frozen=True, slots=True)
class Service:
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
        help="With --wait: exit code 1 where the verdict is worse than that, too.",
        show_default=False,
    ),
]


def client_of(context: typer.Context, retry_timeout_s: float = QUERY_RETRY_TIMEOUT_S) -> Client:
    """A client of the service that the command is for."""
    service: Service = context.obj
    return Client(service.url, retry_timeout_s=retry_timeout_s)


def print_json(found: BaseModel | Sequence[BaseModel]) -> None:
    """One record as an object, several as a list."""
    if isinstance(found, BaseModel):
        values: Any = _plain(found)
    else:
        values = [_plain(record) for record in found]
    typer.echo(json.dumps(values, indent=2))


def _plain(record: BaseModel) -> Any:
    """As the service tells it: no infinity or NaN, which JSON does not have."""
    return json.loads(record.model_dump_json())


def say_error(text: str) -> None:
    """A line beside the output proper."""
    print(f"exitwave: {text}", file=sys.stderr)


def check_wait(require: Required | None, *, wait: bool) -> None:
    """Refuse to hold a job to a verdict that nobody waits for."""
    if require is not None and not wait:
        raise typer.BadParameter(
            f"found {require} without --wait; expected both", param_hint="--require"
        )


def tell_new_job(
    client: Client, job: Job, *, wait: bool, as_json: bool, require: Required | None = None
) -> None:
    """Print a job just made, or wait for its end and exit by it."""
    if wait:
        job = follow.until_end(client, job.id, quiet=as_json)
    if as_json:
        print_json(job)
    elif not wait:
        typer.echo(f"job {job.id} {job.state}; `exitwave watch {job.id}` follows it")
    if wait:
        if not as_json and job.spec.kind == "frc" and job.result is not None:
            for name, line in tables.quality_rows(job.result.quality):
                typer.echo(f"{name} {line}")
        exit_by_outcome(job, say=not as_json, require=require)


def exit_by_outcome(job: Job, *, say: bool, require: Required | None = None) -> None:
    """Leave with exit code 1 unless the job succeeded, with a verdict as good as required.

    Raises
    ------
    VerdictNotMet
        It succeeded, but its verdict is worse; the command line says so and leaves with 1.
    """
    if say:
        typer.echo(tables.outcome(job))
    if job.state is not JobState.SUCCEEDED:
        raise typer.Exit(FAILED)
    if require is not None:
        check_verdict(job, require)
