"""Arguments, exit codes and tables of the command line."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import typer
from rich.console import Console
from tests.support.verdicts import DOUBTFUL, GOOD, NO_PICTURE, PREPARATION, START

from exitwave.cli import main, rendering
from exitwave.cli.extras import needs
from exitwave.cli.submit_commands import parse_scan, parse_settings
from exitwave.cli.verdict_rendering import verdict_rows
from exitwave.schema.errors import UsageError
from exitwave.schema.job import (
    Attempt,
    Failure,
    FrcFigures,
    HeldOutFigures,
    Job,
    JobState,
    Progress,
    Quality,
    Result,
)
from exitwave.schema.verdict import Finding, Preparation, Start, StartTried, Verdict


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("recipe.seed=3", 3),
        ("recipe.regularisation.ratio=0.45", 0.45),
        ("data.subset=even", "even"),
        ('data.subset="even"', "even"),
        ("recipe.stages.0.batches=[2, 5]", [2, 5]),
        ("recipe.gauge.scale=false", False),
        ("recipe.description=a=b", "a=b"),
        ("recipe.description=", ""),
    ],
)
def test_settings_are_json_or_text(text: str, value: object) -> None:
    key = text.partition("=")[0]
    assert parse_settings([text]) == {key: value}


@pytest.mark.parametrize("text", ["recipe.seed", "=3"])
def test_a_setting_without_key_or_value(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="KEY=VALUE"):
        parse_settings([text])


def test_few_digits_are_a_scan_id() -> None:
    assert parse_scan("404611") == 404611
    assert parse_scan("7f0c3f2e") == "7f0c3f2e"
    assert parse_scan("12345678") == "12345678", "the beginning of a uid"


def outcome_of(
    monkeypatch: pytest.MonkeyPatch, *words: str, url: str = "http://127.0.0.1:9"
) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["exitwave", *words])
    monkeypatch.setenv("EXITWAVE_URL", url)
    monkeypatch.setenv("EXITWAVE_API_KEY", "k")
    with pytest.raises(SystemExit) as caught:
        main.main()
    return caught.value.code


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["jobs", "--state", "sleeping"], 2),
        (["submit"], 2),
        (["submit", "7f0c", "--set", "recipe.seed"], 2),
        (["submit", "7f0c", "--priority", "10"], 2),
        (["download", "j1", "--format", "jpeg"], 2),
        (["reprioritise", "j1", "10"], 2),
        (["keys", "create", "--owner", "eva"], 2),
        (["keys", "create", "--owner", "eva", "--scope", "read:all"], 2),
        (["workers", "drain"], 2),
        (["rerun", "j1", "--set", "recipe.seed"], 2),
        (["submit", "7f0c", "--wait", "--require", "superb"], 2),
        (["submit", "7f0c", "--require", "good"], 2),  # nobody would wait for it
        (["retry", "j1", "--require", "good"], 2),
        (["rerun", "j1", "--require", "good"], 2),
        (["nonsense"], 2),
        (["jobs"], 1),  # nobody answers on that port
    ],
)
def test_exit_codes(monkeypatch: pytest.MonkeyPatch, words: list[str], code: int) -> None:
    assert outcome_of(monkeypatch, *words) == code


def test_no_service_known_is_wrong_use(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: object,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert outcome_of(monkeypatch, "jobs", url="") == 2
    error = capsys.readouterr().err
    assert error.startswith("exitwave: no service address")
    assert error.count("\n") == 1


def test_a_missing_extra_is_named() -> None:
    told = r"pip install 'exitwave\[worker\]'"
    with pytest.raises(UsageError, match=told), needs("worker"):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")
    with pytest.raises(ModuleNotFoundError), needs("worker"):
        raise ModuleNotFoundError("a bug of ours", name="exitwave.gone")


def test_help_of_every_command_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from exitwave.cli.main import build_app\n"
        "build_app()\n"
        "heavy = {'torch', 'tiled', 'fastapi', 'numpy', 'redis', 'h5py', 'structlog'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def job(**changes: object) -> Job:
    now = datetime.now(UTC)
    values: dict[str, object] = {
        "id": "j1",
        "state": "running",
        "spec": {
            "scan": {"uid": "7f0c3f2e-1", "scan_id": 7, "sample": "[star]", "path": "raw/7f"},
            "recipe": {"name": "default"},
            "overrides": {"recipe.seed": 3},
        },
        "owner": "operator",
        "submitted_at": now - timedelta(hours=3),
        "started_at": now - timedelta(seconds=40),
    }
    return Job.model_validate(values | changes)


def printed(renderable: object) -> str:
    out = io.StringIO()
    Console(markup=False, highlight=False, width=160, file=out).print(renderable)
    return out.getvalue()


def test_the_list_says_what_matters() -> None:
    progress = Progress(
        phase="reconstructing", epoch=12, epochs=180, loss=0.1234, seconds_per_epoch=0.5
    )
    text = printed(rendering.job_list([job(progress=progress)]))
    for part in (
        "j1",
        "running",
        "7 [star]",
        "default",
        "12/180",
        "0.1234",
        "3 h ago",
    ):
        assert part in text


def test_the_record_says_why_it_failed() -> None:
    attempt = Attempt(
        number=1,
        worker="w1",
        device="cpu",
        started_at=datetime.now(UTC),
        outcome="failed",
        reason="positions: NaN",
    )
    failed = job(
        state="failed",
        attempts=[attempt],
        failure=Failure(slug="data-invalid", message="positions: NaN"),
        progress=Progress(phase="writing", epoch=12, epochs=180),
        ended_at=datetime.now(UTC),
    )
    text = printed(rendering.job_record(failed))
    for part in (
        "recipe.seed = 3",
        "epoch 12/180",
        "failed on w1 (cpu): positions: NaN",
        "[data-invalid]",
    ):
        assert part in text
    assert rendering.outcome(failed) == "job j1 failed: positions: NaN"
    assert rendering.outcome(job(state=JobState.CANCELLED)) == "job j1 cancelled"


def test_the_record_says_where_attempts_began_and_why_they_ended() -> None:
    now = datetime.now(UTC)

    def attempt(number: int, outcome: str | None, reason: str, **progress: object) -> Attempt:
        return Attempt.model_validate(
            {
                "number": number,
                "worker": f"w{number}",
                "started_at": now,
                "outcome": outcome,
                "reason": reason,
                "progress": {"phase": "reconstructing", **progress},
            }
        )

    steered = job(
        attempts=[
            attempt(1, "lost", "silent for 15 s"),
            attempt(2, "preempted", "", note="its checkpoint cannot be read"),
            attempt(3, None, "", resumed_from={"attempt": 2, "epoch": 40}),
        ],
        priority=7,
        lost=1,
        preemptions=2,
        stop_requested=True,
    )
    frc = job(id="j2", state="queued", spec=steered.spec.model_copy(update={"parent": "j1"}))
    again = job(
        id="j3", state="failed", spec=steered.spec.model_copy(update={"retry_of": "j1"})
    )
    text = printed(rendering.job_record(steered, [frc, again]))
    for part in (
        "attempt 1 lost on w1: silent for 15 s",
        "attempt 2 preempted on w2, from the start (its checkpoint cannot be read)",
        "attempt 3 running on w3, resumed from epoch 40 of attempt 2",
        "running (to end now and keep its result)",
        "7 (submitted with 5)",
        "by live work 2 times",
        "died once",
        "frc j2 queued",
        "retried as j3 failed",
    ):
        assert part in " ".join(text.split())
    assert "retry of j1" in " ".join(printed(rendering.job_record(again)).split())


def test_the_record_says_how_good_the_result_is() -> None:
    quality = Quality(
        held_out=HeldOutFigures(patterns=16, epoch=110, poisson=0.51234, amplitude=0.131),
        raster_artefact=0.0123,
        prtf_cycles_per_px=0.5,
        overlap=0.634,
        frc=FrcFigures(halves="counts", crossing_cycles_per_px=0.29, half_period_nm=34.48),
    )
    result = Result(node="ptycho/u/j1/a1", attempt=1, epochs=120, quality=quality)
    text = printed(rendering.job_record(job(state="succeeded", result=result)))
    for part in (
        "Poisson 0.5123, amplitude 0.131 per pixel, of 16 patterns not fitted",
        "1.2 % of the object's",
        "above 1/e up to the end of the band, 0.5 cycles/px",
        "63 % of the probe's diameter",
        "up to 0.29 cycles/px: half period 34.5 nm, halves of the counts",
    ):
        assert part in text
    assert rendering.quality_rows(None) == rendering.quality_rows(Quality()) == []


def judged(verdict: Verdict | None, **values: object) -> Job:
    quality = Quality(prtf_cycles_per_px=0.5, overlap=0.7)
    result = Result(
        node="ptycho/u/j1/a1", attempt=1, epochs=120, quality=quality, verdict=verdict
    )
    return job(state="succeeded", result=result.model_copy(update=values))


def styled(renderable: object) -> list[str]:
    out = io.StringIO()
    terminal = Console(
        markup=False,
        highlight=False,
        width=160,
        file=out,
        force_terminal=True,
        color_system="standard",
        no_color=False,
    )
    terminal.print(renderable)
    return out.getvalue().splitlines()


RED, YELLOW, GREEN = "31m", "33m", "32m"


@pytest.mark.parametrize(
    ("verdict", "word", "colour"),
    [
        (GOOD, "good", GREEN),
        (DOUBTFUL, "doubtful", YELLOW),
        (NO_PICTURE, "no picture", RED),
        (None, "not judged", GREEN),
    ],
)
def test_the_list_has_the_verdict_in_its_colour(
    verdict: Verdict | None, word: str, colour: str
) -> None:
    done = judged(verdict)
    heads, line = printed(rendering.job_list([done])).splitlines()
    assert line[heads.index("verdict") :].startswith(word)
    _, shown = styled(rendering.job_list([done]))
    assert {part for part in (RED, YELLOW, GREEN) if part in shown} == {colour}
    _, running = printed(rendering.job_list([job()])).splitlines()
    assert not running[heads.index("verdict") : heads.index("scan")].strip()
    frc = judged(None)
    spec = frc.spec.model_copy(update={"kind": "frc"})
    assert rendering.verdict_text(frc.model_copy(update={"spec": spec})) == ""


def test_the_record_begins_with_the_verdict_and_why() -> None:
    lines = printed(
        rendering.job_record(judged(NO_PICTURE, preparation=PREPARATION, start=START))
    ).splitlines()
    told = "\n".join(" ".join(line.split()) for line in lines)
    assert told.startswith(
        "verdict no picture\n"
        "because pixels left out of the fit deviate 3.9 times as much as noise; below 2 would "
        "be right. [held_out_pixels: no picture]\n"
        "advice Check orientation and distance, or give a start.\n"
        "because frame 17 deviates 60 times as much as the median one. "
        "[worst_frame: doubtful]\n"
        "figures held_out_deviance 3.9, fit_deviance 1, worst_frame_deviance 234\n"
        "left out 2 hot pixels, brighter than all around them in every frame\n"
        "left out frame 17: no light\n"
        "note counts are multiples of 4\n"
        "orientation swap (loss of swap 0.22, none 0.61)\n"
        "began with pupil with a defocus of -310 px², loss 0.117; of 3 tried in 3.2 s; "
        "run 2: what ran before it found no picture\n"
        "job j1\n"
    )
    coloured = styled(rendering.job_record(judged(NO_PICTURE)))
    assert RED in coloured[0] and GREEN not in "".join(coloured)
    assert printed(rendering.job_record(judged(None))).startswith("verdict")
    assert printed(rendering.job_record(job())).startswith("job")


def test_rows_of_what_is_not_known_are_left_out() -> None:
    assert verdict_rows(None, None, None) == []
    assert verdict_rows(Verdict(verdict="good"), Preparation(), None) == [("verdict", "good")]
    two = StartTried(kind="pupil", defocus_y_px2=120.0, defocus_x_px2=-40.0)
    astigmatic = Start(chosen=two, tried=[two])
    assert verdict_rows(None, None, astigmatic) == [
        ("began with", "pupil with a defocus of +120 (y), -40 (x) px²")
    ]
    remark = Finding(rule="flux", says="good", text="the flux steps by 3 %.")
    assert verdict_rows(Verdict(verdict="good", rules=[remark]), None, None)[1:] == [
        ("remark", "the flux steps by 3 %. [flux]")
    ]


def test_a_perfect_prtf_is_no_praise_where_there_is_no_picture() -> None:
    def told(verdict: Verdict | None) -> str:
        quality = Quality(prtf_cycles_per_px=0.5)
        ((name, line),) = rendering.quality_rows(quality, verdict)
        assert name == "PRTF"
        return line

    assert told(GOOD) == "above 1/e up to the end of the band, 0.5 cycles/px"
    assert told(NO_PICTURE) == "not told: it says nothing while there is no picture"
    assert told(DOUBTFUL) == "not told: it says nothing while the picture is doubtful"
    assert told(None).endswith("; says nothing by itself")
    assert "end of the band" not in printed(rendering.job_record(judged(NO_PICTURE)))


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (GOOD, ", good; "),
        (NO_PICTURE, ", no picture: pixels left out .* would be right; "),
        (None, ": "),
    ],
)
def test_the_line_of_the_end_says_the_verdict(verdict: Verdict | None, said: str) -> None:
    line = rendering.outcome(judged(verdict))
    assert re.fullmatch(rf"job j1 succeeded after \d+ s{said}ptycho/u/j1/a1 in Tiled", line)


def test_a_linked_job_names_its_parent() -> None:
    spec = job().spec.model_copy(update={"kind": "frc", "parent": "j0", "halves": "counts"})
    linked = job(spec=spec.model_dump())
    assert "frc default" in printed(rendering.job_list([linked]))
    assert "j0, two halves of the counts" in printed(rendering.job_record(linked))
