"""Where a run begins."""

from .candidates import Candidate, Search
from .guess import InitialGuess, initialise
from .search import may_be_out_of_focus, search

__all__ = ["Candidate", "InitialGuess", "Search", "initialise", "may_be_out_of_focus", "search"]
