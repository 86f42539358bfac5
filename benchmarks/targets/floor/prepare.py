"""The floor's data set."""

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
    from schema import engine, metadata

    metadata.create_all(engine)
    engine.dispose()
    size = population(tokens)
    filling.fill(url, "person", ("id", "name"), ((i, f"Person {i}") for i in range(1, size.users + 1)))
    digest = filling.digest_of(CLIENT_SECRET)
    names = (CLIENT_ID if i == 1 else f"client{i}" for i in range(1, size.clients + 1))
    rows = ((i, name, digest, REDIRECT_URI) for i, name in enumerate(names, 1))
    filling.fill(url, "client", ("id", "client_id", "secret_digest", "redirect_uri"), rows)
    grants = (
        (i, i % size.clients + 1, i % size.users + 1, SCOPE, filling.FAR_EPOCH)
        for i in range(1, size.authorizations + 1)
    )
    filling.fill(url, "authorization", ("id", "client_pk", "user_id", "scope", "expires_at"), grants)
    values = filling.presented(tokens, lambda: secrets.token_urlsafe(32))
    digests = {number: filling.digest_of(value) for number, value in values.items()}
    columns = ("access_digest", "client_pk", "user_id", "authorization_id", "scope", "issued_at", "expires_at")

    def row(number: int) -> tuple[object, ...]:
        grant = number % size.authorizations + 1
        digest = digests.get(number) or filling.nobody(number)
        client, user = grant % size.clients + 1, grant % size.users + 1
        return digest, client, user, grant, SCOPE, 1760000000, filling.FAR_EPOCH

    filling.fill(url, "token", columns, map(row, range(tokens)))
    filling.finish(url, values.values(), Path(sys.argv[3]))


if __name__ == "__main__":
    main(*filling.arguments())
