"""Where this machine keeps files, and how a file is written whole.

Light: the client uses it, too. What a file holds does not belong here: see `exitwave.files` for
scans and results, `exitwave.settings` for settings.
"""
