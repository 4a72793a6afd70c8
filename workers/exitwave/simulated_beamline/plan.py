"""The fly scan as a bluesky plan, with an HXN-like start document."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from bluesky import plan_stubs as bps
from bluesky.preprocessors import contingency_wrapper
from bluesky.utils import Msg, RequestAbort, RunEngineControlException

from .devices import Detector, FlyScan, PositionRecorder, StaticReading
from .recorded import RecordedScan

COLLECT_S = 0.5
"""How often what was written is announced."""

Plan = Generator[Msg, Any, Any]


def fly2dpd(
    fly_scan: FlyScan,
    detector: Detector,
    panda: PositionRecorder,
    baseline: Sequence[StaticReading],
    folder: Path,
    metadata: dict[str, Any],
    give_up: Callable[[int], bool],
) -> Plan:
    """Play one fly scan; its files go to ``folder/<uid>``.

    The stream `primary` holds frames and encoder counts, `baseline` one reading of each
    device that does not move. The run is aborted as soon as `give_up(frames so far)`.
    """
    uid = yield from bps.open_run(metadata)

    def measure() -> Plan:
        try:
            fly_scan.arm(folder / uid)
            yield from _baseline(baseline)
            yield from bps.declare_stream(detector, panda, name="primary", collect=True)
            yield from bps.kickoff(fly_scan, wait=True)
            yield from bps.complete(fly_scan, group="fly_scan", wait=False)
            done = False
            while not done:
                done = yield from bps.wait(
                    "fly_scan", timeout=COLLECT_S, error_on_timeout=False
                )
                yield from bps.collect(detector, panda, name="primary")
                if give_up(detector.announced):
                    raise RequestAbort("aborted on request")
        finally:
            fly_scan.halt()  # the files are whole before the stop document says so

    def failed(error: Exception) -> Plan:
        status = "abort" if isinstance(error, RunEngineControlException) else "fail"
        yield from bps.close_run(exit_status=status, reason=str(error))

    return (
        yield from contingency_wrapper(  # type: ignore[no-untyped-call]  # bluesky's
            measure(), except_plan=failed, else_plan=bps.close_run
        )
    )


def _baseline(devices: Sequence[StaticReading]) -> Plan:
    yield from bps.create(name="baseline")
    for device in devices:
        yield from bps.read(device)
    yield from bps.save()


def start_metadata(
    recorded: RecordedScan, panda: PositionRecorder, rate_hz: float, sample: str
) -> dict[str, Any]:
    """The start document of an HXN fly scan: see its fields in HXN's own profile."""
    fast = recorded.fast_points()
    shape = [fast, recorded.n_frames // fast]
    x_um, y_um = panda.zpssx_um, panda.zpssy_um
    scan_input = [
        *(float(x_um.min()), float(x_um.max()), shape[0]),
        *(float(y_um.min()), float(y_um.max()), shape[1]),
    ]
    return {
        "beamline_id": "HXN",
        "plan_name": "fly2dpd",
        "motors": ["zpssx", "zpssy"],
        "motor1": "zpssx",
        "motor2": "zpssy",
        "shape": shape,
        "fly_type": "grid",
        "sample": sample,
        "simulated": True,
        **({"geometry_note": recorded.note} if recorded.note else {}),
        "scan": {
            "type": "2D_FLY_PANDA",
            "scan_input": scan_input,
            "sample_name": sample,
            "detectors": [Detector.name, PositionRecorder.name],
            # Where this detector's pixels see the angles that the recorded ones saw.
            "detector_distance": recorded.distance_m
            * Detector.pixel_m
            / recorded.detector_pixel_m,
            "dwell": 1 / rate_hz,
            "fast_axis": {"motor_name": "zpssx", "units": "um"},
            "slow_axis": {"motor_name": "zpssy", "units": "um"},
            "shape": shape,
        },
    }
