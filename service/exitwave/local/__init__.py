"""Everything on one machine: embedded Valkey and Tiled, and the supervisor behind `up`.

- `children`: child processes that are started again when they end
- `processes`: child processes that never outlive their supervisor
- `valkey`: the embedded Valkey server (data structure store) of the ledger
- `tiled`: the embedded Tiled server
- `layout`: the data directory and what is written into it at start
- `supervisor`: `up`
- `demo`: `up` with a scan played into it
- `doctor`: what works and what does not
"""
