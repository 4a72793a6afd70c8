"""A bluesky run in Tiled, read with a beamline profile."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.files.frame_masks import FrameMasks
from exitwave.schema.data import GeometryOverrides
from exitwave.schema.errors import DataError, GeometryError
from exitwave.schema.geometry import Geometry
from exitwave.schema.job import ScanRef
from exitwave.schema.verdict import Note
from exitwave.tiled_http import Json, TiledReader

from .arrays import RunArray
from .profile import Calibration, Motor, Profile

_UM_M = 1e-6


class Stream:
    """The keys of one stream of a run, in any of the layouts in use.

    Keys lie in ``<run>/<stream>``, ``<run>/<stream>/data``, ``<run>/streams/<stream>`` or
    ``<run>/streams/<stream>/data``; numbers of single events are columns of tables.
    """

    def __init__(self, server: TiledReader, path: str, nodes: dict[str, Json]) -> None:
        self._server = server
        self._path = path
        self._nodes = nodes

    @classmethod
    def find(cls, server: TiledReader, run: str, name: str) -> Stream | None:
        """The stream of that name, None if the run has none."""
        for path in (f"{run}/{name}", f"{run}/streams/{name}"):
            nodes = server.children(path)
            if nodes is None:
                continue
            data = nodes.get("data")
            if data is not None and data["structure_family"] == "container":
                path = f"{path}/data"  # one level deeper
                nodes = server.children(path) or {}
            return cls(server, path, nodes)
        return None

    @property
    def keys(self) -> list[str]:
        """Names of the arrays, for messages."""
        return sorted(self._nodes)

    def array(self, key: str) -> RunArray | None:
        """The array of that key, None if there is none."""
        node = self._nodes.get(key)
        if node is None or node["structure_family"] != "array":
            return None
        return RunArray(self._server, f"{self._path}/{key}", node)

    def number(self, key: str) -> float | None:
        """First reading of a scalar key, None if there is none."""
        array = self.array(key)
        if array is not None:
            return float(array.flat()[0]) if array.size else None
        for name, node in self._nodes.items():
            columns = (node.get("structure") or {}).get("columns") or []
            if node["structure_family"] == "table" and key in columns:
                values = self._server.column(f"{self._path}/{name}", key)
                return float(values[0]) if values else None
        return None


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
        self.orientation = profile.orientation
        self._server = server
        self._profile = profile
        self._run = ref.path
        self._stream = self._find_stream(profile.stream)
        self._detector, self._frames = self._find_frames()
        self.n_frames: int = math.prod(self._frames.shape[:-2])
        height, width = self._frames.shape[-2:]
        self.shape_HW: tuple[int, int] = (height, width)
        self._axes = self._find_axes()
        self._others: dict[str, Stream | None] = {}
        self.ref = ref.model_copy(update={"n_frames": self.n_frames})
        # Runs carry neither; the orientation above is the profile's.
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
            name, calibration, array = self._axes[axis]
            samples = array.flat().astype(np.float64).reshape(self.n_frames, -1)
            stage_um = samples.mean(axis=1) * calibration.um_per_count
            across = self._projection(self._profile.motors[name])
            columns.append(stage_um * across * sign[axis] * _UM_M)
        return np.stack(columns, axis=1)

    def geometry(self, overrides: GeometryOverrides) -> Geometry:
        """Overrides first, then documents, then the profile."""
        sources: dict[str, str] = {}

        def given(key: str, value: float) -> bool:
            if value > 0:
                sources[key] = "override"
            return value > 0

        pixel_m, energy_eV, distance_m = (
            overrides.detector_pixel_m,
            overrides.energy_eV,
            overrides.distance_m,
        )
        if not given("detector_pixel_m", pixel_m):
            pixel_m = self._detector_pixel_m(sources)
        if not given("energy_eV", energy_eV):
            energy_eV = self._energy_eV(sources)
        if not given("distance_m", distance_m):
            distance_m = self._distance_m(sources)
        return Geometry(
            energy_eV=energy_eV,
            distance_m=distance_m,
            detector_pixel_m=pixel_m,
            sources=sources,
        )

    def mask_HW(self) -> NDArray[np.bool_] | None:
        """None: HXN's runs hold no mask; dead pixels show by their value."""
        return None

    def _find_stream(self, name: str) -> Stream:
        found = Stream.find(self._server, self._run, name)
        if found is None:
            streams = sorted(self._server.children(self._run) or {})
            raise DataError(
                f"scan {self._run}",
                f"streams {', '.join(streams) or 'none'}",
                f"one named {name}",
            )
        return found

    def _find_frames(self) -> tuple[str, RunArray]:
        keys = [entry.key for entry in self._profile.frames]
        for key in keys:
            array = self._stream.array(key)
            if array is None:
                continue
            if len(array.shape) < 3 or 0 in array.shape:
                raise DataError(key, f"shape {array.shape}", "frames (n, H, W), none empty")
            if array.dtype.kind not in "uif":
                raise DataError(key, f"values of type {array.dtype}", "counts")
            return key, array
        raise DataError(
            f"frames of scan {self._run}",
            f"keys {', '.join(self._stream.keys) or 'none'}",
            f"one of {', '.join(keys)} in stream {self._profile.stream}",
        )

    def _find_axes(self) -> dict[str, tuple[str, Calibration, RunArray]]:
        """Per axis the motor, its calibration and its encoder."""
        motors = self.start.get("motors") or []
        axes: dict[str, tuple[str, Calibration, RunArray]] = {}
        for motor in motors:
            calibration = self._profile.calibration(motor, float(self.start["time"]))
            array = self._stream.array(calibration.key)
            if array is None:
                raise DataError(
                    f"positions of motor {motor}",
                    f"keys {', '.join(self._stream.keys)}",
                    f"{calibration.key} in stream {self._profile.stream}",
                )
            self._check_samples(calibration.key, array)
            axes[self._profile.motors[motor].axis] = (motor, calibration, array)
        if axes.keys() != {"x", "y"}:
            raise DataError(
                "start.motors",
                motors,
                f"one motor along x and one along y of {self._profile.name}",
            )
        return axes

    def _check_samples(self, key: str, array: RunArray) -> None:
        allowed = self._profile.samples_per_frame
        if array.size not in {self.n_frames * samples for samples in allowed}:
            raise DataError(
                key,
                f"{array.size} positions for {self.n_frames} frames",
                f"{' or '.join(map(str, allowed))} positions per frame",
            )

    def _projection(self, motor: Motor) -> float:
        """Share of the motor's way across the beam: 1, cos or sin of the sample's angle."""
        if motor.projection == "full" or motor.angle is None:
            return 1.0
        angle_deg = self._reading(self._profile.energy.stream, motor.angle)
        angle_rad = math.radians(angle_deg or 0.0)
        return math.cos(angle_rad) if motor.projection == "cos" else math.sin(angle_rad)

    def _reading(self, stream: str, key: str) -> float | None:
        if stream not in self._others:
            self._others[stream] = Stream.find(self._server, self._run, stream)
        found = self._others[stream]
        return None if found is None else found.number(key)

    def _detector_pixel_m(self, sources: dict[str, str]) -> float:
        entry = next(entry for entry in self._profile.frames if entry.key == self._detector)
        sources["detector_pixel_m"] = f"profile {self._profile.name}, {self._detector}"
        return entry.pixel_m

    def _energy_eV(self, sources: dict[str, str]) -> float:
        rule = self._profile.energy
        angle = self._reading(rule.stream, rule.key)
        if angle is None or not math.isfinite(angle) or angle <= 0:
            raise GeometryError(
                "geometry.energy_eV",
                f"{rule.key} = {angle} in stream {rule.stream}",
                "the monochromator's angle there, or an override geometry.energy_eV",
            )
        sources["energy_eV"] = f"{rule.stream} {rule.key} = {angle:.6g} {rule.unit}"
        return rule.energy_eV(angle)

    def _distance_m(self, sources: dict[str, str]) -> float:
        key = self._profile.distance_key
        value: Any = self.start
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if not isinstance(value, (int, float)):
            raise GeometryError(
                "geometry.distance_m",
                f"start.{key} = {value}",
                "metres there, or an override geometry.distance_m",
            )
        # The distance is what someone typed; a beamline may say here how far to trust it.
        note = self.start.get("geometry_note")
        sources["distance_m"] = f"start.{key} ({note})" if note else f"start.{key}"
        return float(value)
