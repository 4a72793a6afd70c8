"""How parameters move: named parameters, Adam, rates, regularisation, gauges and limits.

Here belongs what changes parameters from gradients, and what keeps them within gauges; not how
gradients are made (`gradients`), and not algorithms that use none (`baselines`).
"""
