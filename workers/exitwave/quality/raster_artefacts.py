"""Grid artefact: how much of a picture repeats with the raster it was scanned on.

On a regular raster, object and probe can trade structure that has the raster's period
without any change of the patterns (Thibault et al., Ultramicroscopy 109 (2009) 338,
doi 10.1016/j.ultramic.2008.12.011). It shows as peaks on the raster's reciprocal lattice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exitwave.files.phase import remove_ramp

from .align import Alignment, Region, check_region
from .cpcc import Picture
from .raster import find_raster

LEAST_STEPS = 4
"""Of the raster along each side of the region: with fewer, peaks under a Hann window merge."""
CONSTANT = 1e-12
"""Of a picture's power: what differs from the mean by less is rounding."""
AT_ONCE = 256


def raster_artefact(
    picture_YX: Picture, positions_px: NDArray[np.float64], region: Region
) -> float | None:
    """Share of an object's spectral power on the raster's reciprocal lattice.

    The phase ramp and the mean of the object in the region are removed, and it is
    multiplied by a Hann window w. With Z(b) the Fourier sum of the windowed picture at
    reciprocal-lattice point b, zero left out,

        share = sum_b |Z(b)|^2 / (sum w)^2  /  (sum |w f|^2 / sum w^2),

    the power of the waves at the lattice points over the mean power of the picture f: 1
    for a picture made of such waves alone. White noise comes out at 2.25 (the noise
    bandwidth of the window in bins) times the number of lattice points per pixel. The
    definition is ours. An object has structure at these frequencies of its own, so compare
    only pictures of one object on one raster.

    Parameters
    ----------
    picture_YX : ndarray, complex (Y, X)
        The object; NaN counts as zero.
    positions_px : ndarray (n, 2)
        (y, x) of the views; only their differences matter.
    region : (y0, y1, x0, x1)
        Half-open; what `rectangle_of_centres` gives.

    Returns
    -------
    float or None
        None where there is no such figure: the positions are not on a lattice, none of its
        points is in the band of the pixels (a step of two pixels or less), the region is
        shorter than four steps, or the picture is constant.

    Raises
    ------
    InvalidInput
        The region does not lie in the picture.
    """
    check_region(region, picture_YX)
    y0, y1, x0, x1 = region
    inside_YX = np.nan_to_num(remove_ramp(picture_YX, region)[y0:y1, x0:x1])
    return _share(inside_YX, positions_px)


def error_raster_artefact(
    aligned: Alignment, positions_px: NDArray[np.float64]
) -> float | None:
    """Share of the error's spectral power on the raster's reciprocal lattice.

    As `raster_artefact`, of the difference between an aligned picture and its reference (a
    truth); nothing of the object itself is counted.
    """
    return _share(aligned.picture - aligned.reference, positions_px)


def _share(picture_YX: Picture, positions_px: NDArray[np.float64]) -> float | None:
    raster = find_raster(positions_px)
    if raster is None:
        return None
    harmonics = raster.harmonics_per_px()
    extent_px = np.abs(raster.steps_px).max(axis=0)
    if not len(harmonics) or (picture_YX.shape < LEAST_STEPS * extent_px).any():
        return None
    height, width = picture_YX.shape
    window = np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[1:-1]
    flat_YX = picture_YX - np.sum(window * picture_YX) / window.sum()
    windowed_YX = (window * flat_YX).astype(np.complex64)
    mean_power = float(np.vdot(windowed_YX, windowed_YX).real) / float((window**2).sum())
    if mean_power <= CONSTANT * float(np.vdot(picture_YX, picture_YX).real) / picture_YX.size:
        return None
    power = 0.0
    for first in range(0, len(harmonics), AT_ONCE):
        waves = [
            np.exp(-2j * np.pi * np.outer(harmonics[first : first + AT_ONCE, axis], place))
            for axis, place in enumerate((np.arange(height), np.arange(width)))
        ]
        rows_kY, columns_kX = (wave.astype(np.complex64) for wave in waves)
        sums_k = np.einsum("ky,yk->k", rows_kY, windowed_YX @ columns_kX.T)
        power += float((np.abs(sums_k) ** 2).sum())
    return power / float(window.sum()) ** 2 / mean_power
