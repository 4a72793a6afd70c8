"""Where a run begins."""

from .begin import StartingPoint, begin
from .candidates import Candidate, Search
from .search import may_be_out_of_focus, search

__all__ = ["Candidate", "Search", "StartingPoint", "begin", "may_be_out_of_focus", "search"]
