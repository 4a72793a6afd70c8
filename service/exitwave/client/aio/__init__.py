"""The asyncio client. The blocking one in `sync` is made from these modules by `make sync`.

Here belongs what awaits an answer. Requests, retries and what is read from answers are the
modules above, which both clients share.
"""
