"""``flask oauth2 authorization ...``"""

from __future__ import annotations

import click
from flask.cli import AppGroup

from .common import NUMBER, as_json, explained, find_client, find_user, server, show, yes

group = AppGroup("authorization", help="What users have allowed clients to do.")


@group.command("list")
@click.option("--user", help="Key of a user.")
@click.option("--client", "client_id")
@click.option("--after", type=NUMBER, default=0, help="Begin after this key.")
@click.option("--limit", type=NUMBER, default=100, show_default=True)
@as_json
@explained
def list_(user: str | None, client_id: str | None, after: int, limit: int, as_json: bool) -> None:
    """List live authorizations."""
    found = server().extension.list_authorizations(
        user=None if user is None else find_user(user),
        client=None if client_id is None else find_client(client_id),
        after=after,
        limit=limit,
    )
    rows = [
        {
            "id": row.id,
            "authorization": row.public_id,
            "user": str(row.user_id),
            "client_id": client,
            "scopes": row.scopes,
            "granted_at": row.created_at,
            "last_used_at": row.last_used_at,
            "expires_at": row.expires_at,
        }
        for row, client in found
    ]
    show(rows, as_json, "There is no live authorization.")


@group.command("revoke")
@click.argument("authorization", required=False)
@click.option("--user", help="All of this user.")
@click.option("--client", "client_id", help="All of this client; with --user those of both.")
@yes
@explained
def revoke(authorization: str | None, user: str | None, client_id: str | None, yes: bool) -> None:
    """End one authorization by its id, or all of a user, a client, or both."""
    extension = server().extension
    if authorization is not None:
        if not extension.revoke_authorization(authorization, reason="revoked on the command line"):
            raise click.ClickException(f"There is no live authorization {authorization!r}.")
        click.echo("Revoked.")
        return
    if user is None and client_id is None:
        raise click.UsageError("Name an authorization, --user or --client.")
    if not yes:
        click.confirm("End all of them?", abort=True)
    someone = None if user is None else find_user(user)
    client = None if client_id is None else find_client(client_id)
    reason = "revoked on the command line"
    if someone is not None and client is not None:
        count = extension.revoke_application(someone, client, reason=reason)
    else:
        count = extension.revoke_authorizations(user=someone, client=client, reason=reason)
    click.echo(f"Revoked {count}.")
