"""The blocking client, made from `aio` by `make sync`: change the modules there.

Nothing written by hand belongs here.
"""
