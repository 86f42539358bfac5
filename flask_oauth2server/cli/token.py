"""``flask oauth2 token ...``: personal tokens."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from .common import NUMBER, as_json, explained, find_user, server, show, show_one

group = AppGroup("token", help="Personal tokens.")


@group.command("create")
@click.option("--user", required=True, help="Key of the user it acts as.")
@click.option("--name", required=True, help="By which the user recognises it.")
@click.option("--scope", "scopes", multiple=True, help="Repeatable.")
@click.option("--expires-in", type=NUMBER, help="Seconds.")
@as_json
@explained
def create(user: str, name: str, scopes: tuple[str, ...], expires_in: int | None, as_json: bool) -> None:
    """Make a personal token. Its value is printed once."""
    value = server().extension.create_personal_token(
        find_user(user), name=name, scopes=list(scopes), expires_in=expires_in
    )
    show_one({"name": name, "token": value}, as_json)


@group.command("list")
@click.option("--user", help="Only those of this user.")
@click.option("--after", type=NUMBER, default=0, help="Begin after this key.")
@click.option("--limit", type=NUMBER, default=100, show_default=True)
@as_json
@explained
def list_(user: str | None, after: int, limit: int, as_json: bool) -> None:
    """List personal tokens that are not revoked."""
    found = server().extension.list_personal_tokens(None if user is None else find_user(user), after=after, limit=limit)
    rows = [
        {
            "id": row.id,
            "user": str(row.user_id),
            "name": row.name,
            "hint": row.hint,
            "scopes": row.scopes,
            "expires_at": row.expires_at,
            "last_used_at": row.last_used_at,
        }
        for row in found
    ]
    show(rows, as_json, "There is no personal token.")


@group.command("revoke")
@click.argument("token_id", type=NUMBER)
@explained
def revoke(token_id: int) -> None:
    """End a personal token by the id that the list shows."""
    token = server().storage.tokens.get(token_id)
    if token is None or token.name is None or not server().extension.revoke_personal_token(token):
        raise click.ClickException(f"There is no personal token {token_id} that is not revoked.")
    click.echo("Revoked.")
