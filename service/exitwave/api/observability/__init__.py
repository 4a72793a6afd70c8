"""What an operator sees of a running API.

- `metrics`: queue, workers and requests for Prometheus
- `request_log`: one log line per request

How log lines are written belongs to `exitwave.runtime.logs`.
"""
