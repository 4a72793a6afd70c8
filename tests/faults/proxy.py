"""A TCP proxy whose link can be slowed, cut or silenced: a network that fails on request."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

CHUNK = 65536


class Proxy:
    """Listens on loopback and passes bytes on to a server, in a thread of its own.

    Parameters
    ----------
    target : str
        ``host:port``, or the path of a Unix socket.

    Attributes
    ----------
    address : str
        ``127.0.0.1:port``.
    delay_s : float
        Each chunk is held back so long, in each direction.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self.delay_s = 0.0
        self.port = 0
        self._open_links: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refuses = False
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="proxy", daemon=True)
        self._thread.start()
        self._started.wait(10)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def links(self) -> int:
        """Number of open connections to it and from it."""
        return len(self._open_links)

    def drop(self) -> None:
        """Break every open connection; new ones are welcome."""
        self._do(self._drop)

    def cut(self) -> None:
        """Break every open connection and every new one at once."""
        self._refuses = True
        self.drop()

    def silence(self) -> None:
        """Pass nothing on, in neither direction, but keep connections; `mend` passes it on."""
        self._do(self._passing.clear)

    def mend(self) -> None:
        """Be a good network again."""
        self._refuses = False
        self._do(self._passing.set)

    def close(self) -> None:
        self._do(self._stopped.set)
        self._thread.join(10)

    def _do(self, action: Callable[[], object]) -> None:
        done = threading.Event()

        def act() -> None:
            action()
            done.set()

        self._loop.call_soon_threadsafe(act)
        done.wait(10)

    def _drop(self) -> None:
        for writer in self._open_links:
            writer.transport.abort()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._until_stopped())
        self._loop.close()

    async def _until_stopped(self) -> None:
        self._passing, self._stopped = asyncio.Event(), asyncio.Event()
        self._passing.set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stopped.wait()
        server.close()
        self._passing.set()
        self._drop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open_links.add(writer)
        try:
            if not self._refuses:
                await self._join(reader, writer)
        except OSError:
            pass  # the server is away: so it is for who asked
        finally:
            self._open_links.discard(writer)
            self._tasks.discard(task)
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._target.startswith("/"):
            there, back = await asyncio.open_unix_connection(self._target)
        else:
            host, _, port = self._target.rpartition(":")
            there, back = await asyncio.open_connection(host, int(port))
        self._open_links.add(back)
        both = [
            asyncio.create_task(self._pass_on(reader, back)),
            asyncio.create_task(self._pass_on(there, writer)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open_links.discard(back)
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            back.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._passing.wait()
                writer.write(chunk)
                await writer.drain()


@contextmanager
def proxy_to(target: str) -> Iterator[Proxy]:
    """A proxy for as long as the block lasts."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
