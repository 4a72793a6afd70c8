"""Devices as the settings name them, for torch, and free memory. Without torch."""

from __future__ import annotations

import os

import psutil

UUID_PREFIXES = ("GPU-", "MIG-")
"""Beginnings of a CUDA device's UUID."""


def pin_device(device: str) -> None:
    """A GPU named by UUID becomes the only one torch sees; to be done before its import."""
    if device.startswith(UUID_PREFIXES):
        os.environ["CUDA_VISIBLE_DEVICES"] = device


def free_memory_bytes() -> int:
    """Of the host; what files are cached in counts as free."""
    return int(psutil.virtual_memory().available)


def torch_name(device: str) -> str:
    """The name for torch: a GPU named by UUID is the only one that it sees by now."""
    return "cuda" if device.startswith(UUID_PREFIXES) else device
