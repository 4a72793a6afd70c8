"""The blocking clients, made from `aio` by `make sync`: change the modules there.

Workers never await: `exitwave.ledger.worker_ledger` builds on the connection here.
"""
