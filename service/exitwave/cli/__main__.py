"""``python -m exitwave.cli``."""

from .main import main

main()
