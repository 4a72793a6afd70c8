"""A verdict in a line, and whether it is as good as somebody asked for."""

from __future__ import annotations

from typing import Literal, get_args

from .errors import InvalidInput, VerdictNotMet
from .job import Job
from .verdict import Judgement, Verdict

Required = Literal["good", "doubtful"]
"""The worst verdict that will do."""

RANKED: tuple[Judgement, ...] = get_args(Judgement)


def verdict_line(verdict: Verdict) -> str:
    """The word; where it is not good, with what the worst rule found."""
    if verdict.verdict == "good" or not verdict.rules:
        return verdict.verdict
    return f"{verdict.verdict}: {verdict.rules[0].text.rstrip('. ')}"


def check_required(value: str) -> None:
    """Raise `InvalidInput` where no verdict of that name can be asked for."""
    if value not in get_args(Required):
        raise InvalidInput("require", value, "one of " + ", ".join(get_args(Required)))


def check_verdict(job: Job, required: Required) -> None:
    """Hold the verdict of an ended job to what is asked for.

    Raises
    ------
    VerdictNotMet
        It is worse, or there is none: of a job without a result, of an FRC, of a result
        that an earlier release made.
    """
    verdict = None if job.result is None else job.result.verdict
    if verdict is not None and RANKED.index(verdict.verdict) <= RANKED.index(required):
        return
    word = "no verdict" if verdict is None else verdict.verdict
    found = _without(job) if verdict is None else verdict_line(verdict)
    expected = "good" if required == "good" else f"{required} or better"
    raise VerdictNotMet(f"job {job.id}: found {found}; expected {expected}", word, expected)


def _without(job: Job) -> str:
    """Why a job has no verdict."""
    if job.result is None:
        reason = "" if job.failure is None else f" ({job.failure.message.rstrip('. ')})"
        return f"no verdict, for it is {job.state.value}{reason}"
    if job.spec.kind == "frc":
        return "no verdict, for it is an frc, which has none"
    return "no verdict in its result, as of an earlier release"
