"""Python client of the service, sync and async. Light: no Tiled, numpy for arrays alone.

from exitwave.client import Client

with Client() as client:                     # the service of this machine
    job = client.submit("7f0c3f2e", overrides={"recipe.seed": 3})
    job = client.wait(job.id)
    object_MYX = client.result(job.id).object_MYX

Here belongs what a notebook or script says to the API: `aio` is written, `sync` is made from
it, and both share the modules beside them. What the API answers is defined in
`exitwave.schema`; how a terminal shows it belongs to `exitwave.cli`.
"""

from exitwave.schema.result import Plane
from exitwave.schema.result_formats import ResultFormat

from .aio.client import AsyncClient
from .arrays import ResultArrays
from .sync.client import Client

__all__ = ["AsyncClient", "Client", "Plane", "ResultArrays", "ResultFormat"]
