"""``flask oauth2 ...``: one file a noun."""

from __future__ import annotations

from flask import Flask
from flask.cli import AppGroup

from ..state import ServerState
from . import authorization, client, database, doctor, token


def init_app(app: Flask, server: ServerState) -> None:
    """Register the commands of the package and of features."""
    group = AppGroup("oauth2", help="Manage the OAuth 2.1 provider.")
    for command in (*database.commands, doctor.doctor, client.group, authorization.group, token.group, *server.commands):
        group.add_command(command)
    app.cli.add_command(group)
