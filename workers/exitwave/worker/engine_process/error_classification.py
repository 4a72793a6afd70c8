"""What an exception in a job means: for the job, and for the process it came from."""

from __future__ import annotations

from exitwave.schema.errors import ExitwaveError, OutOfMemory
from exitwave.schema.job import Failure

from ..protocol.messages import EngineCrashed, EngineFailed

INTERNAL_ERROR = "internal-error"
"""Kind of a failure that is a defect of ours; the log has the traceback."""

_NO_MEMORY = (
    "out of memory",
    "CUFFT_ALLOC_FAILED",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "can't allocate memory",
)
"""Torch tells these as RuntimeError where its own allocator was not the one that failed."""

_STICKY = (
    "CUDA error",
    "CUFFT_INTERNAL_ERROR",
    "CUFFT_EXEC_FAILED",
    "CUBLAS_STATUS_EXECUTION_FAILED",
)
"""After such an error every further call of the process fails: it needs a new one."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the job needs more memory than there is. Torch need not be loaded to tell."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, MemoryError) or "OutOfMemoryError" in names:
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _NO_MEMORY)


def classify_error(error: Exception, device: str) -> EngineFailed | EngineCrashed:
    """How a job that raised this ends.

    Too little memory fails the job: it would fail on every device of this size, and take
    the engines of all workers in turn. A broken CUDA context costs the attempt alone.
    """
    if is_out_of_memory(error):
        return EngineFailed(failure_of(OutOfMemory(_too_large(error, device))))
    if isinstance(error, ExitwaveError):
        return EngineFailed(failure_of(error))
    message = f"{type(error).__name__}: {error}"
    if isinstance(error, RuntimeError) and any(word in str(error) for word in _STICKY):
        return EngineCrashed(Failure(slug="engine-crashed", message=message))
    return EngineFailed(Failure(slug=INTERNAL_ERROR, message=message))


def failure_of(error: ExitwaveError) -> Failure:
    """As a record keeps it."""
    return Failure(slug=error.slug, message=str(error))


def _too_large(error: Exception, device: str) -> str:
    said = (str(error).splitlines() or [""])[0] or type(error).__name__
    return (
        f"the job does not fit into the memory of {device} ({said}); choose a smaller "
        "data.crop_px or batch, or set worker.device_memory_gb"
    )
