"""Object and probe that a run begins with.

Here belong guesses from the patterns (autocorrelation, pupil out of focus) and the search for
the best of them by short runs; not what is known beforehand, which `InitialGuess` only carries.
"""

from .candidates import Candidate, Search
from .guess import InitialGuess, initialise
from .search import may_be_out_of_focus, search

__all__ = ["Candidate", "InitialGuess", "Search", "initialise", "may_be_out_of_focus", "search"]
