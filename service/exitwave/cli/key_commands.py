"""Commands about access keys: keys create, keys list, keys revoke."""

from __future__ import annotations

from typing import Annotated

import typer

from exitwave.schema.access import SCOPES, Scope

from . import service_rendering
from .common import JsonFlag, make_client, print_error, print_json
from .rendering import console

SCOPE_HELP = "; ".join(f"{scope.value}: {allows}" for scope, allows in SCOPES.items())


def register(app: typer.Typer) -> None:
    """Add the commands."""
    keys = typer.Typer(help="Make, list and revoke access keys.", no_args_is_help=True)
    keys.command("create")(create)
    keys.command("list")(list_keys)
    keys.command("revoke")(revoke)
    app.add_typer(keys, name="keys")


def create(
    context: typer.Context,
    owner: Annotated[str, typer.Option(help="Whose jobs it makes.")],
    scopes: Annotated[
        list[Scope],
        typer.Option("--scope", help=f"What it allows; may be repeated. {SCOPE_HELP}."),
    ],
    expires_days: Annotated[
        float | None, typer.Option(help="Days until it ends; default never.")
    ] = None,
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Make a key and print it: the only time that it can be seen."""
    with make_client(context) as client:
        made = client.create_key(owner, scopes, expires_days, note)
    if as_json:
        print_json(made)
    else:
        print_error(f"key {made.info.id} of {made.info.owner}, shown only now:")
        typer.echo(made.key)


def list_keys(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List keys, without their secrets."""
    with make_client(context) as client:
        found = client.keys()
    if as_json:
        print_json(found.keys)
    else:
        console.print(service_rendering.key_list(found.keys))
    if found.corrupt:
        print_error(f"keys that cannot be read: {' '.join(found.corrupt)}")


def revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(help="Id, as `keys list` shows it.", metavar="KEY")],
) -> None:
    """End a key, the sessions made from it and their open streams."""
    with make_client(context) as client:
        client.revoke_key(key_id)
    typer.echo(f"key {key_id} revoked")
