"""The asyncio clients of the ledger. Those in `sync` are made from them by `make sync`.

Here belongs what awaits a reply. What is sent and how a reply is read are the modules above.
"""
