"""What users do with jobs: submit, jobs, show, watch, cancel, download."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from exitwave.client import Client, Format
from exitwave.schema.job import Job, JobState

from . import follow, tables

FAILED = 1
LONGEST_LIST = 200
SCAN_ID_DIGITS = 7
"""Digits alone are a scan_id up to this length, else the beginning of a uid."""


@dataclass(frozen=True, slots=True)
class Service:
    """Where the commands find the service."""

    url: str | None

    def client(self) -> Client:
        """A client of it."""
        return Client(self.url)


JsonFlag: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON, for scripts.", show_default=False)
]
JobId: TypeAlias = Annotated[str, typer.Argument(help="Id of the job.", metavar="JOB")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (submit, list_jobs, show, watch, cancel, download, frc):
        name = "jobs" if command is list_jobs else None
        app.command(name)(command)


def submit(
    context: typer.Context,
    scan: Annotated[
        str,
        typer.Argument(
            help="Scan uid, the beginning of one, or a scan_id (the newest scan wins).",
            metavar="SCAN",
        ),
    ],
    recipe: Annotated[str, typer.Option(help="Name of a recipe.")] = "default",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Override a knob: recipe.seed=3, data.subset=even, geometry.distance_m=1.9. "
            "May be repeated.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    priority: Annotated[int, typer.Option(min=0, max=9, help="0 (live) to 9 (whenever).")] = 5,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", help="A word to find it by. May be repeated.")
    ] = None,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Wait for its end; exit code 1 unless it succeeded."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Ask for the reconstruction of a scan."""
    with _client(context) as client:
        job = client.submit(
            parse_scan(scan), recipe, parse_settings(settings or []), priority, tags or ()
        )
        if wait:
            job = follow.until_end(client, job.id, quiet=as_json)
        if as_json:
            _print_json(job)
        elif not wait:
            typer.echo(f"job {job.id} {job.state}; `exitwave watch {job.id}` follows it")
        if wait:
            _exit_by_outcome(job, say=not as_json)


def list_jobs(
    context: typer.Context,
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    scan: Annotated[
        str | None, typer.Option(help="Only jobs of this scan: its uid or scan_id.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=LONGEST_LIST, help="How many at most.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List jobs, newest first."""
    with _client(context) as client:
        page = client.jobs(state, scan, limit=limit)
    if as_json:
        _print_json(page.jobs)
    else:
        tables.console.print(tables.job_list(page.jobs))
        if page.cursor and limit < LONGEST_LIST:
            typer.echo(f"there are more; --limit {min(LONGEST_LIST, 2 * limit)} shows them")


def show(context: typer.Context, job_id: JobId, as_json: JsonFlag = False) -> None:
    """Show everything about one job."""
    with _client(context) as client:
        job = client.job(job_id)
    if as_json:
        _print_json(job)
    else:
        tables.console.print(tables.job_record(job))


def watch(
    context: typer.Context,
    job_id: Annotated[
        str | None,
        typer.Argument(help="Follow this job to its end; default all.", metavar="[JOB]"),
    ] = None,
) -> None:
    """Follow progress live; Ctrl-C leaves, the work goes on."""
    with _client(context) as client:
        if job_id is None:
            follow.everything(client)
        else:
            _exit_by_outcome(follow.until_end(client, job_id), say=True)


def cancel(context: typer.Context, job_id: JobId, as_json: JsonFlag = False) -> None:
    """Cancel a job: a queued one at once, a running one within seconds."""
    with _client(context) as client:
        job = client.cancel(job_id)
    if as_json:
        _print_json(job)
    elif job.state is JobState.CANCELLED:
        typer.echo(f"job {job.id} cancelled")
    else:
        typer.echo(f"job {job.id} is {job.state}; told to stop")


def frc(
    context: typer.Context,
    job_id: JobId,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Wait for its end; exit code 1 unless it succeeded."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Ask for the resolution of a finished job: FRC of two halves of its data.

    A job of its own, of lowest priority. Asked for twice it is the same one.
    """
    with _client(context) as client:
        job = client.frc(job_id)
        if wait:
            job = follow.until_end(client, job.id, quiet=as_json)
    if as_json:
        _print_json(job)
    elif not wait:
        typer.echo(f"job {job.id} {job.state}; `exitwave watch {job.id}` follows it")
    if wait:
        if not as_json and job.result is not None:
            for name, line in tables.quality_rows(job.result.quality):
                typer.echo(f"{name} {line}")
        _exit_by_outcome(job, say=not as_json)


def download(
    context: typer.Context,
    job_id: JobId,
    format: Annotated[
        Format,
        typer.Option(
            help="cxi: object, probe, positions, loss in HDF5; npy: zipped tree of "
            "ptycho_gui; png: phase with a scale bar."
        ),
    ] = "cxi",
    out: Annotated[
        Path | None, typer.Option(help="File or folder to write to; default this folder.")
    ] = None,
) -> None:
    """Fetch the result of a job as a file; prints where it is."""
    with _client(context) as client:
        typer.echo(client.download(job_id, format, out))


def parse_scan(text: str) -> str | int:
    """A scan_id for a few digits, else a uid or its beginning."""
    return int(text) if text.isdecimal() and len(text) <= SCAN_ID_DIGITS else text


def parse_settings(texts: list[str]) -> dict[str, Any]:
    """``KEY=VALUE`` pairs; a value is read as JSON, and as text where it is none.

    Raises
    ------
    typer.BadParameter
        One has no key or no ``=``.
    """
    settings: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise typer.BadParameter(
                f"found {text!r}; expected KEY=VALUE, such as recipe.seed=3", param_hint="--set"
            )
        try:
            settings[key.strip()] = json.loads(value)
        except json.JSONDecodeError:
            settings[key.strip()] = value
    return settings


def _client(context: typer.Context) -> Client:
    service: Service = context.obj
    return service.client()


def _print_json(found: Job | list[Job]) -> None:
    jobs = found if isinstance(found, list) else [found]
    records = [job.model_dump(mode="json") for job in jobs]
    typer.echo(json.dumps(records if isinstance(found, list) else records[0], indent=2))


def _exit_by_outcome(job: Job, *, say: bool) -> None:
    if say:
        typer.echo(tables.outcome(job))
    if job.state is not JobState.SUCCEEDED:
        raise typer.Exit(FAILED)
