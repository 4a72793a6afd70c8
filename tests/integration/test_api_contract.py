"""The API keeps to its own description, whatever is sent."""

from __future__ import annotations

import pytest
from tests.faults import api_contract


@pytest.mark.timeout(300)
def test_strangers_get_documented_answers_and_problems() -> None:
    report = api_contract.run(150, seed=7, phases=["fuzzing", "stateful"])
    assert report["cases"] >= 150
    assert report["failures"] == report["server_errors"] == report["not_problems"] == []
    assert report["statuses"][200] > 0
    assert report["statuses"][404] > 0
