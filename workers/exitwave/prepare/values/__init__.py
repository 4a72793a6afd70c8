"""Stored values made photons where it can be told what they are."""

from .read_unit import read_unit
from .unit import Unit

__all__ = ["Unit", "read_unit"]
