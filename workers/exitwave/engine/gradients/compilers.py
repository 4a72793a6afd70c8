"""Whether kernels of our own can be built for a GPU."""

from __future__ import annotations

import os
import shutil
import sysconfig
from importlib.util import find_spec
from pathlib import Path


def has_triton() -> bool:
    """Whether Triton is there, the C compiler that it calls and what that includes.

    torch brings Triton where it brings CUDA, but not on every system, and never a compiler.
    What launches a kernel is compiled as an extension of Python: many systems keep the
    headers for that in a package of their own.
    """
    named = os.environ.get("CC")
    compilers = ("gcc", "clang") if named is None else (named,)
    headers = Path(sysconfig.get_path("include", "posix_prefix"), "Python.h")
    return (
        find_spec("triton") is not None
        and any(map(shutil.which, compilers))
        and headers.exists()
    )
