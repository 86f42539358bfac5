"""What the commands share: finding things, and printing them for people or programs."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import click
from flask import current_app

from .. import clock
from ..errors import OAuth2ServerError
from ..state import ServerState

F = TypeVar("F", bound=Callable[..., Any])

#: A number that a database takes: a key, or seconds.
NUMBER = click.IntRange(0, 2**31 - 1)

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
yes = click.option("--yes", is_flag=True, help="Do not ask.")


def server() -> ServerState:
    """The parts of the app that the command runs in."""
    state: ServerState = current_app.extensions["oauth2server"]
    return state


def explained(command: F, tables: bool = True) -> F:
    """Let *command* end with the sentence of an error of ours, and not with a traceback.

    :param tables: whether it needs the tables.
    """

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            with server().storage.guarded(tables):
                return command(*args, **kwargs)
        except (OAuth2ServerError, ValueError, OverflowError) as error:
            raise click.ClickException(str(error)) from error

    return wrapper  # type: ignore[return-value]


def find_client(client_id: str) -> Any:
    """The client, or an error for people."""
    client = server().storage.clients.get(client_id)
    if client is None:
        raise click.ClickException(f"There is no client {client_id!r}.")
    return client


def find_user(key: str) -> Any:
    """The user whose key was typed, or an error for people."""
    subjects = server().subjects
    try:
        user = subjects.load(subjects.parsed(key))
    except ValueError:
        user = None
    if user is None:
        raise click.ClickException(f"There is no user {key!r}.")
    return user


class Lines(NamedTuple):
    """Several lines below the name of a fact."""

    lines: Sequence[str]


def show(rows: Sequence[Mapping[str, Any]], as_json: bool, empty: str) -> None:
    """Print rows as a table, or as a JSON list."""
    if as_json:
        click.echo(json.dumps([_plain(row) for row in rows], indent=2))
        return
    if not rows:
        click.echo(empty)
        return
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def show_one(row: Mapping[str, Any], as_json: bool) -> None:
    """Print one thing as lines, or as a JSON object."""
    if as_json:
        click.echo(json.dumps(_plain(row), indent=2))
        return
    width = max(len(name) for name in row)
    for name, value in row.items():
        click.echo(f"{name.ljust(width)}  {_cell(value)}")


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """JSON values; times as seconds since the epoch."""
    return {name: clock.epoch(value) if isinstance(value, datetime) else value for name, value in row.items()}


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Lines):
        return "".join(f"\n    {_printable(line)}" for line in value.lines)
    if isinstance(value, list | tuple):
        return " ".join(_printable(item) for item in value) or "-"
    return _printable(value) or "-"


def _printable(value: Any) -> str:
    """*value* without what a terminal obeys: much of what is shown was sent by strangers."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))
