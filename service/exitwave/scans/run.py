"""A bluesky run in Tiled, read with a beamline profile."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.files.frame_masks import FrameMasks
from exitwave.files.mask_file import read_mask_file
from exitwave.schema.data import GeometryOverrides
from exitwave.schema.errors import DataError
from exitwave.schema.geometry import Geometry
from exitwave.schema.job import ScanRef
from exitwave.schema.verdict import Note
from exitwave.tiled_http import Json, TiledReader

from .arrays import RunArray
from .detectors import BaseDetector, choose_detector
from .profile import Calibration, Motor, Profile
from .run_stream import RunReadings, RunStream, Samples
from .sources import SourcedValue
from .sources.protocol import value_in_start

_UM_M = 1e-6


class TiledScan:
    """A run as a `Scan`. Made by `TiledScans.open`; reads nothing but metadata until asked.

    Raises
    ------
    DataError
        There is no stream, no frames or no positions under the profile's keys, or their
        numbers do not fit; the message names what was found and what is expected.
    """

    def __init__(
        self, server: TiledReader, profile: Profile, ref: ScanRef, documents: Json
    ) -> None:
        self.start: dict[str, Any] = documents["start"]
        self.stop: dict[str, Any] | None = documents.get("stop")
        self._server = server
        self._profile = profile
        self._run = ref.path
        self._stream = self._find_stream(profile.stream)
        self._detector, self._frames = self._find_frames()
        self.orientation = self._detector.orientation
        self.n_frames: int = math.prod(self._frames.shape[:-2])
        height, width = self._frames.shape[-2:]
        self.shape_HW: tuple[int, int] = (height, width)
        self._axes = self._find_axes()
        self._readings = RunReadings(
            server,
            ref.path,
            self.start,
            profile_name=profile.name,
            baseline_stream=profile.baseline_stream,
        )
        self.ref = ref.model_copy(update={"n_frames": self.n_frames})
        # Runs carry none of these.
        self.notes: tuple[Note, ...] = ()
        self.frame_masks: FrameMasks | None = None
        self.monitor_n: NDArray[np.float64] | None = None

    def frames(self, start: int, stop: int) -> NDArray[Any]:
        """Patterns `start` to `stop` (n, H, W), as stored."""
        if not 0 <= start <= stop <= self.n_frames:
            raise DataError("frames", f"{start} to {stop}", f"within 0 to {self.n_frames}")
        return self._frames.images(start, stop)

    def positions_m(self) -> NDArray[np.float64]:
        """(n, 2) metres (y, x) of the beam on the object: mean of each frame's samples."""
        sign = {"y": self._profile.beam_sign.y, "x": self._profile.beam_sign.x}
        columns = []
        for axis in ("y", "x"):
            name, calibration, samples = self._axes[axis]
            counts = samples.flat().astype(np.float64).reshape(self.n_frames, -1)
            stage_um = counts.mean(axis=1) * calibration.um_per_count
            across = self._projection(self._profile.motors[name])
            columns.append(stage_um * across * sign[axis] * _UM_M)
        return np.stack(columns, axis=1)

    def geometry(self, overrides: GeometryOverrides) -> Geometry:
        """Overrides first, then what the profile's sources say."""
        distance = self._profile.distance_to(self._detector)
        sources: dict[str, Callable[[], SourcedValue]] = {
            "detector_pixel_m": self._pixel_m,
            "energy_eV": partial(self._profile.energy.read, self._readings),
            "distance_m": partial(distance.read, self._readings),
        }
        found = {}
        for quantity, read in sources.items():
            given: float = getattr(overrides, quantity)
            found[quantity] = SourcedValue(given, "override") if given > 0 else read()
        return Geometry(
            **{quantity: each.value for quantity, each in found.items()},
            sources={quantity: each.origin for quantity, each in found.items()},
        )

    def mask_HW(self) -> NDArray[np.bool_] | None:
        """The detector's mask in the profile; None without one: dead pixels show by values."""
        mask = self._detector.mask
        if mask is None:
            return None
        key = f"profile {self._profile.name}: mask of {self._detector.key}"
        return read_mask_file(mask, self.shape_HW, key)

    def _find_stream(self, name: str) -> RunStream:
        found = RunStream.find(self._server, self._run, name)
        if found is None:
            streams = sorted(self._server.children(self._run) or {})
            raise DataError(
                f"scan {self._run}",
                f"streams {', '.join(streams) or 'none'}",
                f"one named {name}",
            )
        return found

    def _find_frames(self) -> tuple[BaseDetector, RunArray]:
        detectors = self._profile.detectors
        named = value_in_start(self.start, self._profile.detector_names_key)
        found = choose_detector(
            detectors, self._stream, named if isinstance(named, list) else []
        )
        if found is None:
            raise DataError(
                f"frames of scan {self._run}",
                f"keys {', '.join(self._stream.keys) or 'none'}",
                f"one of {', '.join(each.key for each in detectors)} in stream "
                f"{self._profile.stream}",
            )
        key, array = found[0].key, found[1]
        if len(array.shape) < 3 or 0 in array.shape:
            raise DataError(key, f"shape {array.shape}", "frames (n, H, W), none empty")
        if array.dtype.kind not in "uif":
            raise DataError(key, f"values of type {array.dtype}", "counts")
        return found

    def _find_axes(self) -> dict[str, tuple[str, Calibration, Samples]]:
        """Per axis the motor, its calibration and its encoder."""
        motors = self.start.get("motors") or []
        axes: dict[str, tuple[str, Calibration, Samples]] = {}
        for motor in motors:
            calibration = self._profile.calibration(motor, float(self.start["time"]))
            samples = self._stream.samples(calibration.key)
            if samples is None:
                raise DataError(
                    f"positions of motor {motor}",
                    f"keys {', '.join(self._stream.keys)}",
                    f"{calibration.key} in stream {self._profile.stream}",
                )
            self._check_number(calibration.key, samples.size)
            axes[self._profile.motors[motor].axis] = (motor, calibration, samples)
        if axes.keys() != {"x", "y"}:
            raise DataError(
                "start.motors",
                motors,
                f"one motor along x and one along y of {self._profile.name}",
            )
        return axes

    def _check_number(self, key: str, count: int) -> None:
        allowed = self._profile.samples_per_frame
        if count not in {self.n_frames * samples for samples in allowed}:
            raise DataError(
                key,
                f"{count} positions for {self.n_frames} frames",
                f"{' or '.join(map(str, allowed))} positions per frame",
            )

    def _projection(self, motor: Motor) -> float:
        """Share of the motor's way across the beam: 1, cos or sin of the sample's angle."""
        if motor.projection == "full" or motor.angle is None:
            return 1.0
        angle_deg = self._readings.baseline(motor.angle)
        angle_rad = math.radians(angle_deg or 0.0)
        return math.cos(angle_rad) if motor.projection == "cos" else math.sin(angle_rad)

    def _pixel_m(self) -> SourcedValue:
        origin = f"profile {self._profile.name}, {self._detector.key}"
        return SourcedValue(self._detector.pixel_m, origin)
