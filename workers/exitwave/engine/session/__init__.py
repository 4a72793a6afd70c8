"""A run from start to end: epochs, restarts, checkpoints and the states that are yielded.

Here belongs what happens between epochs and between runs. What happens within an epoch belongs
into an algorithm.
"""
