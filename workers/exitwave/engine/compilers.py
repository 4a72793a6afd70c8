"""Whether kernels of our own can be built for a GPU."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec


def has_triton() -> bool:
    """Whether Triton is there and the C compiler that it calls.

    torch brings Triton where it brings CUDA, but not on every system, and never a compiler.
    """
    compilers = (os.environ.get("CC", "cc"), "gcc", "clang")
    return find_spec("triton") is not None and any(map(shutil.which, compilers))
