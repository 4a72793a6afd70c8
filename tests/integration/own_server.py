"""A server of the queue that a test may kill."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import redis
from tests.support.stack import prepare_server, wait_until


class OwnServer:
    """A Valkey, or the Redis under test, that a test may kill.

    Parameters
    ----------
    directory : Path
        Its append-only file survives a kill there.
    *options : str
        Words put behind the configuration, such as ``--appendfsync everysec``.
    """

    def __init__(self, directory: Path, *options: str) -> None:
        self._prepared = prepare_server(directory)
        self._argv = [*self._prepared.argv, *options]
        self.uri = self._prepared.uri
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._argv, stdout=subprocess.DEVNULL)

        def answers() -> bool:
            try:
                with redis.Redis.from_url(self.uri) as client:
                    return bool(client.ping())
            except redis.RedisError:
                return False

        wait_until(answers, "the queue's server", within_s=20)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)
