"""Where a run begins."""

from .begin import StartingPoint, begin
from .search import Candidate, Search, may_be_out_of_focus, search

__all__ = ["Candidate", "Search", "StartingPoint", "begin", "may_be_out_of_focus", "search"]
