"""Whether a Tiled server answers at all: no key is needed, and no node."""

from __future__ import annotations

import httpx

from exitwave.schema.errors import TiledUnavailable


def check_health(uri: str, timeout_s: float) -> None:
    """Raise `TiledUnavailable` unless the server is well.

    For who is about to use Tiled's own client, which tries for most of a minute before it
    gives up.
    """
    try:
        httpx.get(_url(uri), timeout=timeout_s).raise_for_status()
    except httpx.HTTPError as error:
        raise TiledUnavailable(f"Tiled at {uri} does not answer: {error}") from error


async def health_status(uri: str, timeout_s: float) -> int | None:
    """HTTP status of the server's own account of itself; None where it does not answer."""
    try:
        async with httpx.AsyncClient(timeout=timeout_s) as client:
            return (await client.get(_url(uri))).status_code
    except httpx.TransportError:
        return None


def _url(uri: str) -> str:
    return f"{uri.rstrip('/')}/healthz"
