"""Contracts shared by every part of exitwave. No I/O, no imports of our own packages."""
