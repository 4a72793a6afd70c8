"""What turns "a scan is finished" into a job. A trigger is a client like any other.

- `runs`: which runs in Tiled are finished, and the news of the next one
- `point`: what a trigger remembers
- `tiled`: the trigger on Tiled
"""
