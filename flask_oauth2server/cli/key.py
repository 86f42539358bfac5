"""``flask oauth2 key ...``: signing keys."""

from __future__ import annotations

import json

import click
from flask.cli import AppGroup

from .. import jose
from .common import as_json, explained, server, show, yes

group = AppGroup("key", help="Signing keys.")
_alg = click.option("--alg", type=click.Choice(jose.ALGORITHMS), default="RS256", show_default=True)


@group.command("list")
@as_json
@explained
def list_(as_json: bool) -> None:
    """List the keys, and what each does now."""
    names = ("kid", "alg", "state", "active_from", "published_until")
    rows = [{name: getattr(key, name) for name in names} for key in server().keys.overview()]
    show(rows, as_json, "There is no key yet. The first one is made when it is needed.")


@group.command("rotate")
@_alg
@click.option(
    "--now", is_flag=True, help="Sign with it at once, also if it waits; clients that keep keys may refuse for a while."
)
@explained
def rotate(alg: str, now: bool) -> None:
    """Make the next key. It is published at once, and signs once clients have had the time to learn of it."""
    server().keys.rotate(alg, at_once=now)
    click.echo(f"The next key for {alg} signs from now on." if now else f"Made a key for {alg}.")


@group.command("revoke", context_settings={"ignore_unknown_options": True})  # one in 64 begins with a dash
@click.argument("kid")
@yes
@explained
def revoke(kid: str, yes: bool) -> None:
    """Take a key that others may know out of use at once; what it has signed is not believed any more."""
    if not yes:
        click.confirm(
            f"Revoke the key {kid}? People whose sign-in it has signed may have to sign in again.", abort=True
        )
    server().keys.revoke(kid)
    click.echo("Revoked.")


@group.command("generate")
@_alg
def generate(alg: str) -> None:
    """Print a key pair for OAUTH2_SIGNING_KEYS. It is kept nowhere."""
    click.echo(json.dumps({"keys": [jose.made(alg)]}))
