"""Whether a run has found a picture: rules over figures that need no truth.

Here belong the figures, the rules with their thresholds, and the judge that asks them all. A
new rule is a function in `rules/` and a line in `rules.RULES`. What is summed over patterns is
gathered by the engine (`exitwave.engine.assessment`); why a run is bad is asked by `diagnosis`.
How a verdict is shown is not decided here.
"""

from .diagnosis import diagnosed
from .figures import Figures, figures_of
from .judge import judge_run, with_findings

__all__ = ["Figures", "diagnosed", "figures_of", "judge_run", "with_findings"]
