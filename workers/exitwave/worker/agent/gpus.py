"""The GPUs of this machine, as NVIDIA's management library (NVML) lists them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pynvml
import structlog

from exitwave.schema.errors import UsageError

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU of this machine."""

    index: int
    uuid: str
    name: str = ""


def gpus_here() -> list[Gpu]:
    """All GPUs that answer, whatever ``CUDA_VISIBLE_DEVICES`` says.

    Raises
    ------
    UsageError
        There is no driver.
    """
    found = []
    with _nvml():
        for index in range(pynvml.nvmlDeviceGetCount()):
            try:
                handle = pynvml.nvmlDeviceGetHandleByIndex(index)
                uuid = pynvml.nvmlDeviceGetUUID(handle)
                found.append(Gpu(index, uuid, pynvml.nvmlDeviceGetName(handle)))
            except pynvml.NVMLError as error:
                # One that has fallen off the bus must not keep the others from working.
                _log.error("gpu.does_not_answer", index=index, error=str(error))
    return found


def choose(chosen: str, gpus: Sequence[Gpu]) -> list[Gpu]:
    """Those of the GPUs that a user named; each once.

    Parameters
    ----------
    chosen : str
        ``all``, or indices and UUIDs with commas between them.
    gpus : sequence of Gpu

    Raises
    ------
    UsageError
        One is not there.
    """
    there = ", ".join(f"{gpu.index} ({gpu.uuid})" for gpu in gpus) or "no GPU"
    if chosen == "all" and gpus:
        return list(gpus)
    found: dict[int, Gpu] = {}
    for word in map(str.strip, chosen.split(",")):
        named = [gpu for gpu in gpus if word in {str(gpu.index), gpu.uuid}]
        if not named:
            raise UsageError(
                f"--gpus: found {word!r}; expected all, indices or UUIDs; there is {there}"
            )
        found[named[0].index] = named[0]
    return list(found.values())


@contextmanager
def _nvml() -> Iterator[None]:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise UsageError(
            f"--gpus: found no NVIDIA driver that answers ({error}); without --gpus a worker "
            "runs on the CPU"
        ) from error
    try:
        yield
    finally:
        pynvml.nvmlShutdown()
