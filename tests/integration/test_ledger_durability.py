"""What is answered is kept: configuration, replicas, lost replies, other releases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from tests.integration.ledger_bench import settings_for, spec, submit
from tests.integration.own_server import OwnServer
from tests.ledger_client import Ledger
from tests.support.stack import free_port, wait_until

from exitwave.api.server import _check_queue
from exitwave.ledger import ServiceLedger, lua_functions
from exitwave.ledger.control import ControlCommands
from exitwave.schema.errors import LedgerUnavailable, UsageError
from exitwave.schema.job import Job
from exitwave.settings.service import LedgerSettings, Settings


@contextmanager
def own_server(directory: Path, *options: str) -> Iterator[OwnServer]:
    server = OwnServer(directory, *options)
    try:
        yield server
    finally:
        server.kill()


async def test_a_server_that_keeps_what_it_answers_is_accepted(valkey_uri: str) -> None:
    settings = settings_for(valkey_uri)
    with Ledger(settings) as ledger:
        ledger.check_durability()
        submit(ledger)
    async with ServiceLedger(settings) as ledger_async:
        await ledger_async.check_durability()
        await ledger_async.submit(spec(), owner="me")


@pytest.mark.parametrize(
    ("option", "found"),
    [(("--appendfsync", "everysec"), "everysec"), (("--appendonly", "no"), "appendonly no")],
)
async def test_a_server_that_answers_before_its_disk_is_refused(
    tmp_path: Path, option: tuple[str, str], found: str
) -> None:
    with own_server(tmp_path, *option) as server:
        settings = settings_for(server.uri)
        with Ledger(settings) as ledger, pytest.raises(UsageError, match=found):
            ledger.check_durability()
        async with ServiceLedger(settings) as ledger_async:
            with pytest.raises(UsageError, match=found):
                await ledger_async.check_durability()


def test_a_server_that_hides_its_configuration_is_trusted(tmp_path: Path) -> None:
    hidden = ("--rename-command", "CONFIG", "")
    with own_server(tmp_path, *hidden) as server, Ledger(settings_for(server.uri)) as ledger:
        ledger.check_durability()
        submit(ledger)


def test_a_server_that_is_away_is_not_called_misconfigured(tmp_path: Path) -> None:
    settings = settings_for(f"unix://{tmp_path}/nobody")
    with Ledger(settings) as ledger, pytest.raises(LedgerUnavailable):
        ledger.check_durability()


def replica_port(directory: Path) -> tuple[str, tuple[str, ...]]:
    port = str(free_port())
    return port, ("--port", port, "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0")


def replicas(uri: str) -> int:
    with redis.Redis.from_url(uri) as raw:
        info = raw.info("replication")
    return sum(info[f"slave{n}"]["state"] == "online" for n in range(info["connected_slaves"]))


async def test_an_accepted_job_is_on_a_replicas_disk(tmp_path: Path) -> None:
    port, options = replica_port(tmp_path)
    with own_server(tmp_path / "first", *options) as first:
        options = ("--port", str(free_port()), "--replicaof", "127.0.0.1", port)
        with own_server(tmp_path / "second", *options, "--bind", "127.0.0.1") as second:
            wait_until(lambda: replicas(first.uri) == 1, "the replica", within_s=30)
            settings = settings_for(first.uri)
            with Ledger(settings) as ledger:
                if not knows_waitaof(first.uri):
                    with pytest.raises(UsageError, match="no WAITAOF"):
                        ledger.check_durability()
                    return
                ledger.check_durability()
                keyed = {"owner": "me", "idempotency_key": "k"}
                job, created = ledger.submit(spec(), **keyed)
                assert created
                second.freeze()
                with pytest.raises(LedgerUnavailable, match="0 replicas"):
                    ledger.submit(spec(), owner="me", idempotency_key="slow")
                with Ledger(settings) as fresh:  # a connection that has written nothing yet
                    fresh.check_durability()
                    with pytest.raises(LedgerUnavailable, match="0 replicas"):
                        fresh.submit(spec(), owner="me", idempotency_key="slow")
                second.thaw()
                slow = accepted_in_the_end(ledger, "slow")
                second.kill()
                # Also what is already known here has to be there before it is promised.
                with pytest.raises(LedgerUnavailable, match="0 replicas"):
                    ledger.submit(spec(), **keyed)
                with pytest.raises(LedgerUnavailable, match="0 replicas"):
                    ledger.submit(spec(), owner="me", idempotency_key="other")
                assert ledger.get(job.id) == job  # looking does not wait
                second.start()
                wait_until(lambda: replicas(first.uri) == 1, "the replica", within_s=30)
                again = accepted_in_the_end(ledger, "other")
            async with ServiceLedger(settings) as ledger_async:
                await ledger_async.check_durability()
                third, _ = await ledger_async.submit(spec(), owner="me")
            first.kill()
            second.kill()
            second.start()
            with redis.Redis.from_url(second.uri) as raw:
                raw.replicaof("NO", "ONE")
            promoted = settings.model_copy(update={"uri": settings_for(second.uri).uri})
            with Ledger(promoted) as ledger:
                found = {each.id for each in ledger.list().jobs}
                assert found == {job.id, slow.id, again.id, third.id}


def accepted_in_the_end(ledger: Ledger, idempotency_key: str) -> Job:
    """Sent until it is accepted, as a client does after each 503."""
    for _ in range(15):
        try:
            return ledger.submit(spec(), owner="me", idempotency_key=idempotency_key)[0]
        except LedgerUnavailable:
            continue
    raise AssertionError(f"{idempotency_key}: not accepted although the replica is back")


def knows_waitaof(uri: str) -> bool:
    with redis.Redis.from_url(uri) as raw:
        try:
            raw.execute_command("WAITAOF", 0, 0, 0)
        except redis.ResponseError:
            return False
    return True


def test_a_submission_sent_twice_is_one_and_counts_as_new(
    ledger: Ledger, ledger_settings: LedgerSettings
) -> None:
    """The client sends a command again when its reply is lost on the way."""
    call = ControlCommands(ledger_settings).submit(
        spec(), owner="me", idempotency_key=None, request_digest=None
    )
    first = ledger.run(call)
    assert first[1]
    assert ledger.run(call) == first
    assert len(ledger.list().jobs) == 1


def other_version(version: str) -> str:
    return lua_functions.SOURCE.replace(
        f"VERSION = '{lua_functions.VERSION}'", f"VERSION = '{version}'"
    )


def test_older_functions_are_replaced_and_then_refuse_the_older_program(
    tmp_path: Path,
) -> None:
    with own_server(tmp_path) as server, redis.Redis.from_url(server.uri) as raw:
        raw.function_load(other_version("1"), replace=True)
        with Ledger(settings_for(server.uri)) as ledger:
            submit(ledger)
        with pytest.raises(
            redis.ResponseError, match=f"EXITWAVEVERSION {lua_functions.VERSION}"
        ):
            raw.fcall("exitwave_get", 1, "{x}", "1", "{}", "id")


def test_an_older_program_is_told_which_version_the_queue_speaks(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(ledger)
    ours = lua_functions.VERSION
    monkeypatch.setattr(lua_functions, "SOURCE", other_version("1"))
    monkeypatch.setattr(lua_functions, "VERSION", 1)
    with pytest.raises(LedgerUnavailable, match=rf"queue speaks version {ours} .* version 1;"):
        ledger.list()


async def test_records_of_the_last_release_are_refused(tmp_path: Path) -> None:
    with own_server(tmp_path) as server, redis.Redis.from_url(server.uri) as raw:
        settings = settings_for(server.uri)
        last = str(lua_functions.VERSION - 1)
        raw.set(f"{{{settings.prefix}}}:version", last)
        found = f"records: found version {last}; expected version {lua_functions.VERSION},"
        with Ledger(settings) as ledger, pytest.raises(LedgerUnavailable, match=found):
            submit(ledger)
        assert raw.function_list() == []  # the last release can still finish its jobs
        with pytest.raises(UsageError, match=found):
            _check_queue(Settings(ledger=settings))
        async with ServiceLedger(settings) as ledger_async:
            with pytest.raises(UsageError, match=found):
                await ledger_async.check_layout()


def test_records_of_another_release_are_left_alone(tmp_path: Path) -> None:
    with own_server(tmp_path) as server, redis.Redis.from_url(server.uri) as raw:
        settings = settings_for(server.uri)
        older = other_version("1")
        raw.function_load(older, replace=True)
        raw.zadd(f"{{{settings.prefix}}}:jobs", {"an old job": 1})
        with Ledger(settings) as ledger:
            with pytest.raises(LedgerUnavailable, match="records: found version 1;"):
                ledger.claim("w", "cpu")
            assert raw.function_list()[0][5] != lua_functions.SOURCE  # nobody else is shut out
            raw.function_load(lua_functions.SOURCE, replace=True)
            with pytest.raises(LedgerUnavailable, match="queue speaks version 1"):
                ledger.claim("w", "cpu")
