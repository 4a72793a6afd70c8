"""F17: the ledger against its model, and bugs that the model must notice."""

from __future__ import annotations

import time

from tests.faults.figures import Findings, Measured
from tests.faults.model_mutations import BUGS, run_planted
from tests.integration import ledger_machine
from tests.integration.ledger_machine import run_model
from tests.integration.own_server import OwnServer

EXAMPLES, STEPS = 300, 50


def model(seed: int) -> Measured:
    """Model test with real kill -9 of the server inside Hypothesis: 300 histories agree;
    planted bugs (no fence; reaped job not put back; cancel leaves it ready; reprioritise
    requeues a running job): all caught
    """
    found = Findings()
    began_s = time.monotonic()
    kills = _agrees(seed)
    found.say(
        f"{EXAMPLES} histories with {kills} kill -9 in {time.monotonic() - began_s:.0f} s"
    )
    found.check(kills > 0, "the server was never killed")
    missed, took_s = [], []
    for name in BUGS:
        caught, seconds = run_planted(name, random_seed=seed)
        took_s.append(seconds)
        if not caught:
            missed.append(name)
    found.say(
        f"{len(BUGS) - len(missed)} of {len(BUGS)} planted bugs caught, each within "
        f"{max(took_s):.0f} s"
    )
    found.check(not missed, f"not caught: {', '.join(missed)}")
    found.details["bugs"] = dict(zip(BUGS, (round(s, 1) for s in took_s), strict=True))
    return found.measured()


def _agrees(seed: int) -> int:
    """Raises where they do not; how often the server was killed in a history."""
    kills = 0

    class Counted(OwnServer):
        def kill(self) -> None:
            nonlocal kills
            kills += 1
            super().kill()

    usual = ledger_machine.OwnServer
    ledger_machine.OwnServer = Counted
    try:
        run_model(EXAMPLES, STEPS, random_seed=seed)
    finally:
        ledger_machine.OwnServer = usual
    return kills - 1  # the last one was after all histories
