"""Play a recorded scan as a fly scan of the simulated beamline into Tiled."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from bluesky.run_engine import RunEngine
from bluesky.utils import RunEngineInterrupted
from bluesky_tiled_plugins import TiledWriter
from tiled.client import from_uri
from tiled.client.container import Container
from tiled.structures.core import Spec

from exitwave.schema.errors import InvalidInput, TiledUnavailable, UsageError
from exitwave.settings.service import Settings
from exitwave.tiled_http import check_health

from .devices import Detector, FlyScan, PositionRecorder, StaticReading
from .plan import fly2dpd, start_metadata
from .recorded import DEMO_SCAN, RecordedScan

DEFAULT_DURATION_S = 20.0

FIRST_SCAN_ID = 1

KEV_ANGSTROM = 12.39842
SILICON_111_ANGSTROM = 3.1355893

Progress = Callable[[int, int], None]
"""Called with frames announced and frames in all."""


@dataclass(frozen=True, slots=True)
class PlayedScan:
    """What was played.

    Attributes
    ----------
    uid, scan_id
        Of the run.
    n_frames : int
        Frames announced to Tiled.
    exit_status : str
        "success", "abort" or "fail", as in the stop document.
    stop_written_at : float
        Unix time just before the stop document was handed to Tiled.
    duration_s : float
        From the start document to the stop document.
    """

    uid: str
    scan_id: int
    n_frames: int
    exit_status: str
    stop_written_at: float
    duration_s: float


class _RunRecorder:
    """Notes what the RunEngine said, before Tiled hears of it."""

    def __init__(self, n_frames: int, on_progress: Progress | None) -> None:
        self.start: dict[str, Any] = {}
        self.stop: dict[str, Any] = {}
        self.n_frames = 0
        self.stop_at = math.nan
        self._expected = n_frames
        self._on_progress = on_progress

    def __call__(self, name: str, doc: dict[str, Any]) -> None:
        if name == "start":
            self.start = doc
        elif name == "stream_datum":
            stop = doc["indices"]["stop"]
            if self._on_progress is not None and stop > self.n_frames:
                self._on_progress(stop, self._expected)
            self.n_frames = stop
        elif name == "stop":
            self.stop, self.stop_at = dict(doc), time.time()


def play(
    settings: Settings,
    *,
    scan_file: Path | None = None,
    duration_s: float = DEFAULT_DURATION_S,
    rate_hz: float | None = None,
    scan_id: int | None = None,
    sample: str | None = None,
    abort_after_frames: int | None = None,
    on_progress: Progress | None = None,
) -> PlayedScan:
    """Play a recorded scan with a RunEngine, as if the beamline measured it now.

    Parameters
    ----------
    settings : Settings
        Where Tiled is; files go to ``settings.data_dir/scans/<uid>/``.
    scan_file : Path, optional
        A CXI file; default the real Siemens-star scan.
    duration_s : float
        How long the exposures take in all; ignored where `rate_hz` is given.
    rate_hz : float, optional
        Frames per second.
    scan_id : int, optional
        Default one more than that of the newest run.
    sample : str, optional
        Default the name in the file.
    abort_after_frames : int, optional
        Abort the run once as many frames have been announced.
    on_progress : callable, optional
        Called with frames so far and frames in all.

    Raises
    ------
    UsageError
        No data directory is configured.
    TiledUnavailable
        Tiled does not answer.
    DataError
        The file cannot be played.
    """
    if settings.data_dir is None:
        raise UsageError(
            "setting data_dir: found nothing; expected the folder where scans are stored "
            "(is `exitwave up` running on this machine?)"
        )
    with RecordedScan(scan_file or DEMO_SCAN) as recorded:
        rate_hz = rate_hz if rate_hz is not None else recorded.n_frames / duration_s
        if not 0 < rate_hz < math.inf:
            raise InvalidInput("rate", rate_hz, "frames per second, more than 0")
        catalog = open_raw(settings)
        engine = RunEngine({}, context_managers=[])
        next_id = scan_id if scan_id is not None else _next_scan_id(catalog)
        engine.scan_id_source = lambda _: next_id
        recorder = _RunRecorder(recorded.n_frames, on_progress)
        engine.subscribe(recorder)  # type: ignore[no-untyped-call]  # bluesky's
        engine.subscribe(TiledWriter(catalog, batch_size=1))  # type: ignore[no-untyped-call]  # bluesky's
        interrupted = threading.Event()
        last = math.inf if abort_after_frames is None else abort_after_frames
        detector, panda = Detector(recorded), PositionRecorder(recorded)
        plan = fly2dpd(
            FlyScan([detector, panda], recorded.n_frames, rate_hz),
            detector,
            panda,
            [
                StaticReading("dcm_th", _bragg_angle_deg(recorded.energy_eV), "deg"),
                StaticReading("zpsth", 0.0, "deg"),
            ],
            settings.data_dir / "scans",
            start_metadata(
                recorded, panda, rate_hz, recorded.sample if sample is None else sample
            ),
            lambda frames: interrupted.is_set() or frames >= last,
        )
        _run(engine, plan, interrupted)
    return PlayedScan(
        uid=recorder.start["uid"],
        scan_id=recorder.start["scan_id"],
        n_frames=recorder.n_frames,
        exit_status=recorder.stop["exit_status"],
        stop_written_at=recorder.stop_at,
        duration_s=recorder.stop["time"] - recorder.start["time"],
    )


def open_raw(settings: Settings) -> Container:
    """The container of the runs, created where it is missing.

    Raises
    ------
    TiledUnavailable
        Tiled does not answer.
    """
    uri = settings.tiled.uri.rstrip("/")
    try:
        # Tiled's client tries for most of a minute before it gives up; ask once before.
        check_health(uri, timeout_s=10.0)
        node = from_uri(f"{uri}/api/v1", api_key=settings.tiled.api_key.get_secret_value())
        for name in settings.tiled.raw.strip("/").split("/"):
            node = _child(node, name)
    except httpx.HTTPError as error:
        raise TiledUnavailable(f"Tiled at {uri} does not answer: {error}") from error
    return node


def _child(node: Container, name: str) -> Container:
    if name in node:
        return node[name]
    spec = Spec("CatalogOfBlueskyRuns", version="3.0")
    return node.create_container(key=name, specs=[spec])


def _next_scan_id(catalog: Container) -> int:
    newest = catalog.values().tail(1)
    if not newest:
        return FIRST_SCAN_ID
    return int(newest[0].metadata.get("start", {}).get("scan_id", FIRST_SCAN_ID - 1)) + 1


def _bragg_angle_deg(energy_eV: float) -> float:
    """Angle at which the Si(111) monochromator passes `energy_eV`."""
    wavelength_angstrom = KEV_ANGSTROM / (energy_eV / 1e3)
    return math.degrees(math.asin(wavelength_angstrom / (2 * SILICON_111_ANGSTROM)))


def _run(engine: RunEngine, plan: Any, interrupted: threading.Event) -> None:
    """Run the plan in a thread of its own; Ctrl-C has it aborted, with a stop document."""
    with ThreadPoolExecutor(1, thread_name_prefix="run-engine") as thread:
        running = thread.submit(engine, plan)
        try:
            running.result()
        except KeyboardInterrupt:
            interrupted.set()
            raise
        except RunEngineInterrupted:
            pass  # aborted by the plan: the stop document says so
        except httpx.HTTPError as error:
            raise TiledUnavailable(f"Tiled went away during the scan: {error}") from error
