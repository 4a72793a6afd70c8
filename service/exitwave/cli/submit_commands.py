"""Commands that submit jobs: submit, retry, rerun, frc."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeAlias

import typer

from exitwave.client import Client
from exitwave.schema.errors import VerdictNotMet
from exitwave.schema.job import Job
from exitwave.schema.requests import BatchItem
from exitwave.schema.required import Required, check_verdict

from . import live_progress, rendering
from .common import (
    FAILED,
    SUBMIT_RETRY_TIMEOUT_S,
    JobId,
    JsonFlag,
    RequireOption,
    WaitFlag,
    check_wait,
    make_client,
    print_error,
    print_json,
    report_new_job,
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
    typer.Option(
        help="A succeeded job whose object and probe are the initial guess.", metavar="JOB"
    ),
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
    priority: Annotated[int, typer.Option(min=0, max=9, help="0 (live) to 9 (lowest).")] = 5,
    tags: Tags = None,
    start: Start = None,
    wait: WaitFlag = False,
    require: RequireOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Submit the reconstruction of one scan or of many."""
    check_wait(require, wait=wait)
    named = [parse_scan(scan) for scan in scans]
    overrides = parse_settings(settings or [])
    with make_client(context, SUBMIT_RETRY_TIMEOUT_S) as client:
        if len(named) > 1:
            items = client.submit_many(named, recipe, overrides, priority, tags or (), start)
            _report_batch(client, items, wait=wait, as_json=as_json, require=require)
        else:
            job = client.submit(named[0], recipe, overrides, priority, tags or (), start)
            report_new_job(client, job, wait=wait, as_json=as_json, require=require)


def retry(
    context: typer.Context,
    job_id: JobId,
    wait: WaitFlag = False,
    require: RequireOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Submit the work of an ended job again: a new job."""
    check_wait(require, wait=wait)
    with make_client(context, SUBMIT_RETRY_TIMEOUT_S) as client:
        job = client.retry(job_id)
        report_new_job(client, job, wait=wait, as_json=as_json, require=require)


def rerun(
    context: typer.Context,
    job_id: JobId,
    settings: Settings = None,
    recipe: Annotated[
        str | None, typer.Option(help="Another recipe; default the earlier job's.")
    ] = None,
    priority: Annotated[
        int | None,
        typer.Option(min=0, max=9, help="0 (live) to 9 (lowest); default the earlier job's."),
    ] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", help="Instead of the earlier job's tags.")
    ] = None,
    start: Start = None,
    wait: WaitFlag = False,
    require: RequireOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Submit the work of an ended job with changes: a new job.

    What is set is merged into what was set for the earlier job; KEY=null removes it.
    """
    check_wait(require, wait=wait)
    overrides = parse_settings(settings or [])
    with make_client(context, SUBMIT_RETRY_TIMEOUT_S) as client:
        job = client.rerun(job_id, overrides, recipe, priority, tags or None, start)
        report_new_job(client, job, wait=wait, as_json=as_json, require=require)


def frc(
    context: typer.Context, job_id: JobId, wait: WaitFlag = False, as_json: JsonFlag = False
) -> None:
    """Submit the FRC of a finished job: its resolution.

    A job of its own, of lowest priority: it compares two halves of the data. Submitted
    twice it is the same job.
    """
    with make_client(context, SUBMIT_RETRY_TIMEOUT_S) as client:
        report_new_job(client, client.frc(job_id), wait=wait, as_json=as_json)


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


def _report_batch(
    client: Client,
    items: list[BatchItem],
    *,
    wait: bool,
    as_json: bool,
    require: Required | None,
) -> None:
    """Print a line for each scan; exit code 1 unless all of them succeed."""
    all_succeeded = True
    for index, item in enumerate(items):
        job = item.job
        if job is None:
            all_succeeded = False
            if item.problem is not None and not as_json:
                print_error(f"scan {item.scan}: {item.problem.detail}")
            continue
        if wait:
            job = live_progress.follow_job(client, job.id, quiet=as_json)
            items[index] = item.model_copy(update={"job": job})
            all_succeeded &= job.state == "succeeded" and _meets_requirement(job, require)
        if not as_json:
            said = rendering.outcome(job) if wait else f"job {job.id} {job.state}"
            typer.echo(f"scan {item.scan}: {said}")
    if as_json:
        print_json(items)
    if not all_succeeded:
        raise typer.Exit(FAILED)


def _meets_requirement(job: Job, require: Required | None) -> bool:
    """Whether its verdict is as good as required; prints why not."""
    try:
        if require is not None:
            check_verdict(job, require)
    except VerdictNotMet as error:
        print_error(str(error))
        return False
    return True
