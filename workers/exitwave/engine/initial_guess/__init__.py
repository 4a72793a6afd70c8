"""Where a run begins."""

from .candidates import Candidate, Search
from .guess import StartingPoint, begin
from .search import may_be_out_of_focus, search

__all__ = ["Candidate", "Search", "StartingPoint", "begin", "may_be_out_of_focus", "search"]
