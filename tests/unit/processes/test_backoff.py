"""Pauses before something that failed is tried again."""

from __future__ import annotations

from exitwave.processes import Backoff


def test_pauses_double_up_to_the_longest_and_begin_again_after_a_healthy_life() -> None:
    backoff = Backoff(0.5, 10.0, healthy_after_s=30.0)
    pauses = [backoff.pause_s(lived_s=1.0) for _ in range(7)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert backoff.pause_s(lived_s=31.0) == 0.5
    assert [backoff.pause_s(), backoff.pause_s()] == [0.5, 1.0]
    backoff.reset()
    assert backoff.pause_s() == 0.5


def test_it_never_overflows() -> None:
    backoff = Backoff(1.0, 30.0)
    assert {backoff.pause_s() for _ in range(2000)} == {1.0, 2.0, 4.0, 8.0, 16.0, 30.0}
