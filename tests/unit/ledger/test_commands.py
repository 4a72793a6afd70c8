"""What the clients of the ledger share: commands, replies, ids, versions."""

from __future__ import annotations

import inspect
import time

import pytest
from tests.ledger_client import Ledger

from exitwave.ledger import ServiceLedger, lua_functions
from exitwave.ledger.commands import Commands
from exitwave.ledger.ids import ALPHABET, new_job_id
from exitwave.schema.errors import InvalidInput, LedgerUnavailable
from exitwave.settings.service import LedgerSettings


def test_ids_sort_by_time_and_are_unique_and_safe() -> None:
    first = new_job_id()
    time.sleep(0.002)
    ids = [new_job_id() for _ in range(1000)]
    assert all(first < each for each in ids)
    assert len(set(ids)) == 1000
    assert {len(each) for each in ids} == {26}
    assert set("".join(ids)) <= set(ALPHABET)


def test_the_tests_have_every_method_of_the_service() -> None:
    def signatures(client: type) -> dict[str, tuple[str, ...]]:
        return {
            name: tuple(inspect.signature(method).parameters)
            for name, method in inspect.getmembers(client, inspect.isfunction)
            if not name.startswith("_")
        }

    assert signatures(ServiceLedger).items() <= signatures(Ledger).items()


@pytest.mark.parametrize("after", ["", "-1", "1-", "abc", "1-1-1", "$", "9" * 30, "1\n"])
def test_made_up_event_ids_are_refused(after: str) -> None:
    with pytest.raises(InvalidInput, match="event id"):
        Commands(LedgerSettings()).read_events(after, 0.0, 10)


@pytest.mark.parametrize("cursor", ["", "-inf", "(1", "1.5", "x"])
def test_made_up_cursors_are_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        Commands(LedgerSettings()).list_jobs(None, None, None, None, 10, cursor)


def _listing(source: str) -> list[list[object]]:
    return [["library_name", "exitwave", "engine", "LUA", "library_code", source]]


def test_functions_are_loaded_when_missing_or_other_and_kept_when_ours() -> None:
    older = lua_functions.SOURCE.replace(
        f"VERSION = '{lua_functions.VERSION}'", "VERSION = '0'"
    )
    assert lua_functions.VERSION >= 1
    assert lua_functions.must_load([])
    assert lua_functions.must_load(_listing(older))
    assert not lua_functions.must_load(_listing(lua_functions.SOURCE))


def test_functions_of_a_newer_release_are_left_alone() -> None:
    newer = lua_functions.SOURCE.replace(
        f"VERSION = '{lua_functions.VERSION}'", "VERSION = '999'"
    )
    with pytest.raises(LedgerUnavailable, match="update this program"):
        lua_functions.must_load(_listing(newer))
