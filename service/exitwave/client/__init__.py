"""Python client of the service, sync and async. Light: no numpy, no Tiled.

from exitwave.client import Client

with Client() as client:                     # the service of this machine
    job = client.submit("7f0c3f2e", overrides={"recipe.seed": 3})
    job = client.wait(job.id)
    client.download(job.id, "cxi", "star.cxi")
"""

from .aio import AsyncClient
from .calls import Format
from .sync import Client

__all__ = ["AsyncClient", "Client", "Format"]
