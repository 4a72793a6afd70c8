"""Entry point of ``exitwave``: one typer app from all installed parts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import entry_points, version
from typing import Annotated, Any, NoReturn

import typer

from exitwave.schema.errors import ExitwaveError, UsageError

from . import (
    common,
    control_commands,
    key_commands,
    query_commands,
    submit_commands,
    worker_commands,
)

COMMANDS: tuple[Callable[[typer.Typer], None], ...] = (
    submit_commands.register,
    query_commands.register,
    control_commands.register,
    worker_commands.register,
    key_commands.register,
)
"""Of the base install, in the order of the help text; extras add theirs as entry points."""

FAILED, WRONG_USE = 1, 2
GROUP = "exitwave.commands"


def build_app() -> typer.Typer:
    """The command line with the client's commands and those of every installed extra."""
    app = typer.Typer(
        name="exitwave",
        help="Live ptychography: a fly scan becomes a picture while you are still there.",
        epilog="Exit codes: 0 done, 1 the work failed, 2 wrong use.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def global_options(
        context: typer.Context,
        url: Annotated[
            str | None,
            typer.Option(
                help="Address of the service; default EXITWAVE_URL, else the last "
                "`exitwave up` of this machine. The key comes from EXITWAVE_API_KEY or "
                "from that `up`."
            ),
        ] = None,
        show_version: Annotated[
            bool,
            typer.Option(
                "--version",
                help="Print the version and leave.",
                callback=_print_version,
                is_eager=True,
            ),
        ] = False,
    ) -> None:
        context.obj = common.ServiceAddress(url)

    for register in COMMANDS:
        register(app)
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        register_extra: Any = entry.load()
        register_extra(app)
    return app


def main() -> NoReturn:
    """Run the command line; an `ExitwaveError` becomes one line and an exit code."""
    try:
        build_app()()
    except UsageError as error:
        _fail(error, WRONG_USE)
    except ExitwaveError as error:
        _fail(error, FAILED)
    sys.exit(0)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"exitwave {version('exitwave')}")
        raise typer.Exit


def _fail(error: ExitwaveError, code: int) -> NoReturn:
    print(f"exitwave: {error}", file=sys.stderr)
    sys.exit(code)
