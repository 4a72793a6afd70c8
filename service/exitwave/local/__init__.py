"""Everything on one machine: embedded Valkey and Tiled, and the supervisor behind `up`.

- `valkey`: the embedded Valkey server (data structure store) of the ledger
- `tiled`: the embedded Tiled server
- `layout`: the data directory and what is written into it at start
- `supervisor`: `up`
- `demo`: `up` with a scan played into it
- `doctor`: what works and what does not

Here belongs which processes one machine runs, with which settings and in which order. How a
process is started, watched and stopped does not: that is `exitwave.processes`.
"""
