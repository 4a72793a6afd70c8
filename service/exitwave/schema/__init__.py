"""Contracts shared by every part of exitwave: recipes, jobs, results, errors.

Here belongs what two parts must agree on, as types with their checks. I/O, numpy and imports
of our own packages do not.
"""
