"""Simulated raster scans with known truth, for tests and trials.

Two photographs that scikit-image ships become modulus and phase of an object; a soft disk,
propagated a little, or an astigmatic spot illuminates it on a square raster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from skimage import color, data, transform

from exitwave.schema.errors import InvalidInput

Complex = NDArray[np.complex64]
ProbeKind = Literal["disk", "astigmatic"]

WINDOW_PX = 64
DIAMETER_PX = 36
FIRST_VIEW_PX = 8
MARGIN_PX = 16
PIXEL_SIZE_M = 10e-9
ENERGY_EV = 9000.0
DETECTOR_PIXEL_M = 55e-6
_HC_EV_M = 1.23984198e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedScan:
    """Patterns and the truth behind them.

    Attributes
    ----------
    patterns_nHW : ndarray (n, H, W)
        Counts with DC at the array *centre*; uint16 or uint32, float32 when noise-free.
    positions_px : ndarray (n, 2)
        (y, x) top-left pixel of each view in `object_YX`.
    object_YX, probe_HW : ndarray, complex64
        The truth; the probe carries the photons.
    energy_eV, detector_pixel_m, distance_m, pixel_size_m : float
        Geometry: pixel size = wavelength x distance / (window x detector pixel).
    region : (int, int, int, int)
        (y0, y1, x0, x1), half-open: rectangle spanned by the view centres.
    step_px : int
    """

    patterns_nHW: NDArray[Any]
    positions_px: NDArray[np.float64]
    object_YX: Complex
    probe_HW: Complex
    energy_eV: float
    detector_pixel_m: float
    distance_m: float
    pixel_size_m: float
    region: tuple[int, int, int, int]
    step_px: int


def simulate(
    overlap: float,
    photons: float | None,
    seed: int,
    objects: tuple[str, str] = ("camera", "astronaut"),
    probe: ProbeKind = "disk",
    grid: int = 15,
) -> SimulatedScan:
    """A raster scan of `grid` x `grid` views of 64 x 64 px.

    Parameters
    ----------
    overlap : float
        1 - step / 36 px, from 0 to below 1.
    photons : float or None
        Expected counts of the brightest pattern, then Poisson noise; None is noise-free.
    seed : int
        Of the noise.
    objects : (str, str)
        Photographs of `skimage.data` for modulus (0.3 to 1) and phase (range pi).
    probe : {"disk", "astigmatic"}
    grid : int
        Views along each axis.

    Raises
    ------
    InvalidInput
        A value is out of range, or there is no such photograph.
    """
    _check(overlap, photons, probe, grid)
    step_px = max(1, round(DIAMETER_PX * (1 - overlap)))
    side_px = (grid - 1) * step_px + WINDOW_PX + MARGIN_PX
    object_YX = make_object(objects, side_px)
    axis_px = FIRST_VIEW_PX + step_px * np.arange(grid)
    positions = np.stack(np.meshgrid(axis_px, axis_px, indexing="ij"), axis=-1).reshape(-1, 2)
    probe_HW = make_probe(probe)
    counts_nHW = _expected_counts(object_YX, probe_HW, positions)
    patterns_nHW: NDArray[Any] = counts_nHW.astype(np.float32)
    if photons is not None:
        gain = photons / counts_nHW.sum(axis=(1, 2)).max()
        probe_HW = (probe_HW * np.sqrt(gain)).astype(np.complex64)
        noisy_nHW = np.random.default_rng(seed).poisson(counts_nHW * gain)
        kind = np.uint16 if noisy_nHW.max() <= np.iinfo(np.uint16).max else np.uint32
        patterns_nHW = noisy_nHW.astype(kind)
    low, high = FIRST_VIEW_PX + WINDOW_PX // 2, FIRST_VIEW_PX + WINDOW_PX // 2
    high += (grid - 1) * step_px
    wavelength_m = _HC_EV_M / ENERGY_EV
    return SimulatedScan(
        patterns_nHW=patterns_nHW,
        positions_px=positions.astype(np.float64),
        object_YX=object_YX,
        probe_HW=probe_HW,
        energy_eV=ENERGY_EV,
        detector_pixel_m=DETECTOR_PIXEL_M,
        distance_m=PIXEL_SIZE_M * WINDOW_PX * DETECTOR_PIXEL_M / wavelength_m,
        pixel_size_m=PIXEL_SIZE_M,
        region=(low, high, low, high),
        step_px=step_px,
    )


def make_object(objects: tuple[str, str], side_px: int) -> Complex:
    """Object (side, side): one photograph as modulus 0.3 to 1, one as phase over pi."""
    modulus, phase = (_photograph(name, side_px) for name in objects)
    object_YX: Complex = ((0.3 + 0.7 * modulus) * np.exp(1j * np.pi * phase)).astype(
        np.complex64
    )
    return object_YX


def make_probe(kind: ProbeKind) -> Complex:
    """Probe (64, 64), centred, of unit peak modulus before propagation."""
    size = 256
    y, x = np.mgrid[:size, :size] - size // 2
    radius_px = DIAMETER_PX / 2
    disk = 1 / (1 + np.exp((np.hypot(y, x) - radius_px) / 0.35))
    frequency = fft.fftfreq(size)
    # Angular spectrum in the paraxial limit; pi wavelength z = pi radius^2 / Fresnel number.
    fresnel_y, fresnel_x = (6.0, 6.0) if kind == "disk" else (4.0, 12.0)
    phase = (
        np.pi
        * radius_px**2
        * (frequency[:, None] ** 2 / fresnel_y + frequency[None, :] ** 2 / fresnel_x)
    )
    wave = fft.ifft2(fft.fft2(disk) * np.exp(-1j * phase))
    cut = slice(size // 2 - WINDOW_PX // 2, size // 2 + WINDOW_PX // 2)
    probe_HW: Complex = wave[cut, cut].astype(np.complex64)
    return probe_HW


def _photograph(name: str, side_px: int) -> NDArray[np.float64]:
    """Grey photograph, 512 x 512, stretched to 0..1 between percentiles, central cut."""
    if not name.isidentifier() or not callable(getattr(data, name, None)):
        raise InvalidInput(
            "objects", name, "photographs of skimage.data, such as camera,astronaut"
        )
    picture = np.asarray(getattr(data, name)())
    grey = color.rgb2gray(picture[..., :3]) if picture.ndim == 3 else picture.astype(float)
    if grey.shape != (512, 512):
        grey = transform.resize(grey, (512, 512), anti_aliasing=True)  # type: ignore[no-untyped-call]  # scikit-image's
    low, high = np.percentile(grey, [0.5, 99.5])
    first = (512 - side_px) // 2
    cut = grey[first : first + side_px, first : first + side_px]
    stretched: NDArray[np.float64] = np.clip((cut - low) / (high - low), 0, 1)
    return stretched


def _expected_counts(
    object_YX: Complex, probe_HW: Complex, positions: NDArray[np.int_]
) -> NDArray[np.float64]:
    """Expected counts (n, H, W), DC at the centre."""
    waves_nHW = np.stack(
        [object_YX[y : y + WINDOW_PX, x : x + WINDOW_PX] for y, x in positions]
    ).astype(np.complex128)
    far_nHW = fft.fft2(waves_nHW * probe_HW, norm="ortho")
    counts_nHW: NDArray[np.float64] = np.abs(fft.fftshift(far_nHW, axes=(1, 2))) ** 2
    return counts_nHW


def _check(overlap: float, photons: float | None, probe: str, grid: int) -> None:
    if not 0 <= overlap < 1:
        raise InvalidInput("overlap", overlap, "a number from 0 to below 1")
    if photons is not None and not 1 <= photons <= 1e9:
        raise InvalidInput("photons", photons, "counts from 1 to 1e9, or none")
    if probe not in ("disk", "astigmatic"):
        raise InvalidInput("probe", probe, "disk or astigmatic")
    step_px = max(1, round(DIAMETER_PX * (1 - overlap)))
    widest = (512 - WINDOW_PX - MARGIN_PX) // step_px + 1
    if not 2 <= grid <= widest:
        raise InvalidInput("grid", grid, f"views per axis from 2 to {widest} at this overlap")
