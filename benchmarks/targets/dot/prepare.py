"""The data set of django-oauth-toolkit."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Any

from bench import filling
from bench.facts import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, SCOPE, population

_BEGUN = "2026-01-01 00:00:00"


def main(url: str, tokens: int) -> None:
    """Make it."""
    os.environ["BENCH_DATABASE"] = url
    filling.fresh(url)
    import app  # sets Django up
    from django.core.management import call_command
    from django.db import connection
    from oauth2_provider.models import get_access_token_model, get_application_model

    assert app.app
    call_command("migrate", verbosity=0)
    _applications(get_application_model(), population(tokens).clients)
    table = get_access_token_model()._meta.db_table
    with connection.cursor() as cursor:
        known = {each.name for each in connection.introspection.get_table_description(cursor, table)}
    connection.close()
    values = filling.presented(tokens, lambda: secrets.token_urlsafe(32))
    _people(url, population(tokens).users)
    _tokens(url, table, tokens, values, {"resource": "[]"} if "resource" in known else {})
    filling.finish(url, values.values(), Path(sys.argv[3]))


def _applications(model: Any, count: int) -> None:
    from django.conf import settings

    for number in range(1, count + 1):
        model.objects.create(
            id=number,
            client_id=CLIENT_ID if number == 1 else f"client{number}",
            client_secret=CLIENT_SECRET if number == 1 else f"secret{number}",
            hash_client_secret=number == 1 and not settings.TUNED,
            client_type="confidential",
            authorization_grant_type="authorization-code",
            redirect_uris=REDIRECT_URI,
            skip_authorization=True,
            name=f"Client {number}",
        )


def _people(url: str, count: int) -> None:
    fixed = {"password": "!", "is_superuser": 0, "last_name": "", "email": "", "is_staff": 0, "is_active": 1}
    fixed |= {"date_joined": _BEGUN}
    rows = ((i, f"person{i}", f"Person {i}", *fixed.values()) for i in range(1, count + 1))
    filling.fill(url, "auth_user", ("id", "username", "first_name", *fixed), rows)


def _tokens(url: str, table: str, tokens: int, values: dict[int, str], further: dict[str, Any]) -> None:
    size = population(tokens)
    fixed = {"scope": SCOPE, "expires": "2100-01-01 00:00:00", "created": _BEGUN, "updated": _BEGUN, **further}

    def row(number: int) -> tuple[object, ...]:
        grant = number % size.authorizations + 1
        value = values.get(number)
        checksum = filling.digest_of(value) if value else filling.nobody(number)
        return value or checksum[:43], checksum, grant % size.clients + 1, grant % size.users + 1, *fixed.values()

    columns = ("token", "token_checksum", "application_id", "user_id", *fixed)
    filling.fill(url, table, columns, map(row, range(tokens)))


if __name__ == "__main__":
    main(*filling.arguments())
