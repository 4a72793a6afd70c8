"""A run's states and its final arrays, and where they are delivered to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from uuid import uuid4

import numpy as np

from exitwave.results import AttemptRecord, FinalArrays, LiveWriter, ResultNode
from exitwave.schema.job import ScanRef
from exitwave.settings.service import TiledSettings


@dataclass(frozen=True)
class Loss:
    total: float
    data: float
    regularisation: float


@dataclass(frozen=True)
class State:
    """A state as the engine yields it, with a picture that tells its epoch."""

    epoch: int
    shape: tuple[int, int] = (40, 30)
    broken: bool = False
    copying_s: float = 0.0
    seconds: float = 0.25
    loss: Loss = field(default=Loss(3.0, 2.0, 1.0))

    def object_MYX(self) -> np.ndarray:
        time.sleep(self.copying_s)
        value = np.nan if self.broken else self.epoch
        return np.full((1, *self.shape), value * 1j, np.complex64)

    def probe_NHW(self) -> np.ndarray:
        return np.full((2, 16, 16), 1 + self.epoch, np.complex64)

    def illuminated_YX(self) -> np.ndarray:
        known = np.zeros(self.shape, dtype=bool)
        known[2:-2, 3:-3] = True
        return known


def node_of(tiled: TiledSettings) -> ResultNode:
    scan = ScanRef(uid=uuid4().hex, scan_id=7, sample="star", path="raw/x")
    return ResultNode(
        tiled,
        AttemptRecord(
            scan=scan,
            job_id=uuid4().hex,
            attempt=2,
            recipe={"name": "default"},
            geometry={
                "energy_eV": 9000.0,
                "distance_m": 1.0,
                "detector_pixel_m": 75e-6,
                "sources": {"energy_eV": "document"},
            },
            pixel_size_m=1e-8,
            origin_m=(1e-6, 2e-6),
            device="cpu (2 threads)",
        ),
    )


def finish(sink: LiveWriter, within_s: float = 30) -> None:
    sink.end()
    assert sink.done(within_s)


def final_arrays() -> FinalArrays:
    random = np.random.default_rng(1)
    complexes = random.normal(size=(2, 1, 70, 60)) @ np.ones((60, 50))
    return FinalArrays(
        object_MYX=(complexes[0] + 1j * complexes[1]).astype(np.complex64),
        probe_NHW=(complexes[1, :, :32, :32] * 1j).astype(np.complex64),
        positions_m=random.normal(size=(25, 2)) * 1e-6,
        known_YX=np.arange(70 * 50).reshape(70, 50) % 3 > 0,
        illuminated_box=(4, 60, 5, 44),
        epochs=60,
        loss=0.5,
    )
