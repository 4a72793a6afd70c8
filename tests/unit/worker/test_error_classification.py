"""What an error means for the job and for the engine process."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from exitwave.schema.errors import DataError, OutOfMemory
from exitwave.worker.engine_process.error_classification import classify_error
from exitwave.worker.protocol.messages import EngineCrashed, EngineFailed


def real_ones() -> list[Exception]:
    """Errors of torch and numpy that are asked for more than any machine has."""
    found: list[Exception] = []
    for ask in (lambda: torch.empty(2**55), lambda: np.empty(2**55)):
        try:
            ask()
        except (RuntimeError, MemoryError) as error:
            found.append(error)
    return found


@pytest.mark.parametrize(
    "error",
    [
        *real_ones(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"),
        OutOfMemory("dm: waves of 12000 views need 12 GB"),
    ],
)
def test_too_little_memory_fails_the_job(error: Exception) -> None:
    found = classify_error(error, "cpu")
    assert isinstance(found, EngineFailed) and found.failure.slug == "out-of-memory"


def test_a_broken_context_costs_the_engine_and_a_defect_the_job() -> None:
    broken = classify_error(
        RuntimeError("CUDA error: uncorrectable ECC error encountered"), "cuda"
    )
    assert isinstance(broken, EngineCrashed) and "ECC" in broken.failure.message
    defect = classify_error(RuntimeError("shapes do not match"), "cpu")
    assert isinstance(defect, EngineFailed) and defect.failure.slug == "internal-error"
    ours = classify_error(DataError("frames", 0, "some"), "cpu")
    assert isinstance(ours, EngineFailed) and ours.failure.slug == "data-invalid"
    assert len(real_ones()) == 2
