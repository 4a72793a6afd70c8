"""Commands that make jobs: submit, retry, rerun, frc."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeAlias

import typer

from exitwave.client import Client
from exitwave.schema.errors import VerdictNotMet
from exitwave.schema.job import Job
from exitwave.schema.requests import BatchItem
from exitwave.schema.required import Required, check_verdict

from . import follow, tables
from .common import (
    FAILED,
    MAKE_PATIENCE_S,
    JobId,
    JsonFlag,
    RequireOption,
    WaitFlag,
    check_wait,
    client_of,
    print_json,
    say_error,
    tell_new_job,
)

SCAN_ID_DIGITS = 7
"""Digits alone are a scan_id up to this length, else the beginning of a uid."""

Settings: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Override a parameter: recipe.seed=3, data.subset=even, geometry.distance_m=1.9. "
        "May be repeated.",
        metavar="KEY=VALUE",
    ),
]
Tags: TypeAlias = Annotated[
    list[str] | None, typer.Option("--tag", help="A word to find it by. May be repeated.")
]
Start: TypeAlias = Annotated[
    str | None,
    typer.Option(help="A succeeded job whose object and probe it begins with.", metavar="JOB"),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (submit, retry, rerun, frc):
        app.command()(command)


def submit(
    context: typer.Context,
    scans: Annotated[
        list[str],
        typer.Argument(
            help="Scan uids, beginnings of them, or scan_ids (the newest scan wins); one job "
            "for each.",
            metavar="SCAN",
        ),
    ],
    recipe: Annotated[str, typer.Option(help="Name of a recipe.")] = "default",
    settings: Settings = None,
    priority: Annotated[int, typer.Option(min=0, max=9, help="0 (live) to 9 (whenever).")] = 5,
    tags: Tags = None,
    start: Start = None,
    wait: WaitFlag = False,
    require: RequireOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask for the reconstruction of one scan or of many."""
    check_wait(require, wait=wait)
    named = [parse_scan(scan) for scan in scans]
    overrides = parse_settings(settings or [])
    with client_of(context, MAKE_PATIENCE_S) as client:
        if len(named) > 1:
            items = client.submit_many(named, recipe, overrides, priority, tags or (), start)
            _tell_many(client, items, wait=wait, as_json=as_json, require=require)
        else:
            job = client.submit(named[0], recipe, overrides, priority, tags or (), start)
            tell_new_job(client, job, wait=wait, as_json=as_json, require=require)


def retry(
    context: typer.Context,
    job_id: JobId,
    wait: WaitFlag = False,
    require: RequireOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Do the work of an ended job once more: a new job."""
    check_wait(require, wait=wait)
    with client_of(context, MAKE_PATIENCE_S) as client:
        job = client.retry(job_id)
        tell_new_job(client, job, wait=wait, as_json=as_json, require=require)


def rerun(
    context: typer.Context,
    job_id: JobId,
    settings: Settings = None,
    recipe: Annotated[
        str | None, typer.Option(help="Another recipe; default the earlier job's.")
    ] = None,
    priority: Annotated[
        int | None,
        typer.Option(min=0, max=9, help="0 (live) to 9 (whenever); default the earlier job's."),
    ] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", help="Instead of the earlier job's tags.")
    ] = None,
    start: Start = None,
    wait: WaitFlag = False,
    require: RequireOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Do the work of an ended job again with changes: a new job.

    What is set is laid over what was set for the earlier job; KEY=null drops it.
    """
    check_wait(require, wait=wait)
    overrides = parse_settings(settings or [])
    with client_of(context, MAKE_PATIENCE_S) as client:
        job = client.rerun(job_id, overrides, recipe, priority, tags or None, start)
        tell_new_job(client, job, wait=wait, as_json=as_json, require=require)


def frc(
    context: typer.Context, job_id: JobId, wait: WaitFlag = False, as_json: JsonFlag = False
) -> None:
    """Ask for the resolution of a finished job.

    A job of its own, of lowest priority: the FRC of two halves of the data. Asked for
    twice it is the same one.
    """
    with client_of(context, MAKE_PATIENCE_S) as client:
        tell_new_job(client, client.frc(job_id), wait=wait, as_json=as_json)


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


def _tell_many(
    client: Client,
    items: list[BatchItem],
    *,
    wait: bool,
    as_json: bool,
    require: Required | None,
) -> None:
    """A line for each scan; exit code 1 unless all is well with all of them."""
    well = True
    for place, item in enumerate(items):
        job = item.job
        if job is None:
            well = False
            if item.problem is not None and not as_json:
                say_error(f"scan {item.scan}: {item.problem.detail}")
            continue
        if wait:
            job = follow.until_end(client, job.id, quiet=as_json)
            items[place] = item.model_copy(update={"job": job})
            well &= job.state == "succeeded" and _is_met(job, require)
        if not as_json:
            said = tables.outcome(job) if wait else f"job {job.id} {job.state}"
            typer.echo(f"scan {item.scan}: {said}")
    if as_json:
        print_json(items)
    if not well:
        raise typer.Exit(FAILED)


def _is_met(job: Job, require: Required | None) -> bool:
    """Whether its verdict is as good as required; says so where it is not."""
    try:
        if require is not None:
            check_verdict(job, require)
    except VerdictNotMet as error:
        say_error(str(error))
        return False
    return True
