"""The routes, one module per noun. Each module has one `router`, listed in `exitwave.api.app`.

A route reads its arguments, calls what does the work (`exitwave.api.jobs`, the ledger) and
shapes the answer; longer work belongs there, not here.
"""
