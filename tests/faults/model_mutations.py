"""Bugs planted in the ledger's functions: the model test has to catch each of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from tests.integration.ledger_machine import run_model

from exitwave.ledger import lua_functions
from exitwave.schema.errors import ExitwaveError, LedgerUnavailable


@dataclass(frozen=True, slots=True)
class Bug:
    """A text of the ledger's functions and what stands there instead."""

    right: str
    wrong: str


BUGS: dict[str, Bug] = {
    "no fence": Bug(
        "return job.state == 'running' and job.attempt == attempt and job.worker == worker",
        "return job.state == 'running'",
    ),
    "a reaped job is not put back": Bug(
        "  emit(root, job, kind)\n  make_ready(root, job, now, policy)\n",
        "  emit(root, job, kind)\n",
    ),
    "cancel leaves the job in ready": Bug(
        "  set_state(root, job, state)\n  out_of_ready(root, job.id)\n",
        "  set_state(root, job, state)\n",
    ),
    "reprioritise requeues a running job": Bug(
        "  elseif job.state == 'queued' then\n    make_ready(root, job, since",
        "  elseif not job.ended then\n    make_ready(root, job, since",
    ),
    "an outage takes the jobs from their workers": Bug(
        "if now < last or now - last > policy.lease / 2 then", "if now < last then"
    ),
    "a claim whose reply was lost takes a second job": Bug(
        "if redis.call('HGET', job.key, 'owner_instance') == owner_instance then",
        "if false then",
    ),
    "a paused job is claimed": Bug(
        "  if args.paused and not paused then\n    out_of_ready(root, job.id)\n",
        "  if args.paused and not paused then\n",
    ),
    "a preemption counts as a loss": Bug(
        "    redis.call('HINCRBY', job.key, 'preemptions', 1)\n",
        "    redis.call('HINCRBY', job.key, 'lost', 1)\n",
    ),
    "a deleted job stays in an index": Bug(
        "    if job[4] then redis.call('ZREM', index_key(root, 'owner', job[4]), id) end\n", ""
    ),
    "live work waits for batch work": Bug(
        "  for i = 1, math.min(live, #candidates) do\n", "  for i = 1, 0 do\n"
    ),
}

EXAMPLES = 60
STEPS = 40


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The ledger of this process brings functions with that bug to its server."""
    bug, right = BUGS[name], lua_functions.SOURCE
    if right.count(bug.right) != 1:
        raise LookupError(f"bug {name!r}: its place is no longer once in ledger/lua")
    lua_functions.SOURCE = right.replace(bug.right, bug.wrong)
    try:
        yield
    finally:
        lua_functions.SOURCE = right


def run_planted(name: str, *, random_seed: int | None = None) -> tuple[bool, float]:
    """Plant a bug and run the model test.

    Parameters
    ----------
    name : str
        Of `BUGS`.
    random_seed : int, optional
        For the same histories again.

    Returns
    -------
    bool, float
        Whether the model test went red, and after how many seconds.
    """
    began = time.perf_counter()
    caught = False
    with planted(name):
        try:
            run_model(EXAMPLES, STEPS, random_seed=random_seed)
        except LedgerUnavailable:
            raise  # the functions do not even load, or the server is gone
        except (AssertionError, ExitwaveError, pytest.fail.Exception):
            caught = True
    return caught, time.perf_counter() - began
