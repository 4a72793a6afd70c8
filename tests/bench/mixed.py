"""Two simulated scans in the image of the paper's Figs. 4 and 5, with several probe states.

MLL-like: a square pupil out of focus, two states, steps of 10 nm that overlap nearly wholly.
FZP-like: an annular pupil, four states, steps of two thirds of the beam's width. Both are sums
over incoherent states, positions lie on whole pixels near a raster. The paper's own scans
are larger (201 x 201 x 220^2 and 101 x 101 x 128^2); `grid` sets the crop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from skimage import color, data, transform

Kind = Literal["mll", "fzp", "mllfull"]
Complex = NDArray[np.complex64]

MARGIN_PX = 8
SLAB = 64
Counts = NDArray[np.uint16] | NDArray[np.uint32]


@dataclass(frozen=True)
class Shape:
    """What makes a kind of scan."""

    window_px: int
    pixel_size_m: float
    step_px: int
    jitter_px: int
    powers: tuple[float, ...]


SHAPES: dict[Kind, Shape] = {
    "mll": Shape(128, 5e-9, 2, 0, (0.8, 0.2)),
    "fzp": Shape(128, 10e-9, 30, 2, (0.7, 0.14, 0.1, 0.06)),
    "mllfull": Shape(220, 10e-9 / 3, 3, 0, (0.8, 0.2)),
}


@dataclass(frozen=True)
class MixedScan:
    """Counts (n, H, W), DC at the centre; (y, x) top-left pixels; the truth."""

    counts_nHW: Counts
    positions_px: NDArray[np.float64]
    object_YX: Complex
    probe_NHW: Complex
    pixel_size_m: float


def simulate_mixed(kind: Kind, photons: float, seed: int, grid: int) -> MixedScan:
    """A scan of `grid` x `grid` views with `photons` expected in its mean pattern."""
    shape = SHAPES[kind]
    random = np.random.default_rng([seed, grid])
    corners = positions(shape, grid, random)
    side_px = int(corners.max()) + shape.window_px + MARGIN_PX
    object_YX = particles(side_px, seed=7) if kind == "fzp" else photographs(side_px)
    probe_NHW = make_probe(kind)
    sum_n, largest = np.empty(len(corners)), 0.0
    for part in slabs(len(corners)):
        mean = expected(object_YX, probe_NHW, corners[part])
        sum_n[part], largest = mean.sum(axis=(1, 2)), max(largest, float(mean.max()))
    gain = photons / sum_n.mean()
    probe_NHW = (probe_NHW * np.sqrt(gain)).astype(np.complex64)
    fits = gain * largest + 10 * np.sqrt(gain * largest) < np.iinfo(np.uint16).max
    frame_HW = (shape.window_px, shape.window_px)
    counts = np.empty((len(corners), *frame_HW), np.uint16 if fits else np.uint32)
    for part in slabs(len(corners)):
        counts[part] = random.poisson(expected(object_YX, probe_NHW, corners[part]))
    return MixedScan(
        counts_nHW=counts,
        positions_px=corners.astype(np.float64),
        object_YX=object_YX,
        probe_NHW=probe_NHW,
        pixel_size_m=shape.pixel_size_m,
    )


def positions(shape: Shape, grid: int, random: np.random.Generator) -> NDArray[np.int_]:
    """(n, 2) top-left pixels of a raster whose views stray by a few whole pixels."""
    axis_px = MARGIN_PX + shape.jitter_px + shape.step_px * np.arange(grid)
    corners = np.stack(np.meshgrid(axis_px, axis_px, indexing="ij"), -1).reshape(-1, 2)
    stray = random.integers(-shape.jitter_px, shape.jitter_px + 1, corners.shape)
    stray[corners == corners.min()] = -shape.jitter_px  # the object's frame does not move
    return corners + stray


def make_probe(kind: Kind) -> Complex:
    """States (N, H, W) of falling power, orthogonal, of power 1 together."""
    shape = SHAPES[kind]
    size = shape.window_px
    y, x = (np.mgrid[:size, :size] - size // 2) / size  # cycles per pixel, then pixels / size
    radius = np.hypot(y, x)
    if kind != "fzp":
        pupil, defocus_px2 = (np.abs(y) < 0.16) & (np.abs(x) < 0.16), 190.0
    else:
        pupil, defocus_px2 = (radius < 0.14) & (radius > 0.05), 150.0
    soft = ndimage.gaussian_filter(pupil.astype(float), 0.7)
    spectrum = soft * np.exp(-1j * np.pi * defocus_px2 * radius**2)
    first = fft.fftshift(fft.ifft2(fft.ifftshift(spectrum)))
    width = np.sqrt((np.abs(first) ** 2 * radius**2).sum() / (np.abs(first) ** 2).sum())
    states: list[NDArray[np.complex128]] = []
    for modulation in (1, x / width, y / width, x * y / width**2)[: len(shape.powers)]:
        state = first * modulation
        for other in states:
            state = state - other * np.vdot(other, state)
        states.append(state / np.linalg.norm(state))
    powers = np.sqrt(np.array(shape.powers))[:, None, None]
    probe_NHW: Complex = (np.stack(states) * powers).astype(np.complex64)
    return probe_NHW


def photographs(side_px: int) -> Complex:
    """The middle of two photographs: modulus 0.5 to 1, phase over 2 rad."""

    def grey(name: str) -> NDArray[np.float64]:
        picture = np.asarray(getattr(data, name)())
        flat = color.rgb2gray(picture[..., :3]) if picture.ndim == 3 else picture / 255.0
        whole_px = max(512, side_px)
        flat = transform.resize(flat, (whole_px, whole_px), anti_aliasing=True)
        first = (whole_px - side_px) // 2
        cut = flat[first : first + side_px, first : first + side_px]
        low, high = np.percentile(cut, [0.5, 99.5])
        stretched: NDArray[np.float64] = np.clip((cut - low) / (high - low), 0, 1)
        return stretched

    object_YX: Complex = (
        (0.5 + 0.5 * grey("coffee")) * np.exp(2j * (grey("cat") - 0.5))
    ).astype(np.complex64)
    return object_YX


def particles(side_px: int, seed: int) -> Complex:
    """Round particles of many sizes on an uneven film: absorbing, retarding the phase."""
    random = np.random.default_rng(seed)
    thickness = ndimage.gaussian_filter(random.standard_normal((side_px, side_px)), 6.0)
    thickness *= 0.1 / thickness.std()
    for _ in range(side_px**2 // 400):
        radius = random.uniform(3, 18)
        place = random.uniform(0, side_px, 2)
        low = np.maximum(np.floor(place - radius).astype(int), 0)
        high = np.minimum(np.ceil(place + radius).astype(int) + 1, side_px)
        y, x = np.mgrid[low[0] : high[0], low[1] : high[1]]
        sphere = 1 - ((y - place[0]) ** 2 + (x - place[1]) ** 2) / radius**2
        view = thickness[low[0] : high[0], low[1] : high[1]]
        view += radius / 18 * np.sqrt(np.maximum(sphere, 0))
    thickness = np.minimum(thickness, 3.0)
    object_YX: Complex = np.exp((-0.15 - 0.8j) * thickness).astype(np.complex64)
    return object_YX


def expected(
    object_YX: Complex, probe_NHW: Complex, corners: NDArray[np.int_]
) -> NDArray[np.float64]:
    """Expected counts (n, H, W) of some views, DC at the centre."""
    size = probe_NHW.shape[-1]
    views = np.stack([object_YX[y : y + size, x : x + size] for y, x in corners])
    far = fft.fft2(views[:, None] * probe_NHW, norm="ortho")
    counts: NDArray[np.float64] = fft.fftshift(
        (far.real.astype(float) ** 2 + far.imag.astype(float) ** 2).sum(axis=1), axes=(1, 2)
    )
    return counts


def slabs(count: int) -> list[slice]:
    """Slices over `count` views, a slab at a time."""
    return [slice(begin, min(begin + SLAB, count)) for begin in range(0, count, SLAB)]
