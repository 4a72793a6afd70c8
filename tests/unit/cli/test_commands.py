"""Commands against a small real HTTP server: what they send, print and leave with."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest
from tests.support.verdicts import DOUBTFUL, GOOD, NO_PICTURE
from tests.unit.client.http_server import (
    KEY,
    STREAM,
    Answer,
    Server,
    event,
    job,
    problem,
    serving,
)

from exitwave.cli import main
from exitwave.schema.job import Event
from exitwave.schema.verdict import Verdict

KEY_INFO = {
    "id": "ab12",
    "owner": "eva",
    "scopes": ["read:jobs", "write:jobs"],
    "created_at": "2026-11-22T10:00:00Z",
    "note": "notebook",
}
WORKER = {
    "name": "node1-42",
    "state": "quarantined",
    "note": "failed 3 health probes",
    "seen_at": "2026-11-22T10:00:00Z",
}
QUEUE = {
    "paused": True,
    "waiting": 2,
    "running": 1,
    "queued": [{"id": "j7", "position": 0, "priority": 3}],
}
NOT_FOUND = problem(404, "job-not-found", "job nosuchjob: found none; expected an id")
FORBIDDEN = problem(403, "forbidden", "key ab12: found read:jobs; expected control:jobs")


class Shell:
    """Runs commands in this process."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def run(self, server: Server, *words: str, code: int = 0) -> tuple[str, str]:
        """Its standard output and standard error."""
        self._monkeypatch.setenv("EXITWAVE_URL", server.url)
        self._monkeypatch.setenv("EXITWAVE_API_KEY", KEY)
        self._monkeypatch.setattr(sys, "argv", ["exitwave", *words])
        with pytest.raises(SystemExit) as left:
            main.main()
        captured = self._capsys.readouterr()
        assert left.value.code == code, captured.err
        assert KEY not in captured.out + captured.err
        return captured.out, captured.err


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("words", "line", "body", "answer", "said"),
    [
        ("stop j1", "POST /api/v1/jobs/j1/stop", None, job(), "told to end now and keep"),
        ("cancel j1", "POST /api/v1/jobs/j1/cancel", None, job("cancelled"), "j1 cancelled"),
        ("retry j1", "POST /api/v1/jobs/j1/retry", None, job("queued"), "job j1 queued"),
        (
            "rerun j1 --set recipe.seed=4 --set data.subset=null --priority 7",
            "POST /api/v1/jobs/j1/rerun",
            {"overrides": {"recipe.seed": 4, "data.subset": None}, "priority": 7},
            job("queued"),
            "job j1 queued",
        ),
        (
            "reprioritise j1 2",
            "PATCH /api/v1/jobs/j1",
            {"priority": 2},
            job("queued", priority=2),
            "queued, priority 2",
        ),
        (
            "pause j1",
            "PATCH /api/v1/jobs/j1",
            {"paused": True},
            job("queued", paused=True),
            "queued, paused",
        ),
        (
            "resume j1",
            "PATCH /api/v1/jobs/j1",
            {"paused": False},
            job("queued"),
            "job j1 is queued\n",
        ),
        (
            "pause",
            "PATCH /api/v1/queue",
            {"paused": True},
            json.dumps(QUEUE),
            "paused: no job is claimed; 2 waiting, 1 running",
        ),
        (
            "resume",
            "PATCH /api/v1/queue",
            {"paused": False},
            json.dumps(QUEUE | {"paused": False}),
            "2 waiting, 1 running",
        ),
        ("delete j1", "DELETE /api/v1/jobs/j1", None, "", "job j1 deleted"),
        ("queue --limit 5", "GET /api/v1/queue?limit=5", None, json.dumps(QUEUE), "j7"),
        (
            "workers",
            "GET /api/v1/workers",
            None,
            json.dumps({"workers": [WORKER]}),
            "failed 3 health probes",
        ),
        (
            "workers drain node1-42",
            "PATCH /api/v1/workers/node1-42",
            {"draining": True},
            json.dumps(WORKER | {"state": "draining", "job_id": "j1"}),
            "claims no further job; it ends job j1 first",
        ),
        (
            "workers undrain node1-42",
            "PATCH /api/v1/workers/node1-42",
            {"draining": False},
            json.dumps(WORKER),
            "claims jobs again",
        ),
        (
            "keys list",
            "GET /api/v1/keys",
            None,
            json.dumps({"keys": [KEY_INFO]}),
            "read:jobs write:jobs",
        ),
        ("keys revoke ab12", "DELETE /api/v1/keys/ab12", None, "", "key ab12 revoked"),
        (
            "submit 7f0c --start j0 --tag night",
            "POST /api/v1/jobs",
            {
                "scan": "7f0c",
                "recipe": "default",
                "overrides": {},
                "priority": 5,
                "tags": ["night"],
                "start": "j0",
            },
            job("queued"),
            "job j1 queued",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)
def test_a_command_is_one_request_and_a_line(
    shell: Shell, words: str, line: str, body: object, answer: str, said: str
) -> None:
    with serving(Answer(answer)) as server:
        out, _ = shell.run(server, *words.split())
    assert server.lines() == [line]
    assert (json.loads(server.seen[0].body) if server.seen[0].body else None) == body
    assert said in out


@pytest.mark.parametrize(
    ("words", "answer", "path"),
    [
        ("jobs", {"jobs": [json.loads(job())]}, [0, "id"]),
        ("show j1", json.loads(job()), ["id"]),
        ("queue", QUEUE, ["queued", 0, "id"]),
        ("workers", {"workers": [WORKER]}, [0, "name"]),
        ("keys list", {"keys": [KEY_INFO]}, [0, "id"]),
        ("pause", QUEUE, ["paused"]),
        ("cancel j1", json.loads(job()), ["state"]),
    ],
)
def test_what_is_listed_can_be_json(
    shell: Shell, words: str, answer: object, path: list[str | int]
) -> None:
    with serving(Answer(json.dumps(answer))) as server:
        out, _ = shell.run(server, *words.split(), "--json")
    found = json.loads(out)
    for step in path:
        found = found[step]
    assert found


@pytest.mark.parametrize(
    "words",
    [
        "show nosuchjob",
        "cancel nosuchjob",
        "stop nosuchjob",
        "retry nosuchjob",
        "rerun nosuchjob",
        "reprioritise nosuchjob 3",
        "pause nosuchjob",
        "resume nosuchjob",
        "delete nosuchjob",
        "watch nosuchjob",
        "frc nosuchjob",
        "download nosuchjob",
    ],
)
def test_the_service_says_what_is_wrong(shell: Shell, words: str) -> None:
    for answer in (NOT_FOUND, FORBIDDEN):
        with serving(answer) as server:
            out, error = shell.run(server, *words.split(), code=1)
        assert out == ""
        assert error == f"exitwave: {json.loads(str(answer.body))['detail']}\n"


def test_a_new_key_is_printed_alone_and_once(shell: Shell) -> None:
    answer = Answer(json.dumps({"key": "ab12.f00d", "info": KEY_INFO}), 201)
    words = "keys create --owner eva --scope read:jobs --scope write:jobs --expires-days 30"
    with serving(answer) as server:
        out, error = shell.run(server, *words.split(), "--note", "her notebook")
    assert out == "ab12.f00d\n"
    assert "f00d" not in error
    assert json.loads(server.seen[0].body) == {
        "owner": "eva",
        "scopes": ["read:jobs", "write:jobs"],
        "expires_in_days": 30,
        "note": "her notebook",
    }


def test_many_scans_are_one_request_and_a_line_each(shell: Shell) -> None:
    lost = json.loads(str(problem(404, "scan-not-found", "scan 9: found none").body))
    items = [{"scan": "7f0c", "job": json.loads(job("queued"))}, {"scan": 9, "problem": lost}]
    answer = Answer(json.dumps({"items": items}), 202)
    with serving(answer, answer) as server:
        out, error = shell.run(server, "submit", "7f0c", "9", "--set", "recipe.seed=3", code=1)
        listed, _ = shell.run(server, "submit", "7f0c", "9", "--json", code=1)
    assert out == "scan 7f0c: job j1 queued\n"
    assert error == "exitwave: scan 9: scan 9: found none\n"
    assert [item["scan"] for item in json.loads(listed)] == ["7f0c", 9]
    body = json.loads(server.seen[0].body)
    assert (body["scans"], body["overrides"]) == (["7f0c", 9], {"recipe.seed": 3})


def test_waiting_for_many_ends_well_only_if_all_did(shell: Shell) -> None:
    items = [{"scan": scan, "job": json.loads(job("queued"))} for scan in ("7f0c", "8a1d")]
    done = Answer(job("succeeded")), Answer(job("failed"))
    with serving(Answer(json.dumps({"items": items}), 202), *done) as server:
        out, _ = shell.run(server, "submit", "7f0c", "8a1d", "--wait", code=1)
    assert out == "scan 7f0c: job j1 succeeded\nscan 8a1d: job j1 failed\n"


def judged(verdict: Verdict | None) -> str:
    values = None if verdict is None else verdict.model_dump(mode="json")
    result = {"node": "ptycho/u/j1/a1", "attempt": 1, "epochs": 2, "verdict": values}
    return job("succeeded", result=result)


@pytest.mark.parametrize("words", ["submit 7f0c", "retry j1", "rerun j1"])
@pytest.mark.parametrize(
    ("verdict", "required", "code"),
    [
        (GOOD, "good", 0),
        (DOUBTFUL, "doubtful", 0),
        (DOUBTFUL, "good", 1),
        (NO_PICTURE, "doubtful", 1),
        (None, "doubtful", 1),
    ],
)
def test_waiting_may_require_a_picture(
    shell: Shell, words: str, verdict: Verdict | None, required: str, code: int
) -> None:
    asked = [*words.split(), "--wait", "--require", required]
    done = Answer(judged(verdict))
    with serving(answer_to=lambda _: done) as server:
        out, error = shell.run(server, *asked, code=code)
        listed, again = shell.run(server, *asked, "--json", code=code)
        shell.run(server, *words.split(), "--wait")
    assert out.startswith("job j1 succeeded")
    found = json.loads(listed)["result"]["verdict"]
    assert (found and found["verdict"]) == (verdict and verdict.verdict)
    assert again == error
    if code:
        word = "no verdict in its result" if verdict is None else verdict.verdict
        assert error.startswith(f"exitwave: job j1: found {word}")
        assert error.count("\n") == 1 and f"; expected {required}" in error
    else:
        assert error == ""


def test_json_has_no_infinity(shell: Shell) -> None:
    endless = NO_PICTURE.model_copy(update={"figures": {"ratio": math.inf}})
    with serving(Answer(judged(endless).replace("Infinity", '"Infinity"'))) as server:
        out, _ = shell.run(server, "show", "j1", "--json")
    found = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert found["result"]["verdict"]["figures"] == {"ratio": "Infinity"}


def test_many_scans_may_require_pictures(shell: Shell) -> None:
    items = [{"scan": scan, "job": json.loads(job("queued"))} for scan in ("7f0c", "8a1d")]
    answers = Answer(json.dumps({"items": items}), 202), Answer(judged(GOOD))
    words = ("submit", "7f0c", "8a1d", "--wait", "--require", "doubtful")
    with serving(*answers, Answer(judged(NO_PICTURE))) as server:
        out, error = shell.run(server, *words, code=1)
    first, second = out.splitlines()
    assert first.startswith("scan 7f0c: job j1 succeeded") and ", good;" in first
    assert ", no picture: pixels left out" in second
    assert error.count("\n") == 1 and "found no picture" in error


def test_watching_says_the_verdict_at_the_end(shell: Shell) -> None:
    ended = Event(
        id="9-0",
        at="2026-11-22T10:00:00Z",
        job_id="j1",
        kind="ended",
        state="succeeded",
        attempt=1,
        verdict="no picture",
    )
    text = f"event: ended\nid: 9-0\ndata: {ended.model_dump_json()}\n\n"
    answers = Answer(job()), Answer(text, headers=STREAM), Answer(judged(NO_PICTURE))
    with serving(*answers) as server:
        out, error = shell.run(server, "watch", "j1")
    assert "job j1 succeeded, no picture\n" in error
    assert "no picture: pixels left out" in out


def page(numbers: range, cursor: str | None = None, corrupt: tuple[str, ...] = ()) -> Answer:
    jobs = [json.loads(job(id=f"j{number}")) for number in numbers]
    return Answer(json.dumps({"jobs": jobs, "cursor": cursor, "corrupt": corrupt}))


def test_long_lists_come_page_by_page(shell: Shell) -> None:
    pages = page(range(200), "a"), page(range(200, 400), "b"), page(range(400, 450))
    with serving(*pages) as server:
        out, _ = shell.run(server, "jobs", "--all", "--json")
    assert [found["id"] for found in json.loads(out)] == [f"j{n}" for n in range(450)]
    with serving(*pages) as server:
        out, _ = shell.run(server, "jobs", "--limit", "250", "--json")
    assert len(json.loads(out)) == 250
    assert len(server.seen) == 2
    with serving(page(range(3), "a")) as server:
        out, _ = shell.run(server, "jobs", "--limit", "3", "--tag", "t", "--owner", "eva")
    assert "there are more; --limit 6 or --all shows them" in out
    assert server.lines() == ["GET /api/v1/jobs?tag=t&owner=eva&limit=3"]


def test_corrupt_records_are_told(shell: Shell) -> None:
    with serving(page(range(1), corrupt=("jx", "jy"))) as server:
        out, error = shell.run(server, "jobs", "--json")
    assert len(json.loads(out)) == 1
    assert error == "exitwave: jobs that cannot be read: jx jy\n"


def test_corrupt_keys_are_told(shell: Shell) -> None:
    with serving(Answer(json.dumps({"keys": [KEY_INFO], "corrupt": ["cd34"]}))) as server:
        out, error = shell.run(server, "keys", "list")
    assert "eva" in out
    assert error == "exitwave: keys that cannot be read: cd34\n"


def test_show_finds_the_jobs_that_refer_to_it(shell: Shell) -> None:
    mine = json.loads(job("succeeded"))

    def other(name: str, **spec: object) -> dict[str, object]:
        return mine | {"id": name, "spec": mine["spec"] | spec}

    start = {"job_id": "j1", "attempt": 1, "node": "n"}
    listed = [
        other("j5", parent="j1", kind="frc"),
        other("j4", retry_of="j1"),
        other("j3", start=start),
        other("j2"),
        mine,
        other("j0", retry_of="j1") | {"submitted_at": "2026-11-22T09:00:00Z"},
    ]
    listing = Answer(json.dumps({"jobs": listed, "cursor": "never asked for"}))
    with serving(Answer(json.dumps(mine)), listing) as server:
        out, _ = shell.run(server, "show", "j1")
    said = " ".join(out.split())
    assert "frc j5 succeeded retried as j4 succeeded start of j3 succeeded" in said
    assert "j2" not in said and "j0" not in said
    assert server.lines()[1] == "GET /api/v1/jobs?scan=u&limit=200"


def test_watching_tells_every_kind_of_news(shell: Shell) -> None:
    kinds = [
        "submitted",
        "started",
        "preempt_requested",
        "preempted",
        "stop_requested",
        "stale",
    ]
    stream = b"".join(event(number, kind=kind) for number, kind in enumerate(kinds, 1))
    answers = [
        Answer(job()),
        Answer(stream + event(9, "succeeded", "ended"), headers=STREAM),
        Answer(job("succeeded")),
    ]
    with serving(*answers) as server:
        out, error = shell.run(server, "watch", "j1")
    assert "j1 succeeded" in out
    for news in ("preempted by live work", "keep its result", "a stale attempt"):
        assert news in " ".join(error.split())


@pytest.mark.parametrize("state", ["failed", "cancelled", "dead"])
@pytest.mark.parametrize("words", [["watch", "j1"], ["retry", "j1", "--wait"]])
def test_a_job_that_did_not_succeed_is_exit_code_1(
    shell: Shell, words: list[str], state: str
) -> None:
    failure = {"slug": "engine-error", "message": "it diverged"} if state == "failed" else None
    with serving(answer_to=lambda _: Answer(job(state, failure=failure))) as server:
        out, _ = shell.run(server, *words, code=1)
    assert out == f"job j1 {state}{': it diverged' if failure else ''}\n"


def test_a_download_that_cannot_be_written_is_a_line(shell: Shell, tmp_path: Path) -> None:
    with serving(Answer(b"x")) as server:
        _, error = shell.run(
            server, "download", "j1", "--out", str(tmp_path / "none" / "a.cxi"), code=2
        )
    assert error.startswith("exitwave: --out: ") and error.count("\n") == 1
