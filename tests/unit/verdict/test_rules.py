"""Each rule speaks where it must, with its figure, and is silent else."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from exitwave.schema.verdict import Finding
from exitwave.verdict import Figures, judge_run
from exitwave.verdict.rules import RULES

GOOD = Figures(
    frames=100,
    counted=True,
    signal=4.4,
    fit=1.02,
    unexplained=0.01,
    explained=0.85,
    explained_patterns=math.nan,
    wild_frames=0.0,
    uneven=1.2,
    left_in_frames=0.05,
    pull=0.8,
    off_px=0.0,
    strain=0.0002,
    widening=0.0001,
    distortion_gain=0.7,
    overlap=0.5,
    hidden_light=0.0,
    rim_light=0.002,
    wild_object=0.0,
    epochs_share=1.0,
    photons=5e5,
    dose=15.0,
    roughness=0.04,
)


PULLED = {"pull": 3.0, "off_px": 0.25, "strain": 0.002, "distortion_gain": 16.0}


def test_a_good_run_is_called_good_and_tells_its_figures() -> None:
    verdict = judge_run(GOOD)
    assert (verdict.verdict, verdict.rules) == ("good", [])
    assert verdict.figures["explained"] == 0.85
    assert "explained_patterns" not in verdict.figures, "not known: not told"


@pytest.mark.parametrize(
    ("rule", "changes", "says"),
    [
        ("fitted_pixels", {"unexplained": 0.3}, "doubtful"),
        ("fitted_pixels", {"unexplained": 0.8}, "no picture"),
        ("held_out_pixels", {"explained": 0.4}, "doubtful"),
        ("held_out_pixels", {"explained": 0.1}, "no picture"),
        ("held_out_patterns", {"explained_patterns": 0.3}, "doubtful"),
        ("held_out_patterns", {"explained_patterns": 0.0}, "no picture"),
        ("uneven_frames", {"uneven": 2.1, "explained": 0.7}, "doubtful"),
        ("uneven_frames", {"left_in_frames": 0.7, "explained": 0.7}, "doubtful"),
        ("uneven_frames", {"uneven": 2.1}, "good"),
        ("uneven_frames", {"uneven": 5.1}, "doubtful"),
        ("held_out_pixels", {"signal": 0.3, "explained": 0.0}, "no picture"),
        ("distorted_places", {**PULLED, "widening": -0.002}, "doubtful"),
        ("misplaced_views", {"pull": 6.0, "off_px": 0.5, "explained": 0.7}, "doubtful"),
        ("untested", {"explained": math.nan}, "doubtful"),
        ("wild_frames", {"wild_frames": 0.02}, "doubtful"),
        ("overlap", {"overlap": -0.4}, "doubtful"),
        ("hidden_light", {"hidden_light": 0.6, "explained": 0.48}, "doubtful"),
        ("rim_light", {"rim_light": 0.2}, "doubtful"),
        ("nothing_in_it", {"signal": 0.01, "explained": 0.0}, "no picture"),
        ("dose", {"dose": 1.0, "photons": 1e4}, "doubtful"),
        ("dose", {"dose": 2.0, "roughness": 0.2}, "doubtful"),
    ],
)
def test_each_rule_speaks(rule: str, changes: dict[str, float], says: str) -> None:
    verdict = judge_run(replace(GOOD, **changes))
    assert verdict.verdict == says
    found = next(one for one in verdict.rules if one.rule == rule)
    assert found.says == says and found.advice and found.figures
    assert len(found.text) < 160, "one line, for lists and pictures"


def test_every_rule_is_named_by_its_function() -> None:
    spoken = judge_run(
        replace(
            GOOD,
            unexplained=0.9,
            explained=0.0,
            explained_patterns=0.0,
            uneven=9.0,
            wild_frames=0.1,
            overlap=-1.0,
            hidden_light=0.9,
            rim_light=0.5,
            signal=0.05,
            dose=0.1,
            photons=1e3,
        )
    ).rules
    assert {found.rule for found in spoken} <= {rule.__name__ for rule in RULES}
    assert len({found.rule for found in spoken}) >= 6


def test_a_low_dose_excuses_what_noise_hides() -> None:
    """At 1e3 photons a right picture foretells little, and much of little is left."""
    dim = replace(
        GOOD, signal=0.9, explained=0.2, unexplained=0.4, dose=1.5, photons=5e4, roughness=0.02
    )
    assert judge_run(dim).verdict == "good"
    assert judge_run(replace(dim, signal=6.0)).verdict != "good"


def test_without_counts_the_noise_is_not_known_and_limits_are_strict() -> None:
    unknown = replace(
        GOOD, counted=False, signal=math.nan, fit=math.nan, dose=math.nan, photons=math.nan,
        roughness=math.nan,
    )  # fmt: skip
    assert judge_run(unknown).verdict == "good"
    assert judge_run(replace(unknown, explained=0.5)).verdict == "doubtful"
    assert judge_run(replace(unknown, unexplained=0.2)).verdict == "doubtful"
    assert "signal" not in judge_run(unknown).figures


def test_the_worst_comes_first_and_tests_beside_the_rules_count() -> None:
    shifted = Finding(rule="order", says="no picture", text="a frame was lost at 51")
    verdict = judge_run(replace(GOOD, overlap=0.0), [shifted])
    assert verdict.verdict == "no picture"
    assert [found.rule for found in verdict.rules] == ["order", "overlap"]
    remark = Finding(rule="twin", says="good", text="the twin cannot be told")
    assert judge_run(GOOD, [remark]).verdict == "good"
