"""Whether a verdict is as good as asked for, and what is said where it is not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.verdicts import DOUBTFUL, GOOD, NO_PICTURE
from tests.unit.api.made import made_job

from exitwave.schema.errors import InvalidInput, VerdictNotMet
from exitwave.schema.job import Failure, Job, Result
from exitwave.schema.required import Required, check_required, check_verdict, verdict_line
from exitwave.schema.verdict import Finding, Verdict


def ended(verdict: Verdict | None, **values: Any) -> Job:
    result = Result(node="ptycho/u/j1/a1", attempt=1, epochs=2, verdict=verdict)
    return made_job(state="succeeded", result=result, **values)


def test_a_line_says_what_the_worst_rule_found() -> None:
    found = (
        "pixels left out of the fit deviate 3.9 times as much as noise; below 2 would be right"
    )
    assert verdict_line(NO_PICTURE) == f"no picture: {found}"
    remark = Finding(rule="flux", says="good", text="the flux steps by 3 % at frame 70.")
    assert verdict_line(GOOD.model_copy(update={"rules": [remark]})) == "good"
    assert verdict_line(Verdict(verdict="doubtful")) == "doubtful"


@pytest.mark.parametrize(
    ("verdict", "required", "met"),
    [
        (GOOD, "good", True),
        (GOOD, "doubtful", True),
        (DOUBTFUL, "good", False),
        (DOUBTFUL, "doubtful", True),
        (NO_PICTURE, "good", False),
        (NO_PICTURE, "doubtful", False),
    ],
)
def test_only_worse_ones_are_refused(verdict: Verdict, required: Required, met: bool) -> None:
    if met:
        check_verdict(ended(verdict), required)
        return
    with pytest.raises(VerdictNotMet) as caught:
        check_verdict(ended(verdict), required)
    assert caught.value.found == verdict.verdict
    assert caught.value.expected == ("good" if required == "good" else "doubtful or better")
    first = verdict.rules[0].text.rstrip(".")
    assert (
        str(caught.value)
        == f"job j1: found {verdict.verdict}: {first}; expected {caught.value.expected}"
    )


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (ended(None), "no verdict in its result, as of an earlier release"),
        (
            made_job(state="failed", failure=Failure(slug="diverged", message="it diverged.")),
            "no verdict, for it is failed (it diverged)",
        ),
        (made_job(state="cancelled"), "no verdict, for it is cancelled;"),
    ],
)
def test_without_a_verdict_nothing_is_met(job: Job, told: str) -> None:
    with pytest.raises(VerdictNotMet) as caught:
        check_verdict(job, "doubtful")
    assert told in str(caught.value)
    assert caught.value.found == "no verdict"


def test_an_frc_has_none() -> None:
    job = ended(None)
    frc = job.model_copy(update={"spec": job.spec.model_copy(update={"kind": "frc"})})
    with pytest.raises(VerdictNotMet, match="an frc, which has none"):
        check_verdict(frc, "good")


def test_other_words_are_named() -> None:
    with pytest.raises(InvalidInput, match="require: found no picture; expected one of good"):
        check_required("no picture")
