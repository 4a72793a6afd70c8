"""Relative flux of each frame: from a monitor, from steps, or from the frames' sums.

Sums tell of the sample as much as of the beam. What parts the two is the order in time: a
change of the beam's light divides a scan into before and after, and views that see the same
from both sides differ by one factor; those on the same side do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.data import Flux
from exitwave.schema.errors import DataError
from exitwave.schema.verdict import Note

from .screen.frame_statistics import FrameStatistics

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]

MONITOR_RANGE = 10.0
"""A monitor that reads more than so many times its median, or less, is no monitor."""

MONITOR_HELPS = 1.05
"""Times that neighbours may differ more with a monitor than without."""

PULL = 0.7
"""Of what sums say is believed."""

STEPS = (0.12, 1.5)
"""Changes of the logarithm that are looked for."""

LEAST_PAIRS = 8
SURE = 6.0
"""Standard errors of a step."""

STILL = 0.35
"""Of a step: neighbours on the same side may change by that together."""

AGREE = (0.5, 0.8)
"""So near to a step, in its own size, must lie so many of the pairs across."""

ABOVE_USUAL = 3.0
"""A step over the usual difference of neighbours."""

REFINED = 4
"""Frames before and after, among which the step's own is looked for."""

STRAIGHT = 0.7
"""Cosine between moves along one line of a scan."""

MOST_STEPS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFlux:
    """Relative flux (n,), about 1, or None for none; and notes on it."""

    scale_n: Floats | None = None
    notes: tuple[Note, ...] = ()


def relative_flux(
    flux: Flux,
    monitor_n: Floats | None,
    positions: Floats,
    numbers: Indices,
    statistics: FrameStatistics,
) -> FrameFlux:
    """Of all frames that the statistics cover; those without photons are left alone.

    Parameters
    ----------
    flux : {"auto", "off", "monitor", "sums"}
    monitor_n : ndarray (n,), optional
        In any unit.
    positions : ndarray (n, 2)
        Of the views, in any unit.
    numbers : ndarray (n,)
        Of the frames, in the scan.
    statistics : FrameStatistics

    Raises
    ------
    DataError
        A monitor is asked for, and there is none that can be used.
    """
    if flux == "off":
        return FrameFlux()
    if flux == "monitor" and monitor_n is None:
        raise DataError("data.flux", "monitor", "a scan with a monitor's reading of each frame")
    if monitor_n is not None and flux in ("auto", "monitor"):
        wrong = _wrong_with(monitor_n)
        if flux == "monitor" and wrong:
            raise DataError("data.flux", f"a monitor with {wrong}", "readings above 0")
        if not wrong and (flux == "monitor" or _helps(monitor_n, statistics)):
            return _of_monitor(monitor_n)
        why = wrong or "readings that neighbouring frames contradict"
        note = Note(code="flux", text=f"the monitor is not used: {why}")
        return FrameFlux(notes=(note,))
    return _of_sums(statistics) if flux == "sums" else _of_steps(statistics, positions, numbers)


def _wrong_with(monitor_n: Floats) -> str:
    finite_n = np.isfinite(monitor_n) & (monitor_n > 0)
    if not finite_n.all():
        return f"{int((~finite_n).sum())} readings of 0, below it or not finite"
    middle = float(np.median(monitor_n))
    if monitor_n.max() > MONITOR_RANGE * middle or monitor_n.min() * MONITOR_RANGE < middle:
        return f"readings from {monitor_n.min():.3g} to {monitor_n.max():.3g}"
    return ""


def _of_monitor(monitor_n: Floats) -> FrameFlux:
    scale_n = monitor_n / np.median(monitor_n)
    spread = float(scale_n.std())
    text = f"flux of each frame from the monitor, {scale_n.min():.3f} to {scale_n.max():.3f}"
    note = Note(code="flux", text=text, figures={"spread": spread})
    return FrameFlux(scale_n=scale_n, notes=(note,))


def _helps(monitor_n: Floats, statistics: FrameStatistics) -> bool:
    """Whether neighbours agree with it about as well as without, or better."""
    logs_n = _logs(statistics)
    first, second = statistics.pairs()
    known = np.isfinite(logs_n[first]) & np.isfinite(logs_n[second])
    first, second = first[known], second[known]
    if not first.size:
        return True
    plain = np.median(np.abs(logs_n[first] - logs_n[second]))
    logs_n = logs_n - np.log(monitor_n)
    with_it = np.median(np.abs(logs_n[first] - logs_n[second]))
    return bool(with_it <= MONITOR_HELPS * plain + 0.005)


def _of_sums(statistics: FrameStatistics) -> FrameFlux:
    """Each frame's photons over the middle of those around it, pulled towards 1."""
    logs_n = _logs(statistics)
    around_nk = np.where(statistics.close_nk, logs_n[statistics.near_nk], np.nan)
    known_n = np.isfinite(around_nk).sum(axis=1) >= 2
    apart_n = np.zeros(len(statistics))
    apart_n[known_n] = logs_n[known_n] - np.nanmedian(around_nk[known_n], axis=1)
    apart_n = np.where(np.isfinite(apart_n), apart_n, 0)
    scale_n = np.exp(PULL * np.clip(apart_n, -2, 2))
    scale_n /= np.median(scale_n)
    text = f"flux of each frame from its photons, {scale_n.min():.2f} to {scale_n.max():.2f}"
    return FrameFlux(scale_n=scale_n, notes=(Note(code="flux", text=text),))


def _of_steps(statistics: FrameStatistics, positions: Floats, numbers: Indices) -> FrameFlux:
    """Clear steps in time only; none in an ordinary scan."""
    logs_n = _logs(statistics)
    first, second = statistics.pairs()
    early, late = np.minimum(first, second), np.maximum(first, second)
    pairs = np.unique(np.stack([early, late], axis=1), axis=0)
    known = np.isfinite(logs_n[pairs]).all(axis=1)
    early, late = pairs[known].T
    allowed_n = _within_lines(positions)
    steps: list[tuple[int, float]] = []
    level_n = np.zeros(len(statistics))
    while len(steps) < MOST_STEPS:
        rises = logs_n[late] - logs_n[early] - (level_n[late] - level_n[early])
        found = _clearest_step(early, late, rises, len(statistics))
        # Once the light is known to change, it may do so anywhere.
        if found is None or not (steps or allowed_n[found[0]]):
            break
        steps.append(found)
        level_n[found[0] :] += found[1]
    if not steps:
        return FrameFlux()
    level_n -= np.median(level_n)
    named = ", ".join(
        f"{100 * (np.exp(by) - 1):+.0f} % at frame {numbers[at]}" for at, by in sorted(steps)
    )
    note = Note(
        code="flux",
        text=f"the beam's light changes in steps ({named}): frames are scaled by them",
        figures={"steps": float(len(steps))},
    )
    return FrameFlux(scale_n=np.exp(level_n), notes=(note,))


def _within_lines(positions: Floats) -> Bools:
    """Frames (n,) at which a step may be told from an edge of the sample.

    Where a scan turns from one line to the next, what changes may lie between the lines. A
    scan without lines has neighbours on all sides at once: there every frame will do.
    """
    moves = np.diff(positions, axis=0)
    lengths = np.maximum(np.hypot(*moves.T), 1e-30)
    along = (moves[1:] * moves[:-1]).sum(axis=1) / (lengths[1:] * lengths[:-1])
    straight = along > STRAIGHT
    allowed_n = np.zeros(len(positions), np.bool_)
    if straight.size and straight.mean() > 0.5:
        # The move to frame t is number t - 1: it must go on before and after.
        allowed_n[2:-1] = straight[:-1] & straight[1:]
    else:
        allowed_n[1:] = True
    return allowed_n


def _clearest_step(
    early: Indices, late: Indices, rises: Floats, count: int
) -> tuple[int, float] | None:
    """First frame after a step, and how much the logarithm of the light rises there."""
    if rises.size < LEAST_PAIRS:
        return None
    # Pairs across frames t - 1 and t are those with early < t <= late.
    across_t = np.cumsum(np.bincount(early + 1, minlength=count + 1)[:count])
    across_t -= np.cumsum(np.bincount(late + 1, minlength=count + 1)[:count])
    sum_t = np.cumsum(np.bincount(early + 1, rises, count + 1)[:count])
    sum_t -= np.cumsum(np.bincount(late + 1, rises, count + 1)[:count])
    usual = max(1.4826 * float(np.median(np.abs(rises))), 1e-6)
    mean_t = sum_t / np.maximum(across_t, 1)
    sure_t = np.abs(mean_t) * np.sqrt(across_t) / usual
    sure_t[across_t < LEAST_PAIRS] = 0
    at = int(np.argmax(sure_t))
    if sure_t[at] < SURE:
        return None
    step = float(np.median(rises[(early < at) & (late >= at)]))
    at = _refined(early, late, rises, at, step)
    across = (early < at) & (late >= at)
    step = float(np.median(rises[across]))
    agrees = np.abs(rises[across] - step) < AGREE[0] * abs(step)
    if not max(STEPS[0], ABOVE_USUAL * usual) <= abs(step) <= STEPS[1]:
        return None
    if agrees.mean() < AGREE[1] or not _still(early, late, rises, at, step):
        return None
    return at, step


def _refined(early: Indices, late: Indices, rises: Floats, at: int, step: float) -> int:
    """The frame near by at which a step explains the differences best."""
    nearby = range(max(1, at - REFINED), at + REFINED + 1)
    rest = [
        float(np.abs(rises - step * ((early < place) & (late >= place))).sum())
        for place in nearby
    ]
    return nearby[int(np.argmin(rest))]


def _still(early: Indices, late: Indices, rises: Floats, at: int, step: float) -> bool:
    """Whether neighbours on either side of a step agree, as they do not at a sample's edge.

    Looked at are as many pairs before and after it as lie across it, nearest in time.
    """
    count = int(((early < at) & (late >= at)).sum())
    for side in (late < at, early >= at):
        gap = np.where(side, np.abs(0.5 * (early + late) - at), np.inf)
        nearest = np.argsort(gap, kind="stable")[:count]
        nearest = nearest[np.isfinite(gap[nearest])]
        if nearest.size and abs(float(np.median(rises[nearest]))) > STILL * abs(step):
            return False
    return True


def _logs(statistics: FrameStatistics) -> Floats:
    """Logarithms of the frames' photons; NaN for frames that are nearly dark."""
    totals_n = statistics.totals_n
    illuminated_n = totals_n > 0.02 * np.median(totals_n)
    return np.where(illuminated_n, np.log(np.maximum(totals_n, 1e-30)), np.nan)
