"""The data set of Authlib's server. It keeps tokens as they are."""

from __future__ import annotations

import os
import secrets
import sys
import time
from pathlib import Path

from bench import filling
from bench.facts import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, SCOPE, population


def main(url: str, tokens: int) -> None:
    """Make it."""
    os.environ["BENCH_DATABASE"] = url
    filling.fresh(url)
    from app import app
    from models import OAuth2Client, User, db

    size = population(tokens)
    with app.app_context():
        db.create_all()
        people = ((i, f"Person {i}") for i in range(1, size.users + 1))
        filling.fill(url, User.__tablename__, ("id", "name"), people)
        for number in range(1, size.clients + 1):
            name = CLIENT_ID if number == 1 else f"client{number}"
            client = OAuth2Client(id=number, client_id=name, client_secret=CLIENT_SECRET)
            client.set_client_metadata(
                {
                    "client_name": name,
                    "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
                    "redirect_uris": [REDIRECT_URI],
                    "response_types": ["code"],
                    "scope": SCOPE,
                    "token_endpoint_auth_method": "client_secret_basic",
                }
            )
            db.session.add(client)
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    values = filling.presented(tokens, lambda: secrets.token_urlsafe(32))
    now = int(time.time())
    fixed = {"token_type": "Bearer", "scope": SCOPE, "issued_at": now, "expires_in": filling.FAR_EPOCH - now}
    fixed |= {"access_token_revoked_at": 0, "refresh_token_revoked_at": 0}
    names = [CLIENT_ID, *(f"client{number}" for number in range(2, size.clients + 1))]

    def row(number: int) -> tuple[object, ...]:
        grant = number % size.authorizations + 1
        value = values.get(number) or filling.nobody(number)[:43]
        return value, names[grant % size.clients], grant % size.users + 1, *fixed.values()

    filling.fill(url, "oauth2_token", ("access_token", "client_id", "user_id", *fixed), map(row, range(tokens)))
    filling.finish(url, values.values(), Path(sys.argv[3]))


if __name__ == "__main__":
    main(*filling.arguments())
