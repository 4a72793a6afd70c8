"""A Valkey server that a test may kill."""

from __future__ import annotations

import subprocess
from pathlib import Path

import redis
from tests.stack import wait_until

from exitwave.local.valkey import prepare_valkey


class OwnServer:
    """A Valkey that a test may kill."""

    def __init__(self, directory: Path) -> None:
        self._prepared = prepare_valkey(directory)
        self.uri = self._prepared.uri
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._prepared.argv, stdout=subprocess.DEVNULL)

        def answers() -> bool:
            try:
                with redis.Redis.from_url(self.uri) as client:
                    return bool(client.ping())
            except redis.RedisError:
                return False

        wait_until(answers, "valkey", within_s=20)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
