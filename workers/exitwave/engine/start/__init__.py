"""Where a run begins."""

from .begin import StartingPoint, begin
from .search import Candidate, Search, search

__all__ = ["Candidate", "Search", "StartingPoint", "begin", "search"]
