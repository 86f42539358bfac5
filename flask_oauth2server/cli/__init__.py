"""``flask oauth2 ...``: one file a noun."""

from __future__ import annotations

from flask import Flask
from flask.cli import AppGroup

from ..state import ServerState
from . import audit, authorization, client, database, doctor, key, token, user, why


def init_app(app: Flask, server: ServerState) -> None:
    """Register the commands of the package and of features."""
    group = AppGroup("oauth2", help="Manage the OAuth 2.1 provider.")
    groups = (client.group, authorization.group, token.group, user.group, key.group, audit.group)
    for command in (*database.commands, doctor.doctor, why.why, *groups, *server.commands):
        group.add_command(command)
    app.cli.add_command(group)
