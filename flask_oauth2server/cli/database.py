"""``flask oauth2 init-db`` and ``flask oauth2 purge``."""

from __future__ import annotations

from functools import partial

import click
from flask.cli import with_appcontext

from .common import explained, server


@click.command("init-db")
@with_appcontext
@partial(explained, tables=False)
def init_db() -> None:
    """Make missing tables, and add missing columns to those that exist."""
    done = server().extension.init_db()
    click.echo("\n".join(done) if done else "Nothing to do: all tables and columns exist.")


@click.command("purge")
@with_appcontext
@explained
def purge() -> None:
    """Remove everything that has ended long enough ago."""
    click.echo(f"Removed {server().extension.purge()} rows.")


commands = (init_db, purge)
