"""The blocking clients, made from `aio` by `make sync`: change the modules there.

Nothing written by hand belongs here. Workers never await:
`exitwave.ledger.worker_ledger` builds on the connection here.
"""
