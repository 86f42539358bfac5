"""The data set of Flask-OAuth2Server."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import filling
from bench.facts import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, SCOPE, population

_BEGUN = "2026-01-01 00:00:00.000000"


def main(url: str, tokens: int) -> None:
    """Make it."""
    os.environ["BENCH_DATABASE"] = url
    filling.fresh(url)
    from app import app, db, oauth2

    with app.app_context():
        db.create_all()
        oauth2.create_client(
            name="Bench",
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            redirect_uris=[REDIRECT_URI],
            grant_types=["authorization_code", "refresh_token", "client_credentials"],
            scopes=[SCOPE],
            first_party=True,
            may_introspect=True,
        )
        for number in range(2, population(tokens).clients + 1):
            oauth2.create_client(
                name=f"Client {number}",
                client_id=f"client{number}",
                redirect_uris=[f"https://client{number}.example/cb"],
                scopes=[SCOPE],
                commit=False,
            )
        db.session.commit()
        values = filling.presented(tokens, lambda: app.extensions["oauth2server"].values.make("a"))
        _fill(url, db, oauth2.models, tokens, values)
        db.session.remove()
        db.engine.dispose()
    filling.finish(url, values.values(), Path(sys.argv[3]))


def _fill(url: str, db: Any, models: Any, tokens: int, values: Mapping[int, str]) -> None:
    size = population(tokens)
    people = ({"id": i, "name": f"Person {i}"} for i in range(1, size.users + 1))
    _insert(url, db.metadata.tables["user"], people)
    _insert(
        url,
        models.Authorization.__table__,
        (
            {
                "id": i,
                "public_id": filling.nobody(i)[:43],
                "client_pk": i % size.clients + 1,
                "user_id": i % size.users + 1,
                "scope": SCOPE,
                "offline": False,
                "expires_at": filling.FAR,
                "purge_at": filling.FAR,
            }
            for i in range(1, size.authorizations + 1)
        ),
    )
    digests = {number: filling.digest_of(value) for number, value in values.items()}

    def row(number: int) -> dict[str, Any]:
        grant = number % size.authorizations + 1
        return {
            "access_digest": digests.get(number) or filling.nobody(number),
            "client_pk": grant % size.clients + 1,
            "user_id": grant % size.users + 1,
            "authorization_id": grant,
            "scope": SCOPE,
            "expires_at": filling.FAR,
            "purge_at": filling.FAR,
        }

    _insert(url, models.Token.__table__, map(row, range(tokens)))


def _insert(url: str, table: Any, rows: Any) -> None:
    """Rows of *table*; what they leave out is null, or the column's constant default."""
    rows = iter(rows)
    first = next(rows)
    rest = {}
    for column in table.c:
        if column.name in first or (column.primary_key and "id" not in first):
            continue
        default = column.default.arg if column.default is not None and column.default.is_scalar else None
        value = _BEGUN if column.name == "created_at" else default
        assert value is not None or column.nullable, f"{table.name}.{column.name} needs a value"
        if value is not None:
            rest[column.name] = json.dumps(value) if isinstance(value, dict | list) else value
    constants = tuple(rest.values())

    def all_rows() -> Any:
        yield (*first.values(), *constants)
        for row in rows:
            yield (*row.values(), *constants)

    filling.fill(url, table.name, (*first, *rest), all_rows())


if __name__ == "__main__":
    main(*filling.arguments())
