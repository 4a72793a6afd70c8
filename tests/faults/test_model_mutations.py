"""The model test can fail: bugs planted in the ledger turn it red."""

from __future__ import annotations

import pytest
from tests.faults.model_mutations import BUGS, planted, run_planted

from exitwave.ledger import lua_functions

DEMANDED = {
    "no fence": 4,
    "a reaped job is not put back": 1,
    "cancel leaves the job in ready": 3,
    "reprioritise requeues a running job": 1,
}
"""With seeds whose histories come to the point soon; `make faults` takes others."""


@pytest.mark.parametrize("name", DEMANDED)
def test_the_model_catches_a_planted_bug(name: str) -> None:
    caught, seconds = run_planted(name, random_seed=DEMANDED[name])
    assert caught, f"{name}: {seconds:.0f} s of histories agree with the model"


@pytest.mark.parametrize("name", BUGS)
def test_every_bug_still_has_its_place(name: str) -> None:
    right = lua_functions.SOURCE
    with planted(name):
        assert right != lua_functions.SOURCE
    assert right == lua_functions.SOURCE
