"""``flask oauth2 client ...``"""

from __future__ import annotations

import json
from typing import Any

import click
from flask.cli import AppGroup

from ..domain.presets import BY_NAME
from .common import NUMBER, as_json, explained, find_client, find_user, server, show, show_one, yes

group = AppGroup("client", help="Register and manage client applications.")


def _described(client: Any) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "name": client.name,
        "type": client.client_type,
        "owner": None if client.user_id is None else str(client.user_id),
        "verified": client.verified,
        "disabled_at": client.disabled_at,
        "created_at": client.created_at,
    }


def _metadata(options: dict[str, Any]) -> dict[str, Any]:
    """Options that were given, under the names that the Python API knows."""
    given = {name: list(v) if isinstance(v, tuple) else v for name, v in options.items() if v not in (None, ())}
    if "logo" in given:
        given["logo"] = options["logo"].read()
    named = dict(given.pop("metadata", ()))
    for name in named:
        if name not in server().client_metadata:
            raise click.BadParameter(f"{name!r} is no metadata that is known here.", param_hint="--metadata")
    return {**given, **named}


class _Named(click.ParamType[tuple[str, Any]]):
    """``NAME=VALUE``: a pair whose value is JSON where it can be read as such, and text where not."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, Any]:
        name, equals, text = str(value).partition("=")
        if not equals or not name:
            self.fail(f"{value!r} is not of the form NAME=VALUE.", param, ctx)
        try:
            return name, json.loads(text) if text else None
        except (ValueError, RecursionError):
            return name, text


def metadata_options(command: Any) -> Any:
    """The options that creating and editing share."""
    for option in reversed(
        (
            click.option("--redirect-uri", "redirect_uris", multiple=True, help="Where answers may go; repeatable."),
            click.option(
                "--post-logout-redirect-uri",
                "post_logout_redirect_uris",
                multiple=True,
                help="Where people may be sent after signing out; repeatable.",
            ),
            click.option("--scope", "scopes", multiple=True, help="What it may ask for; repeatable. Default: all."),
            click.option("--grant-type", "grant_types", multiple=True, help="Repeatable."),
            click.option("--response-type", "response_types", multiple=True, help="Repeatable."),
            click.option("--auth-method", "token_endpoint_auth_method", help="client_secret_basic, ..._post or none."),
            click.option("--application-type", type=click.Choice(["web", "native"])),
            click.option("--require-pkce/--no-require-pkce", default=None),
            click.option("--verified/--unverified", default=None, help="Whether it was checked. Default: yes."),
            click.option("--first-party/--third-party", default=None, help="First-party: people are not asked."),
            click.option("--may-introspect/--may-not-introspect", default=None, help="All tokens, not only its own."),
            click.option("--refresh-rotation", type=click.Choice(["always", "never"])),
            click.option("--access-token-expires-in", type=NUMBER, help="Seconds."),
            click.option("--refresh-token-expires-in", type=NUMBER, help="Seconds."),
            click.option("--description"),
            click.option("--client-uri"),
            click.option("--policy-uri"),
            click.option("--tos-uri"),
            click.option(
                "--metadata",
                multiple=True,
                type=_Named(),
                help="Any other metadata of RFC 7591 and OpenID Connect, as JSON or text; empty: none. Repeatable.",
            ),
            click.option("--logo", type=click.File("rb"), help="A square PNG, JPEG or WebP file of at most 200 KB."),
        )
    ):
        command = option(command)
    return command


@group.command("create")
@click.option("--name", required=True, help="How people see it.")
@click.option("--client-id", help="Default: a generated one.")
@click.option("--preset", type=click.Choice([*BY_NAME]), help="The kind of application; what is named here wins.")
@click.option("--public", is_flag=True, help="It runs where no secret can be kept: the same as --auth-method none.")
@click.option("--owner", help="Key of the user who may manage it.")
@metadata_options
@as_json
@explained
def create(
    name: str,
    client_id: str | None,
    preset: str | None,
    public: bool,
    owner: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Register a client. Its secret is printed once."""
    if public:
        options["token_endpoint_auth_method"] = "none"
    user = None if owner is None else find_user(owner)
    client, secret = server().extension.create_client(
        name=name, client_id=client_id, owner=user, preset=preset, **_metadata(options)
    )
    show_one({**_described(client), "client_secret": secret}, as_json)


@group.command("list")
@click.option("--search", help="What a name (any word on), a client id, a redirect host or an owner begins with.")
@click.option("--owner", help="Only those of this user.")
@click.option("--after", type=NUMBER, default=0, help="Begin after this key.")
@click.option("--limit", type=NUMBER, default=100, show_default=True)
@as_json
@explained
def list_(search: str | None, owner: str | None, after: int, limit: int, as_json: bool) -> None:
    """List clients in order of their keys, or those that are found."""
    if search is not None and (owner is not None or after):
        raise click.UsageError("--search goes with --limit alone.")
    extension = server().extension
    if search is not None:
        clients = extension.search_clients(search, limit=limit).clients
    else:
        user = None if owner is None else find_user(owner)
        clients = extension.list_clients(owner=user, after=after, limit=limit)
    show(
        [{"id": client.id, **_described(client)} for client in clients],
        as_json,
        "There is no client." if search is None else "No client matches.",
    )


@group.command("show")
@click.argument("client_id")
@as_json
@explained
def show_client(client_id: str, as_json: bool) -> None:
    """Show one client with its metadata and secrets (their last characters)."""
    client = find_client(client_id)
    secrets = [f"…{secret.hint}" for secret in server().extension.list_secrets(client)]
    show_one({**_described(client), **client.client_metadata, "secrets": secrets}, as_json)


@group.command("edit")
@click.argument("client_id")
@click.option("--name")
@metadata_options
@explained
def edit(client_id: str, **options: Any) -> None:
    """Change what is named; lists are replaced as a whole."""
    changed = server().extension.edit_client(find_client(client_id), **_metadata(options))
    click.echo(f"Changed: {', '.join(changed)}." if changed else "Nothing changed.")


@group.command("rotate-secret")
@click.argument("client_id")
@click.option("--old-expire-in", type=NUMBER, help="End the present secrets after so many seconds; 0: now.")
@click.option("--revoke", "hint", help="Instead: revoke the secret that ends in these characters.")
@as_json
@explained
def rotate_secret(client_id: str, old_expire_in: int | None, hint: str | None, as_json: bool) -> None:
    """Make a further secret, printed once; the old ones go on working beside it."""
    client, extension = find_client(client_id), server().extension
    if hint is not None:
        count = extension.revoke_secret(client, hint)
        if not count:
            raise click.ClickException(f"No live secret of {client_id!r} ends in {hint!r}.")
        show_one({"client_id": client_id, "revoked": count}, as_json)
        return
    secret = extension.rotate_secret(client, old_expire_in=old_expire_in)
    show_one({"client_id": client_id, "client_secret": secret}, as_json)


@group.command("disable")
@click.argument("client_id")
@click.option("--undo", is_flag=True, help="Enable it again.")
@explained
def disable(client_id: str, undo: bool) -> None:
    """Stop a client and all its tokens, at once."""
    client, extension = find_client(client_id), server().extension
    if undo:
        extension.enable_client(client)
    else:
        extension.disable_client(client)
    click.echo(f"{client_id} is {'enabled' if undo else 'disabled'}.")


@group.command("delete")
@click.argument("client_id")
@yes
@explained
def delete(client_id: str, yes: bool) -> None:
    """Remove a client with its secrets, authorizations and tokens."""
    client = find_client(client_id)
    if not yes:
        click.confirm(f"Delete {client.name} ({client_id}) and end all its authorizations?", abort=True)
    server().extension.delete_client(client)
    click.echo(f"{client_id} is deleted.")
