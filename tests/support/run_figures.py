"""Figures of a run that is good and of one that is not."""

from __future__ import annotations

GOOD = {
    "frames": 144.0,
    "counted": 1.0,
    "signal": 5.7,
    "fit": 1.02,
    "unexplained": 0.004,
    "explained": 0.95,
    "wild_frames": 0.0,
    "uneven": 0.05,
    "overlap": 0.56,
    "hidden_light": 0.0,
    "rim_light": 0.003,
    "wild_object": 0.0,
    "epochs_share": 1.0,
    "photons": 1e7,
    "dose": 100.0,
    "roughness": 0.04,
}
FALSE = {**GOOD, "explained": 0.0, "unexplained": 0.7, "fit": 4.0}
