"""How a device is named in the settings, and how torch is told. Without torch."""

from __future__ import annotations

import os

UUID_PREFIXES = ("GPU-", "MIG-")
"""Beginnings of a CUDA device's UUID."""


def pin_device(device: str) -> None:
    """A GPU named by UUID becomes the only one torch sees; to be done before its import."""
    if device.startswith(UUID_PREFIXES):
        os.environ["CUDA_VISIBLE_DEVICES"] = device


def torch_name(device: str) -> str:
    """The name for torch: a GPU named by UUID is the only one that it sees by now."""
    return "cuda" if device.startswith(UUID_PREFIXES) else device
