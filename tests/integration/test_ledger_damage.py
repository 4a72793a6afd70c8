"""Records damaged by hand are named and quarantined; ended jobs go and leave nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import redis
from tests.integration.ledger_bench import RESULT, claim, kinds, settings_for, spec, submit
from tests.ledger_client import Ledger

from exitwave.ledger import ServiceLedger
from exitwave.schema.errors import JobNotFound, LedgerCorrupt, LedgerUnavailable
from exitwave.schema.job import JobState
from exitwave.settings.service import LedgerSettings

Damage = Callable[[redis.Redis, str], object]


@pytest.fixture
def raw(ledger_settings: LedgerSettings) -> Iterator[redis.Redis]:
    uri = ledger_settings.uri.get_secret_value()
    with redis.Redis.from_url(uri, decode_responses=True) as opened:
        yield opened


def removed(field: str) -> Damage:
    return lambda raw, key: raw.hdel(key, field)


def overwritten(field: str, value: str) -> Damage:
    return lambda raw, key: raw.hset(key, field, value)


def replaced(raw: redis.Redis, key: str) -> None:
    raw.delete(key)
    raw.set(key, "hello")


DAMAGES: list[tuple[str, Damage]] = [
    ("state", removed("state")),
    ("state", overwritten("state", "sleeping")),
    ("attempt", overwritten("attempt", "two")),
    ("attempt", overwritten("attempt", "nan")),
    ("score", overwritten("score", "-5")),
    ("lost", removed("lost")),
    ("id", overwritten("id", "another")),
    ("id", replaced),
    ("id", lambda raw, key: raw.delete(key)),
]
"""What the functions on the server stumble over."""

UNSEEN: list[tuple[str, Damage]] = [
    ("spec", overwritten("spec", "{")),
    ("spec", overwritten("spec", '{"scan": 3}')),
    ("spec", overwritten("spec", "[" * 100_000)),
    ("submitted_at", overwritten("submitted_at", "9" * 30)),
    ("owner", removed("owner")),
]
"""What only the program that reads the record stumbles over."""


@pytest.mark.parametrize(("field", "damage"), [*DAMAGES, *UNSEEN])
def test_a_corrupt_record_is_named_and_the_others_go_on(
    ledger: Ledger,
    ledger_settings: LedgerSettings,
    raw: redis.Redis,
    field: str,
    damage: Damage,
) -> None:
    root = f"{{{ledger_settings.prefix}}}"
    sick, well = submit(ledger), submit(ledger)
    damage(raw, f"{root}:job:{sick.id}")
    if field != "score":  # which nobody is shown
        with pytest.raises(LedgerCorrupt, match=f"{sick.id}.*{field}"):
            ledger.get(sick.id)
        page = ledger.list()
        assert (page.corrupt, [job.id for job in page.jobs]) == ([sick.id], [well.id])
    ledger.tick()
    assert claim(ledger).id == well.id
    assert ledger.heartbeat(well.id, 1, "w") == "go"
    assert ledger.claim("other", "cpu") is None
    assert set(kinds(ledger, sick.id)) <= {"submitted", "started"}
    for key in ("ready", "waiting", "paused", "leased"):
        assert raw.zscore(f"{root}:{key}", sick.id) is None
    assert raw.zscore(f"{root}:quarantined", sick.id) is not None
    if (field, damage) in DAMAGES:
        for act in (ledger.cancel, ledger.stop, ledger.pause, ledger.resume):
            with pytest.raises(LedgerCorrupt, match=sick.id):
                act(sick.id)
        with pytest.raises(LedgerCorrupt, match=sick.id):
            ledger.reprioritise(sick.id, 3)
    assert ledger.queue().queued == []
    ledger.delete(sick.id)
    with pytest.raises(JobNotFound):
        ledger.get(sick.id)
    page = ledger.list(scan="s")
    assert (page.corrupt, [job.id for job in page.jobs]) == ([], [well.id])


@pytest.mark.parametrize("field", ["a:1:worker", "a:1:started_at"])
def test_a_running_job_that_is_corrupt_is_dropped_by_its_worker(
    ledger: Ledger, ledger_settings: LedgerSettings, raw: redis.Redis, field: str
) -> None:
    job = submit(ledger)
    claim(ledger)
    raw.hdel(f"{{{ledger_settings.prefix}}}:job:{job.id}", field)
    submit(ledger, priority=0)  # for which the running ones are looked at
    assert ledger.heartbeat(job.id, 1, "w") == "stale"
    with pytest.raises(LedgerCorrupt, match=field):
        ledger.finish(job.id, 1, "w", "succeeded", result=RESULT)
    assert ledger.queue().running == 0


@pytest.mark.parametrize("state", ["running", "succeeded"])
def test_a_queued_job_whose_state_was_changed_by_hand_is_not_claimed(
    ledger: Ledger, ledger_settings: LedgerSettings, raw: redis.Redis, state: str
) -> None:
    root = f"{{{ledger_settings.prefix}}}"
    sick, well = submit(ledger), submit(ledger)
    overwritten("state", state)(raw, f"{root}:job:{sick.id}")
    assert claim(ledger).id == well.id
    assert raw.zscore(f"{root}:quarantined", sick.id) is not None


def test_a_running_job_whose_state_was_changed_by_hand_is_not_swept(
    ledger: Ledger, ledger_settings: LedgerSettings, raw: redis.Redis
) -> None:
    root = f"{{{ledger_settings.prefix}}}"
    sick = submit(ledger)
    claim(ledger)
    overwritten("state", "queued")(raw, f"{root}:job:{sick.id}")
    raw.zadd(f"{root}:leased", {sick.id: 1})
    ledger.tick()
    assert raw.zscore(f"{root}:quarantined", sick.id) is not None
    assert kinds(ledger, sick.id) == ["submitted", "started"]


def test_keys_of_another_kind_are_reported(
    ledger: Ledger, ledger_settings: LedgerSettings, raw: redis.Redis
) -> None:
    submit(ledger)
    root = f"{{{ledger_settings.prefix}}}"
    raw.delete(f"{root}:jobs")
    raw.set(f"{root}:jobs", "hello")
    with pytest.raises(LedgerUnavailable, match="another kind"):
        ledger.list()
    raw.hset(f"{root}:workers", "w", "not what was written")
    ledger.tick()
    assert ledger.workers() == []


@pytest.mark.parametrize(
    "name", ["seq", "jobs", "ready", "waiting", "events", "counts", "wakeup"]
)
def test_half_a_submission_is_never_left_behind(
    ledger: Ledger, ledger_settings: LedgerSettings, raw: redis.Redis, name: str
) -> None:
    key = f"{{{ledger_settings.prefix}}}:{name}"
    submit(ledger)
    raw.rename(key, f"{key}-right")
    raw.set(key, "hello")
    keyed = {"owner": "me", "idempotency_key": "k"}
    with pytest.raises(LedgerUnavailable, match="another kind"):
        ledger.submit(spec(), **keyed)
    raw.rename(f"{key}-right", key)
    job, created = ledger.submit(spec(), **keyed)
    assert created
    assert [each.id for each in ledger.queue().queued][1:] == [job.id]
    assert ledger.queue().waiting == len(ledger.list(state=JobState.QUEUED).jobs) == 2


async def test_entries_that_cannot_be_read_are_passed_over(
    ledger: Ledger, ledger_settings: LedgerSettings, raw: redis.Redis
) -> None:
    root = f"{{{ledger_settings.prefix}}}"
    first = submit(ledger)
    raw.xadd(f"{root}:events", {"hello": "world"})
    event = {"job": first.id, "owner": "me", "kind": "progress", "state": "running"}
    raw.xadd(f"{root}:events", {**event, "attempt": "1", "progress": "{"})
    second = submit(ledger)
    assert [event.job_id for event in ledger.events("0")] == [first.id, second.id]
    assert [event.job_id for event in ledger.events("0", job_id=second.id, limit=1)] == [
        second.id
    ]
    last = raw.xadd(f"{root}:events", {"hello": "world"})
    assert ledger.events(ledger.events("0")[-1].id, wait_s=0.05) == []
    async with ServiceLedger(ledger_settings) as other:
        assert len(await other.events("0", limit=1)) == 1
        assert await other.events(last, wait_s=0.05) == []
    now_ms = raw.hget(f"{root}:job:{first.id}", "submitted_at")
    for name, text in (("odd", '{"a": 1}'), ("list", "[1]"), ("text", "{")):
        raw.hset(f"{root}:workers", name, f"{now_ms} {text}")
    ledger.register_worker("w", "cpu", "idle")
    assert [worker.name for worker in ledger.workers()] == ["w"]
    ledger.tick()


def keys_of(raw: redis.Redis, settings: LedgerSettings) -> set[str]:
    # Only the tests look at every key.
    return set(raw.scan_iter(match=f"{{{settings.prefix}}}:*", count=1000))


def full_life(ledger: Ledger, number: int) -> str:
    """A job that leaves a trace in every kind of key."""
    job, _ = ledger.submit(
        spec(f"scan{number}", tags=["a", f"t{number}"]),
        owner=f"owner{number}",
        idempotency_key=str(number),
    )
    ledger.pause(job.id)
    ledger.reprioritise(job.id, number % 10)
    ledger.resume(job.id)
    claim(ledger)
    ledger.cancel(job.id)
    ledger.finish(job.id, 1, "w", "lost")
    return job.id


def test_ended_jobs_go_by_count_and_leave_nothing(valkey_uri: str, raw: redis.Redis) -> None:
    settings = settings_for(valkey_uri, keep_jobs=3)
    with Ledger(settings) as ledger:
        first = full_life(ledger, 0)
        for number in range(1, 3):
            full_life(ledger, number)
        ledger.tick()
        before = keys_of(raw, settings)
        assert len(ledger.list().jobs) == 3
        ids = [full_life(ledger, number) for number in range(3, 113)]
        for _ in range(2):  # a bounded number in each
            assert len(ledger.list(limit=500).jobs) > 3
            ledger.tick()
        kept = ledger.list(limit=500).jobs
        assert [job.id for job in kept] == ids[:-4:-1]
        assert len(keys_of(raw, settings)) == len(before)
        with pytest.raises(JobNotFound):
            ledger.get(first)
        for job in kept:
            ledger.delete(job.id)
            raw.delete(f"{{{settings.prefix}}}:deleted:{job.id}")  # these expire
        left = {key.partition("}:")[2] for key in keys_of(raw, settings)}
        forever = {"seq", "claims", "counts", "events", "wakeup", "clock", "version"}
        assert left <= {*forever, "wakeup:w"}


def test_ended_jobs_go_by_age_and_others_stay(valkey_uri: str, raw: redis.Redis) -> None:
    settings = settings_for(valkey_uri, keep_days=1)
    root = f"{{{settings.prefix}}}"
    with Ledger(settings) as ledger:
        old, young = submit(ledger), submit(ledger)
        queued, running = submit(ledger), submit(ledger, priority=1)
        claim(ledger)
        ledger.cancel(old.id)
        ledger.cancel(young.id)
        raw.zincrby(f"{root}:ended", -86_400_001, old.id)
        ledger.tick()
        states = {job.id: job.state for job in ledger.list().jobs}
        assert states == {
            young.id: JobState.CANCELLED,
            queued.id: JobState.QUEUED,
            running.id: JobState.RUNNING,
        }
