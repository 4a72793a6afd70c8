# Made from aio/connection.py by `make sync`: change that one.
"""One connection to the server: it sends commands and reads their replies."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self, TypeVar

from redis.exceptions import RedisError, ResponseError

from exitwave.schema.errors import LedgerUnavailable, UsageError
from exitwave.settings.service import LedgerSettings

from .. import durability, lua_functions
from ..commands import Command, Commands, ping
from ..server import connect, unavailable

T = TypeVar("T")


class Connection:
    """What every client of the ledger is built on: it loads the functions, then sends."""

    def __init__(self, settings: LedgerSettings) -> None:
        self._commands = Commands(settings)
        self._layout = f"{{{settings.prefix}}}:version", f"{{{settings.prefix}}}:jobs"
        self._ready = False
        self._replicated = False
        # redis-py types the calls of its two clients differently, and some not at all.
        self._client: Any = connect(settings)

    def run(self, command: Command[T]) -> T:
        """Send a command and read its reply; `LedgerUnavailable` while the server is away."""
        try:
            reply = self._execute(command)
        except RedisError as error:
            raise unavailable(error) from error
        return command.parse(reply)

    def check_layout(self) -> None:
        """Refuse records of another release; to be called once, at start.

        Later on they are as good as away: that release may be at work again.

        Raises
        ------
        UsageError
            The records are of another version.
        """
        try:
            refusal = self._other_layout()
        except RedisError as error:
            raise unavailable(error) from error
        if refusal:
            raise UsageError(refusal)

    def check_durability(self) -> None:
        """Demand that accepted work survives the server; to be called once, at start.

        From then on a job is accepted only when a replica has it on disk too, if the server
        has replicas now.

        Raises
        ------
        UsageError
            The server answers before its disk has the write, or its replicas could lose it.
        """
        try:
            self._check_durability()
        except RedisError as error:
            raise unavailable(error) from error

    def ping(self) -> None:
        """Raise `LedgerUnavailable` if the server does not answer."""
        self.run(ping())

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _execute(self, command: Command[Any]) -> Any:
        if not self._ready:
            self._load_functions()
        try:
            return self._send_command(command)
        except ResponseError as error:
            if not lua_functions.is_missing(error):
                raise
        self._load_functions()
        return self._send_command(command)

    def _send_command(self, command: Command[Any]) -> Any:
        if not (command.durable and self._replicated):
            return self._send(*command.arguments)
        # WAITAOF tells of the writes of its own connection.
        pipeline = self._client.pipeline(transaction=False)
        for words in (command.arguments, durability.WAIT):
            pipeline.execute_command(*words)
        reply, replicated = pipeline.execute()
        durability.check_replicated(replicated)
        return reply

    def _load_functions(self) -> None:
        if lua_functions.must_load(self._send(*lua_functions.LIST_COMMAND)):
            if refusal := self._other_layout():
                raise LedgerUnavailable(refusal)
            self._send(*lua_functions.load_command())
        self._ready = True

    def _other_layout(self) -> str | None:
        version_key, jobs_key = self._layout
        version = self._send("GET", version_key)
        has_jobs = self._send("EXISTS", jobs_key)
        return lua_functions.other_layout(version, bool(has_jobs))

    def _check_durability(self) -> None:
        try:
            durability.check_config(self._send(*durability.CONFIG))
        except ResponseError as error:
            durability.config_is_hidden(error)
        if durability.has_replicas(self._send(*durability.REPLICATION)):
            try:
                self._send(*durability.PROBE)
            except ResponseError as error:
                raise durability.no_waitaof(error) from error
            self._replicated = True

    def _send(self, *words: str | int | float) -> Any:
        return self._client.execute_command(*words)
