"""Whether a device computes as it should: a small Fourier transform against numpy's."""

from __future__ import annotations

import numpy as np
import torch

from exitwave.schema.errors import EngineError

SIDE_PX = 256
LARGEST_ERROR = 1e-4
"""Share of the greatest modulus; single precision's rounding stays a hundred times below."""


def probe_device(device: torch.device) -> None:
    """Transform forth and back, compare both with numpy.

    Raises
    ------
    EngineError
        The device computes something else.
    RuntimeError
        It does not compute at all.
    """
    random = np.random.default_rng(1)
    parts = random.standard_normal((2, SIDE_PX, SIDE_PX))
    given_HW = parts[0] + 1j * parts[1]
    on_device = torch.from_numpy(given_HW.astype(np.complex64)).to(device)
    far = torch.fft.fft2(on_device, norm="ortho")
    back = torch.fft.ifft2(far, norm="ortho")
    wanted = np.fft.fft2(given_HW, norm="ortho")
    for name, found, right in (("FFT", far, wanted), ("inverse FFT", back, given_HW)):
        error = float(np.abs(found.cpu().numpy() - right).max() / np.abs(right).max())
        if not error <= LARGEST_ERROR:  # NaN is wrong, too
            raise EngineError(
                f"device {device}: {name} is off by {error:.2g} of its greatest value; "
                f"expected at most {LARGEST_ERROR:g}"
            )
