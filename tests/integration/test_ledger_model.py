"""The ledger against its model; `make faults` runs it for longer."""

from __future__ import annotations

from tests.integration.ledger_machine import run_model


def test_the_ledger_agrees_with_its_model() -> None:
    run_model(examples=20, steps=40)
