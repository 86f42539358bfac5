"""``flask oauth2 user ...``: what is kept about a person."""

from __future__ import annotations

import json
from typing import Any

import click
from flask.cli import AppGroup

from .common import explained, server, yes

group = AppGroup("user", help="What is kept about people.")


@group.command("export")
@click.argument("key")
@click.option("--file", "file", type=click.File("w", encoding="utf-8"), default="-", help="Default: print it.")
@explained
def export(key: str, file: Any) -> None:
    """Everything that is kept about a user, as JSON."""
    file.write(f"{json.dumps(server().extension.export_user(key=_parsed(key)), indent=2)}\n")


@group.command("erase")
@click.argument("key")
@yes
@explained
def erase(key: str, yes: bool) -> None:
    """Remove everything that is kept about a user, who may be deleted already. Their account is your app's."""
    parsed = _parsed(key)
    if not yes:
        click.confirm(f"Remove everything that is kept about the user {key!r}?", abort=True)
    server().extension.forget_user(key=parsed)
    click.echo("Erased. The account itself is your app's.")


def _parsed(key: str) -> Any:
    try:
        return server().subjects.parsed(key)
    except (ValueError, OverflowError) as error:
        raise click.ClickException(f"{key!r} cannot be the key of a user.") from error
