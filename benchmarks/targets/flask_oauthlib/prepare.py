"""The data set of Flask-OAuthlib's provider. It keeps tokens as they are."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from bench import filling
from bench.facts import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, SCOPE, population


def main(url: str, tokens: int) -> None:
    """Make it."""
    os.environ["BENCH_DATABASE"] = url
    filling.fresh(url)
    from app import app
    from models import Client, Token, User, db

    size = population(tokens)
    names = [CLIENT_ID, *(f"client{number}" for number in range(2, size.clients + 1))]
    with app.app_context():
        db.create_all()
        for name in names:
            values = {"client_id": name, "client_secret": CLIENT_SECRET, "redirect_uri_list": REDIRECT_URI}
            db.session.add(Client(scope_list=SCOPE, **values))
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    people = ((i, f"Person {i}") for i in range(1, size.users + 1))
    filling.fill(url, User.__tablename__, ("id", "name"), people)
    values = filling.presented(tokens, lambda: secrets.token_urlsafe(32))
    fixed = {"token_type": "Bearer", "scope_list": SCOPE, "expires_at": filling.FAR}

    def row(number: int) -> tuple[object, ...]:
        grant = number % size.authorizations + 1
        value = values.get(number) or filling.nobody(number)[:43]
        return value, names[grant % size.clients], grant % size.users + 1, *fixed.values()

    filling.fill(url, Token.__tablename__, ("access_token", "client_id", "user_id", *fixed), map(row, range(tokens)))
    filling.finish(url, values.values(), Path(sys.argv[3]))


if __name__ == "__main__":
    main(*filling.arguments())
