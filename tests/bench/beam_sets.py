"""Scans with beams as optics make them: pupils out of focus, some astigmatic, on drawn samples.

A set's name says what it is, such as ``beam_narrow-90_star_o60_v144_1e5_n1``: a beam, a sample,
the overlap in per cent, views, photons of the brightest pattern and the seed of stray, sample
and noise; ``_m2`` behind it is two incoherent states of the beam.

A beam is a pupil, the sign of its defocus and its width in pixels; an ``a`` behind it is
astigmatism: c_x is a third less than c_y.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tests.bench.verdict_sets import drawn, expected

from exitwave.schema.errors import InvalidInput
from exitwave.simulated_beamline.beams import Pupil, defocus_for, defocused_beam
from exitwave.simulated_beamline.samples import draw_sample
from exitwave.simulated_beamline.simulate import make_object

WINDOW_PX = 128
STRAY_PX = 2.0
MARGIN_PX = 8
PREFIX = "beam_"

PUPILS = {
    "narrow": Pupil(shape="annulus", outer=0.14, inner=0.05),
    "wide": Pupil(shape="annulus", outer=0.25, inner=0.10),
    "thin": Pupil(shape="annulus", outer=0.16, inner=0.05),
    "square": Pupil(shape="square", outer=0.25),
    "stopped": Pupil(shape="square", outer=0.25, inner=0.08),
    "ellipse": Pupil(shape="ellipse", outer=0.25),
}

BEAM = re.compile(r"([a-z]+)([+-])(\d+)(a?)")
NAME = re.compile(
    rf"{PREFIX}(?P<beam>[^_]+)_(?P<sample>[^_]+)_o(?P<overlap>\d+)_v(?P<views>\d+)"
    r"_(?P<dose>[^_]+)_n(?P<seed>\d+)(?:_m(?P<states>\d+))?"
)


@dataclass(frozen=True, kw_only=True)
class BeamScan:
    """What a set's name says.

    Attributes
    ----------
    beam, sample : str
        A sample is a drawn one, or two photographs joined by a plus.
    overlap : int
        Per cent of the beam's width along each axis.
    views : int
        A square number.
    dose : str
        Photons of the brightest pattern.
    seed, states : int
    """

    beam: str
    sample: str = "particles"
    overlap: int = 60
    views: int = 144
    dose: str = "1e5"
    seed: int = 1
    states: int = 1

    @property
    def name(self) -> str:
        """Of the set."""
        more = f"_m{self.states}" if self.states > 1 else ""
        return (
            f"{PREFIX}{self.beam}_{self.sample}_o{self.overlap}_v{self.views}"
            f"_{self.dose}_n{self.seed}{more}"
        )

    @classmethod
    def named(cls, name: str) -> BeamScan:
        """What `name` gave.

        Raises
        ------
        InvalidInput
            It is no name of a set of this kind.
        """
        found = NAME.fullmatch(name)
        if found is None:
            raise InvalidInput("set", name, "a name such as " + cls(beam="wide-60").name)
        values = found.groupdict()
        numbers = {key: int(values[key] or 1) for key in ("overlap", "views", "seed", "states")}
        return cls(beam=values["beam"], sample=values["sample"], dose=values["dose"], **numbers)


@dataclass(frozen=True)
class Simulated:
    """Counts (n, H, W), DC at the centre; top-left corners (n, 2); the truth."""

    counts_nHW: NDArray[np.unsignedinteger]
    positions_px: NDArray[np.float64]
    object_YX: NDArray[np.complex64]
    probe_NHW: NDArray[np.complex64]


def optics(beam: str) -> tuple[Pupil, tuple[float, float]]:
    """The pupil of a beam and its defocus (c_y, c_x) in px².

    Raises
    ------
    InvalidInput
        It is no name of a beam.
    """
    found = BEAM.fullmatch(beam)
    if found is None or found[1] not in PUPILS:
        known = ", ".join(PUPILS)
        raise InvalidInput("beam", beam, f"{known}; sign and width behind it, as in wide-60")
    pupil = PUPILS[found[1]]
    c_y = defocus_for(pupil, float(found[3])) * (1 if found[2] == "+" else -1)
    return pupil, (c_y, c_y * 2 / 3 if found[4] else c_y)


def width_px(beam: str) -> tuple[float, float]:
    """Of the pupil's shadow along y and x."""
    pupil, defocus_px2 = optics(beam)
    high, across = (2 * abs(c) * k for c, k in zip(defocus_px2, pupil.extent(), strict=True))
    return high, across


def simulate_beam(scan: BeamScan) -> Simulated:
    """The scan: a raster whose views stray by up to two pixels, rounded to whole ones."""
    random = np.random.default_rng([scan.seed, 11])
    side = round(scan.views**0.5)
    step_px = (1 - scan.overlap / 100) * np.array(width_px(scan.beam))
    raster = np.argwhere(np.ones((side, side))) * step_px
    strayed = raster + random.uniform(-STRAY_PX, STRAY_PX, raster.shape)
    corners: NDArray[np.float64] = np.round(strayed - strayed.min(axis=0)) + MARGIN_PX
    object_YX = _object(scan, int(corners.max()) + WINDOW_PX + MARGIN_PX)
    pupil, defocus_px2 = optics(scan.beam)
    first = defocused_beam(pupil, defocus_px2, WINDOW_PX)
    probe_NHW = with_states(first, scan.states)
    power = expected(object_YX, probe_NHW, corners)
    gain = float(scan.dose) / power.sum(axis=(1, 2)).max()
    return Simulated(
        counts_nHW=drawn(power * gain, scan.seed),
        positions_px=corners,
        object_YX=object_YX,
        probe_NHW=(probe_NHW * np.sqrt(gain)).astype(np.complex64),
    )


def with_states(first: NDArray[np.complex64], states: int) -> NDArray[np.complex64]:
    """States (N, H, W) of unit power together, each of half the power of the one before.

    Each is the beam moved by three pixels more, as a beam that trembles.
    """
    moved = [
        np.roll(first, 3 * n, axis=n % 2) * np.float32(0.5 ** (n / 2)) for n in range(states)
    ]
    whole = np.stack(moved)
    scaled: NDArray[np.complex64] = (whole / np.sqrt((np.abs(whole) ** 2).sum())).astype(
        np.complex64
    )
    return scaled


def _object(scan: BeamScan, side_px: int) -> NDArray[np.complex64]:
    if "+" in scan.sample:
        one, other = scan.sample.split("+")
        return make_object((one, other), side_px)
    return draw_sample(scan.sample, side_px, scan.seed)
