"""What patterns and their model say about a picture, without knowing the truth.

Here belong figures that compare a model with patterns (evidence, places, held-out patterns)
or tell of its scan (coverage); not what a run does about them (`session`), and not how people
are told (`exitwave.verdict`).
"""
