"""Scans whose runs the verdict is tried on: good ones, and faults at three strengths.

A scene is a simulated scan that is right. A fault turns it into what people bring: positions
that do not belong to the frames, frames and pixels that lie, a beam that is found by nobody.
Whether a run is bad is told from its truth and from the run of the same scene put right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.simulated_beamline.beams import Pupil, defocused_beam
from exitwave.simulated_beamline.samples import draw_sample
from exitwave.simulated_beamline.simulate import make_object, make_probe

Counts = NDArray[Any]
SIDE = 64

PUPILS = {
    "ring": Pupil(shape="annulus", outer=0.25, inner=0.1),
    "square": Pupil(shape="square", outer=0.25),
    "stopped": Pupil(shape="square", outer=0.25, inner=0.08),
    "ellipse": Pupil(shape="ellipse", outer=0.25),
    "narrow": Pupil(shape="annulus", outer=0.14, inner=0.05),
}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A scan as it should be.

    Attributes
    ----------
    beam : str
        disk, astigmatic, or a pupil with its defocus, such as ring+80 or square-80/50.
    sample : str
        A drawn sample, or two photographs joined by a plus.
    grid : (int, int)
        Views along y and x.
    step_px : float
    photons : float
        Of the brightest pattern.
    seed : int
    states : int
        Incoherent probe states of the beam.
    """

    beam: str = "disk"
    sample: str = "camera+astronaut"
    grid: tuple[int, int] = (10, 10)
    step_px: float = 18.0
    photons: float = 1e4
    seed: int = 1
    states: int = 1
    side: int = SIDE

    @property
    def name(self) -> str:
        """Of the scene alone, whatever is done to it."""
        parts = (self.beam, self.sample, f"{self.grid[0]}x{self.grid[1]}")
        tail = f"step{self.step_px:g} {self.photons:g} s{self.seed}"
        return " ".join((*parts, tail, *([f"n{self.states}"] if self.states > 1 else [])))


@dataclass(frozen=True, kw_only=True)
class Case:
    """A scan as it is brought.

    Attributes
    ----------
    scene : Scene
    fault : str
        Empty where nothing is wrong.
    strength : int
        1 to 3.
    recipe : str
    overrides : mapping
        Of the recipe.
    screened : bool
        What lies in the frames is looked for before the fit.
    """

    scene: Scene
    fault: str = ""
    strength: int = 0
    recipe: str = "fast"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    screened: bool = True

    @property
    def name(self) -> str:
        """Unlike that of any other case."""
        fault = f" {self.fault}:{self.strength}" if self.fault else ""
        raw = "" if self.screened else " unscreened"
        changed = "".join(f" {key}={value}" for key, value in self.overrides.items())
        return f"{self.recipe} {self.scene.name}{fault}{raw}{changed}"


@dataclass(frozen=True)
class Scan:
    """What a run is given, DC at the array's centre, and its truth."""

    counts_nHW: Counts
    positions_px: NDArray[np.float64]
    object_YX: NDArray[np.complex64]
    beam_NHW: NDArray[np.complex64]
    mask_HW: NDArray[np.bool_] | None = None


def beam_of(name: str, side: int = SIDE) -> NDArray[np.complex64]:
    """A beam of unit power, (side, side)."""
    if name in {"disk", "astigmatic"}:
        probe = make_probe(name)  # type: ignore[arg-type]  # one of its two kinds
        return probe / np.sqrt((np.abs(probe) ** 2).sum())
    cut = next(i for i, letter in enumerate(name) if letter in "+-")
    first, _, second = name[cut:].partition("/")
    c_y = float(first)
    return defocused_beam(PUPILS[name[:cut]], (c_y, float(second) if second else c_y), side)


def positions_of(scene: Scene) -> NDArray[np.float64]:
    random = np.random.default_rng(scene.seed + 50)
    raster = np.argwhere(np.ones(scene.grid)) * scene.step_px
    if scene.beam not in {"disk", "astigmatic"}:
        raster = raster + random.uniform(-1.5, 1.5, raster.shape)
    corners: NDArray[np.float64] = np.round(raster - raster.min(axis=0)) + 8
    return corners


def object_of(scene: Scene, side_px: int) -> NDArray[np.complex64]:
    if "+" in scene.sample:
        one, other = scene.sample.split("+")
        return make_object((one, other), side_px)
    return draw_sample(scene.sample, side_px, scene.seed)


def expected(
    object_YX: NDArray[np.complex64],
    beam_NHW: NDArray[np.complex64],
    positions_px: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Expected counts (n, H, W), DC at the centre."""
    side = beam_NHW.shape[-1]
    patterns = []
    for y, x in np.rint(positions_px).astype(int):
        far = np.fft.fft2(beam_NHW * object_YX[y : y + side, x : x + side], norm="ortho")
        patterns.append(np.fft.fftshift((np.abs(far) ** 2).sum(axis=0)))
    return np.stack(patterns)


def beams_of(scene: Scene) -> NDArray[np.complex64]:
    """States (N, H, W) of the beam: the first, and weaker ones moved a little."""
    first = beam_of(scene.beam, scene.side)
    states = [first * np.sqrt(0.5**n) for n in range(scene.states)]
    moved = [np.roll(state, 3 * n, axis=n % 2) for n, state in enumerate(states)]
    beams = np.stack(moved)
    whole: NDArray[np.complex64] = (beams / np.sqrt((np.abs(beams) ** 2).sum())).astype(
        np.complex64
    )
    return whole


def simulate_scene(scene: Scene) -> tuple[Scan, NDArray[np.float64]]:
    """The scan and its expected counts."""
    positions = positions_of(scene)
    object_YX = object_of(scene, int(positions.max()) + scene.side + 8)
    beams = beams_of(scene)
    power = expected(object_YX, beams, positions)
    gain = scene.photons / power.sum(axis=(1, 2)).max()
    scan = Scan(
        counts_nHW=drawn(power * gain, scene.seed),
        positions_px=positions,
        object_YX=object_YX,
        beam_NHW=(beams * np.sqrt(gain)).astype(np.complex64),
    )
    return scan, power * gain


def drawn(power: NDArray[np.float64], seed: int) -> Counts:
    counts = np.random.default_rng(seed).poisson(power)
    return counts.astype(np.uint16 if counts.max() < 2**16 - 1 else np.uint32)


def scan_of(case: Case) -> Scan:
    """What is brought."""
    scan, power = simulate_scene(case.scene)
    if not case.fault:
        return scan
    return FAULTS[case.fault](scan, power, case)


Fault = Callable[[Scan, NDArray[np.float64], Case], Scan]


def _moved(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = positions - positions.min(axis=0) + 8
    return moved


def _level(case: Case, *levels: Any) -> Any:
    return levels[case.strength - 1]


def _swapped(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    turned = _level(case, scan.positions_px[:, ::-1], scan.positions_px * (-1, 1), None)
    if turned is None:
        turned = scan.positions_px[:, ::-1] * (-1, 1)
    return replace(scan, positions_px=_moved(turned))


def _jitter(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    random = np.random.default_rng(9)
    spread = _level(case, 1.5, 3.0, 6.0)
    off = random.normal(0, spread, scan.positions_px.shape)
    return replace(scan, positions_px=_moved(np.round(scan.positions_px + off)))


def _scaled(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    return replace(
        scan, positions_px=_moved(np.round(scan.positions_px * _level(case, 1.04, 1.12, 1.4)))
    )


def _frame_lost(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    """One frame (or three) is missing; the last positions have no frame."""
    count = len(scan.counts_nHW)
    at, lost = _level(case, (count // 2, 1), (count // 4, 1), (count // 2, 3))
    counts = np.delete(scan.counts_nHW, np.arange(at, at + lost), axis=0)
    return replace(scan, counts_nHW=counts, positions_px=scan.positions_px[: len(counts)])


def _drift(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    drift = np.linspace(0, _level(case, 6, 15, 40), len(scan.positions_px))
    off = np.stack([drift, -0.5 * drift], axis=1)
    return replace(scan, positions_px=_moved(np.round(scan.positions_px + off)))


def _hot(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    counts = scan.counts_nHW.astype(np.uint32)
    random = np.random.default_rng(6)
    level = _level(case, 0.02, 0.3, 4.0) * case.scene.photons
    for y, x in random.integers(4, 60, (2, 2)):
        counts[:, y, x] = random.poisson(level, len(counts))
    return replace(scan, counts_nHW=counts)


def _pedestal(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    share = _level(case, 0.05, 0.3, 1.5)
    flat = share * power.mean()
    return replace(scan, counts_nHW=drawn(power + flat, case.scene.seed))


def _beam_lost(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    count = len(power)
    part = slice(count // 3, count // 3 + max(2, round(_level(case, 0.03, 0.1, 0.3) * count)))
    dim = power.copy()
    dim[part] = 15 / power[0].size
    return replace(scan, counts_nHW=drawn(dim, case.scene.seed))


def _fog(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    foggy = np.random.default_rng(8).choice(len(power), _level(case, 1, 3, 10), replace=False)
    raised = power.copy()
    raised[foggy] += 20 * power.mean()
    return replace(scan, counts_nHW=drawn(raised, case.scene.seed))


def _flux(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    steps = np.ones(len(power))
    low = _level(case, 0.9, 0.7, 0.4)
    for begin in range(0, len(power), 17):
        steps[begin : begin + 8] = low
    return replace(scan, counts_nHW=drawn(power * steps[:, None, None], case.scene.seed))


def _blur(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    """Flown along x during the exposure: one state cannot say it."""
    steps = np.linspace(-0.5, 0.5, 7) * _level(case, 0.25, 0.6, 1.0) * case.scene.step_px
    blurred = np.zeros_like(power)
    padded = np.pad(scan.object_YX, 40, mode="edge")
    for step in np.rint(steps):
        moved = scan.positions_px + np.array([40, 40 + step])
        blurred += expected(padded, scan.beam_NHW, moved) / 7
    return replace(scan, counts_nHW=drawn(blurred, case.scene.seed))


def _beamstop(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    hidden = np.hypot(y, x) < _level(case, 2, 4, 7)
    counts = scan.counts_nHW.copy()
    counts[:, hidden] = 0
    return replace(scan, counts_nHW=counts)


def _hidden(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    """The same, with a mask that says so."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    return replace(scan, mask_HW=np.hypot(y, x) >= _level(case, 2, 4, 7))


def _gaps(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    counts = scan.counts_nHW.copy()
    width = _level(case, 1, 4, 10)
    counts[:, :, 36 : 36 + width] = 0
    return replace(scan, counts_nHW=counts)


def _off_centre(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    off = _level(case, (3, -2), (9, 7), (32, 32))
    return replace(scan, counts_nHW=np.roll(scan.counts_nHW, off, axis=(1, 2)))


def _noise(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    """Nothing of the sample is in it: flat noise, one pattern for all, or a frozen frame."""
    random = np.random.default_rng(case.scene.seed)
    if case.strength == 1:
        counts = random.poisson(np.full_like(power, power.mean()))
    elif case.strength == 2:
        counts = random.poisson(np.broadcast_to(power.mean(axis=0), power.shape))
    else:
        counts = np.broadcast_to(scan.counts_nHW[0], power.shape)
    return replace(scan, counts_nHW=np.ascontiguousarray(counts).astype(np.uint32))


def _shuffled(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    random = np.random.default_rng(4)
    order = np.arange(len(power))
    mixed = random.choice(
        order, round(_level(case, 0.05, 0.3, 1.0) * len(order)), replace=False
    )
    order[np.sort(mixed)] = mixed
    return replace(scan, counts_nHW=scan.counts_nHW[order])


def _read_noise(scan: Scan, power: NDArray[np.float64], case: Case) -> Scan:
    """Extra noise on whole counts that no photon made."""
    extra = np.random.default_rng(2).poisson(_level(case, 0.05, 0.5, 3.0), power.shape)
    return replace(scan, counts_nHW=(scan.counts_nHW + extra).astype(np.uint32))


FAULTS: dict[str, Fault] = {
    "turned": _swapped,
    "jitter": _jitter,
    "scale": _scaled,
    "frame lost": _frame_lost,
    "drift": _drift,
    "hot": _hot,
    "pedestal": _pedestal,
    "beam lost": _beam_lost,
    "fog": _fog,
    "flux": _flux,
    "blur": _blur,
    "beamstop": _beamstop,
    "hidden": _hidden,
    "gaps": _gaps,
    "off centre": _off_centre,
    "noise": _noise,
    "shuffled": _shuffled,
    "background": _read_noise,
}

RING = Scene(beam="ring+80", sample="particles", grid=(8, 8), step_px=16, photons=1e5)
PHOTO = Scene()


def good_cases() -> Iterator[Case]:
    """Scans with nothing wrong: doses, overlaps, sizes, beams, samples, recipes."""
    for photons in (1e3, 1e4, 1e5, 1e6):
        for step in (14, 18, 22, 25, 27):
            yield Case(scene=replace(PHOTO, photons=photons, step_px=step))
    for sample in ("moon+chelsea", "brick+grass", "particles", "star", "grains", "circuit"):
        for photons in (1e3, 1e4, 1e5):
            yield Case(scene=replace(PHOTO, sample=sample, photons=photons))
    for grid in ((4, 5), (5, 5), (7, 7), (20, 20), (1, 40)):
        for photons in (1e3, 1e5):
            step = 6 if grid[0] == 1 else 12
            yield Case(scene=replace(PHOTO, grid=grid, step_px=step, photons=photons))
    yield Case(scene=replace(PHOTO, grid=(45, 45), step_px=8, photons=1e4))
    for beam in (
        "ring-80",
        "square+80",
        "square-80/55",
        "stopped+60",
        "ellipse-80",
        "narrow+120",
    ):
        for sample in ("particles", "star"):
            for photons in (1e4, 1e5):
                yield Case(scene=replace(RING, beam=beam, sample=sample, photons=photons))
    for grid in ((5, 5), (12, 12)):
        yield Case(scene=replace(RING, grid=grid))
    for recipe in ("default", "paper", "mll", "fzp", "epie", "dm", "admm"):
        states = {"mll": 2, "fzp": 4}.get(recipe, 1)
        for photons in (1e4, 1e5):
            scene = replace(PHOTO, photons=photons, states=states, step_px=14)
            yield Case(scene=scene, recipe=recipe)
        if recipe in {"default", "mll", "fzp"}:
            yield Case(scene=replace(RING, states=states), recipe=recipe)


def bad_cases() -> Iterator[Case]:
    """Every fault at three strengths on two scenes, and runs that cannot find the picture."""
    weaker = replace(PHOTO, photons=1e5, sample="moon+chelsea", step_px=14)
    for fault in FAULTS:
        for strength in (1, 2, 3):
            for scene in (PHOTO, RING, weaker) if fault in DOSES else (PHOTO, RING):
                case = Case(scene=scene, fault=fault, strength=strength)
                yield case
                if fault in LYING:
                    yield replace(case, screened=False)
    for scene in (
        replace(RING, beam="ring-80"),
        replace(RING, beam="ring-80", grid=(5, 5)),
        replace(RING, beam="square-80"),
        replace(RING, beam="square+80", sample="star"),
        replace(RING, beam="stopped-80/50", sample="circuit"),
        replace(RING, beam="ellipse-80", photons=1e4),
    ):
        for recipe in ("fast", "epie"):
            start = {"start.kind": "autocorrelation"}
            yield Case(scene=scene, recipe=recipe, overrides=start)
    for photons in (50, 150, 400):
        yield Case(scene=replace(PHOTO, photons=photons, step_px=22))
        yield Case(scene=replace(RING, photons=4 * photons))
        for sample in ("brick+grass", "star", "circuit", "moon+chelsea"):
            yield Case(scene=replace(PHOTO, sample=sample, photons=2 * photons))
    for epochs in (2, 6, 15):
        short = {"stages": [{"epochs": epochs, "batches": [0.04, 0.1]}]}
        for scene in (PHOTO, RING):
            yield Case(scene=scene, recipe="default", overrides=short)
    for step in (32, 38, 45):
        yield Case(scene=replace(PHOTO, step_px=step))
        yield Case(scene=replace(RING, step_px=step + 4))
    for fault in ("turned", "frame lost", "jitter"):
        for recipe in ("paper", "epie", "dm", "mll"):
            yield Case(scene=PHOTO, fault=fault, strength=2, recipe=recipe)


DOSES = frozenset({"turned", "frame lost", "jitter", "scale", "hot", "blur"})
"""Faults that are tried at another dose, too."""
LYING = frozenset(
    {"hot", "pedestal", "beam lost", "fog", "flux", "beamstop", "gaps", "background"}
)
"""Faults that are looked for before the fit, and tried without that look, too."""


def all_cases() -> list[Case]:
    """Good and bad, each name once."""
    cases = {case.name: case for case in (*good_cases(), *bad_cases())}
    return list(cases.values())
