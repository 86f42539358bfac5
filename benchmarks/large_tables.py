"""How long an administrator waits where there are a thousand clients, and where there are a million.

    python benchmarks/large_tables.py --rows 1000 1000000 --json multiples.json

For each number a PostgreSQL database is made with so many clients and users, three times as many
authorizations and ten times as many tokens, a tenth of both of one client; then each page of
administrators is asked for by somebody who is signed in: warm, the median of twenty, in turn with
the other databases. The server is that of the tests, ``OAUTH2_TEST_POSTGRESQL``. The databases are dropped at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask, redirect
from flask_login import LoginManager, UserMixin, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Boolean, Index, Integer, String, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import mapped_column

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import rows as making
from flask_oauth2server import OAuth2Server, Scope

SERVER = os.environ.get("OAUTH2_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
HOUSE = "/admin/oauth2"
#: So many times a page is asked for, after the first times that are not counted.
TIMES, WARMING = 20, 3
#: Rows for each client.
AUTHORIZATIONS, TOKENS, EVENTS = 3, 10, 2
#: The token whose value is looked for.
VALUE = "o2a_" + "x" * 43


class House(NamedTuple):
    """A provider with its database."""

    app: Flask
    db: Any
    oauth2: OAuth2Server


def build(url: str) -> House:
    """An app whose users have a name and an e-mail address, both with an index that finds by the beginning."""
    app = Flask("large")
    app.config.update(
        SECRET_KEY="for benchmarks",
        SQLALCHEMY_DATABASE_URI=url,
        OAUTH2_ISSUER="https://large.example",
        OAUTH2_ENABLE_RATE_LIMITS=False,
        OAUTH2_PURGE_INTERVAL=0,
    )
    db = SQLAlchemy()

    class User(UserMixin, db.Model):  # type: ignore[name-defined, misc]
        __tablename__ = "large_user"
        id = mapped_column(Integer, primary_key=True)
        name = mapped_column(String(100), nullable=False)
        email = mapped_column(String(200), nullable=False)
        is_active = mapped_column(Boolean, nullable=False, default=True)
        # What LIKE 'beginning%' is looked up in, where the database sorts as people do.
        __table_args__ = tuple(
            Index(f"ix_large_user_{one}", one, postgresql_ops={one: "text_pattern_ops"}) for one in ("name", "email")
        )

    db.init_app(app)
    login_manager = LoginManager(app)
    login_manager.user_loader(lambda key: db.session.get(User, int(key)))
    app.add_url_rule("/login", "login", lambda: (login_user(db.session.get(User, 1)), redirect("/"))[1])
    oauth2 = OAuth2Server()
    for number in range(5):
        oauth2.scopes.register(Scope(f"scope{number}", f"Do the thing number {number}"))
    oauth2.admin_required(lambda user: user.id == 1)
    oauth2.init_app(app, db=db, user_model=User)
    return House(app, db, oauth2)


@contextmanager
def database(rows: int, keep: bool) -> Iterator[str]:
    """A database, dropped at the end unless it is to be kept; one that was kept is the same again."""
    name = f"oauth2_large_{rows}"

    def administer(statement: str) -> Any:
        engine = create_engine(SERVER, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            result = connection.execute(text(statement))
            found = result.first() if result.returns_rows else None
        engine.dispose()
        return found

    if administer(f"SELECT 1 FROM pg_database WHERE datname = '{name}'") is None:  # noqa: S608 - our own
        administer(f"CREATE DATABASE {name}")
    try:
        yield make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    finally:
        if not keep:
            administer(f"DROP DATABASE {name} WITH (FORCE)")


# --- rows -----------------------------------------------------------------------------------------

_WORDS = "Archive Atlas Beacon Citation Desk Echo Field Garden Harvest Index Journal Kiosk Ledger Map Notes Orbit Press"
_PICK = f"(string_to_array('{_WORDS}', ' '))"
_NOW = "(now() AT TIME ZONE 'utc')"


def _name(i: str) -> str:
    return f"{_PICK}[1 + {i} % 17] || ' ' || {_PICK}[1 + {i} / 17 % 17] || ' ' || {i}"


def _client_of(i: str, rows: int) -> str:
    """Spread over all clients, but for a tenth that is the first one's."""
    return f"CASE WHEN {i} % 10 = 0 THEN 1 ELSE 1 + {i} * 7919 % {rows} END"


def fillings(rows: int) -> list[tuple[str, int, Mapping[str, str]]]:
    """Model, number of rows, and what the columns have in row ``i``: an expression each."""
    age = "(i % 8640000) * interval '1 second'"
    authorized, ended = f"1 + i % {AUTHORIZATIONS * rows}", "i % 3 = 0"
    metadata = (
        "json_build_object('redirect_uris',"
        "json_build_array('https://app' || i || '.example' || i % 1000 || '.test/cb'),"
        "'scope', 'scope0 scope' || 1 + i % 4, 'grant_types', json_build_array('authorization_code', 'refresh_token'),"
        "'response_types', json_build_array('code'), 'token_endpoint_auth_method',"
        "CASE WHEN i % 2 = 0 THEN 'none' ELSE 'client_secret_basic' END, 'application_type', 'web')"
    )
    client = {
        "client_id": "'client-' || md5(i::text)",
        "name": _name("i"),
        "name_key": f"lower(replace({_name('i')}, ' ', ''))",
        "client_metadata": metadata,
        "is_confidential": "i % 2 = 1",
        "first_party": "i % 1000 = 0",
        "verified": "i % 3 > 0",
        "may_introspect": "i % 500 = 0",
        "refresh_rotation": "'always'",
        "disabled_at": f"CASE WHEN i % 20 = 0 THEN {_NOW} END",
        "user_id": f"CASE WHEN i % 5 > 0 THEN 1 + i * 31 % {rows} END",
    }
    authorization = {
        "public_id": "md5('authorization' || i)",
        "client_pk": _client_of("i", rows),
        "user_id": f"1 + i * 13 % {rows}",
        "scope": "'scope0 scope1'",
        "offline": "true",
        "last_used_at": f"{_NOW} - {age} / 2",
        "expires_at": f"{_NOW} + interval '200 days'",
        "live_until": f"{_NOW} + interval '20 days'",
        "revoked_at": f"CASE WHEN {ended} THEN {_NOW} END",
        "purge_at": f"{_NOW} + interval '201 days'",
    }
    token = {
        "access_digest": "md5('a' || i) || md5('b' || i)",
        "refresh_digest": "CASE WHEN i % 2 = 0 THEN md5('c' || i) || md5('d' || i) END",
        "generation": "0",
        "scope": "'scope0 scope1'",
        "expires_at": f"{_NOW} + interval '1 hour' - {age}",
        "refresh_expires_at": f"CASE WHEN i % 2 = 0 THEN {_NOW} + interval '30 days' - {age} END",
        "client_pk": f"CASE WHEN i % 20 <> 1 THEN {_client_of(authorized.removeprefix('1 + '), rows)} END",
        "authorization_id": f"CASE WHEN i % 20 <> 1 THEN {authorized} END",
        "user_id": f"1 + i * 13 % {rows}",
        "name": "CASE WHEN i % 20 = 1 THEN 'laptop' END",
        "hint": "CASE WHEN i % 20 = 1 THEN '1k7Q' END",
    }
    event = {
        "kind": "(ARRAY['allowed', 'used', 'ended', 'token made'])[1 + i % 4]",
        "client_id": f"'client-' || md5(({_client_of('i', rows)})::text)",
        "client_name": "'Some client'",
        "user_id": f"1 + i * 13 % {rows}",
        "actor": f"(1 + i * 13 % {rows})::text",
        "actor_kind": "'person'",
        "scope": "'scope0'",
    }
    failure = {
        "reference": "'F-' || upper(substr(md5(i::text), 1, 4) || '-' || substr(md5(i::text), 5, 4))",
        "cause": "(ARRAY['redirect_uri', 'code_used', 'secret_wrong', 'token_expired'])[1 + i % 4]",
        "error": "'invalid_grant'",
        "status": "400",
        "endpoint": "'oauth2server.access_token'",
        "client_pk": f"1 + i * 7 % {rows}",
        "client_id": f"'client-' || md5((1 + i * 7 % {rows})::text)",
        "facts": "'{}'::json",
    }
    secret = {"client_pk": "2 * i - 1", "digest": "md5(i::text)", "hint": "'k7Qe'", "imported": "false"}
    total = {
        "day": "current_date - (i % 14)::int",
        "name": "(ARRAY['issued', 'granted', 'refused', 'refused:secret_wrong'])[1 + i / 14]",
        "client_pk": "0",
        "count": "i * 7",
    }
    each = {
        "day": "current_date - (i % 14)::int",
        "name": "(ARRAY['issued', 'granted', 'refused'])[1 + i / 14 % 3]",
        "client_pk": "1 + i / 42",
        "count": "1 + i % 300",
    }
    return [
        ("Client", rows, client),
        ("ClientSecret", rows // 2, secret),
        ("Authorization", AUTHORIZATIONS * rows, authorization),
        ("Token", TOKENS * rows, token),
        ("AuditEvent", EVENTS * rows, event),
        ("Failure", min(10_000, 10 * rows), failure),
        ("DailyCount", 55, total),
        ("DailyCount", rows // 10 * 42, each),
    ]


def fill(house: House, clients: int) -> None:
    """Make the rows."""
    engine, models = house.db.engine, house.oauth2.models
    with engine.begin() as connection:
        user = "INSERT INTO large_user (id, name, email, is_active) SELECT i, 'Person ' || i, "
        user += f"'person' || i || '@users' || i % 1000 || '.test', true FROM generate_series(1, {clients}) i"
        connection.execute(text(user))
        with making.bare(connection, [model.__table__ for model in models]):
            for name, count, columns in fillings(clients):
                made = {"created_at": f"{_NOW} - (i % 8640000) * interval '1 second'", **columns}
                making.insert(connection, getattr(models, name).__table__, made, count)
            _fill_terms(connection)
    making.analyze(engine)


def _fill_terms(connection: Any) -> None:
    """As the registry writes them."""
    host = "'app' || id || '.example' || id % 1000 || '.test'"
    found = ["lower(name)", "client_id", "lower(substr(name, strpos(name, ' ') + 1))", "id::text", host]
    found.append("'example' || id % 1000 || '.test'")
    for term in found:
        source = f"SELECT {term}, id, created_at FROM oauth2_client".replace(":", "\\:")  # noqa: S608 - our own
        connection.execute(text(f"INSERT INTO oauth2_client_term (term, client_pk, created_at) {source}"))


# --- pages ----------------------------------------------------------------------------------------


def pages(house: House, rows: int) -> dict[str, str]:
    """What each page is called, and its address."""
    middle = rows // 2 + 1
    with house.app.app_context():
        ordinary = house.db.session.get(house.oauth2.models.Client, middle)
        large = house.db.session.get(house.oauth2.models.Client, 1)
        failure = house.db.session.get(house.oauth2.models.Failure, 77).reference
    one, other = ordinary.client_id, large.client_id
    return {
        "overview": "/",
        "clients": "/clients/",
        "clients, in the middle": f"/clients/?after={middle}~",
        "clients, half of a word": "/clients/?q=ar",
        "clients, half of a word, a later page": f"/clients/?q=ar&after={middle}.archive journal",
        "clients, one name": f"/clients/?q={ordinary.name}",
        "clients, one id": f"/clients/?q={one}",
        "clients, redirect URI": f"/clients/?q=https://app{middle}.example{middle % 1000}.test/cb",
        "clients, owner": "/clients/?q=person77@",
        "clients, nothing matches": "/clients/?q=zotero",
        "clients, public": "/clients/?type=public",
        "clients, disabled": "/clients/?state=disabled",
        "clients, unchecked and public": "/clients/?check=unchecked&type=public",
        "clients, half of a word, unchecked": "/clients/?q=ar&check=unchecked",
        "new client": "/clients/new/",
        "a client": f"/clients/{one}/",
        "a client with a tenth of all tokens": f"/clients/{other}/",
        "edit a client": f"/clients/{one}/edit/",
        "tokens": "/tokens/",
        "tokens, in the middle": f"/tokens/?after={middle}",
        "tokens of a person": "/tokens/?user=person77@",
        "tokens of a client": f"/tokens/?client={one}",
        "tokens of the client with a tenth": f"/tokens/?client={other}",
        "authorizations": "/authorizations/",
        "authorizations of a person": "/authorizations/?user=person77@",
        "authorizations of the client with a tenth": f"/authorizations/?client={other}",
        "scopes": "/scopes/",
        "failures": "/failures/",
        "failures of a client": f"/failures/?client={one}",
        "a failure": f"/failures/{failure}/",
        "audit log": "/audit/",
    }


def measure(houses: Mapping[int, House]) -> dict[int, dict[str, float]]:
    """The median time of each page in milliseconds, and of looking a token up by its value.

    The houses are asked in turn, so that what else the machine does meets them alike.
    """
    browsers = {rows: house.app.test_client() for rows, house in houses.items()}
    addresses = {rows: pages(house, rows) for rows, house in houses.items()}
    forms = {}
    for rows, browser in browsers.items():
        browser.get("/login")
        page = browser.get(f"{HOUSE}/tokens/").text
        forms[rows] = {"csrf_token": page.partition('name="csrf_token" value="')[2].partition('"')[0], "value": VALUE}
    found: dict[int, dict[str, float]] = {rows: {} for rows in houses}
    for name in next(iter(addresses.values())):
        for rows, median in _medians({r: partial(browsers[r].get, f"{HOUSE}{addresses[r][name]}") for r in houses}):
            found[rows][name] = median
    post = {r: partial(browsers[r].post, f"{HOUSE}/tokens/find/", data=forms[r]) for r in houses}
    for rows, median in _medians(post):
        found[rows]["find a token by its value"] = median
    return found


def _medians(asks: Mapping[int, Callable[[], Any]]) -> list[tuple[int, float]]:
    taken: dict[int, list[float]] = {rows: [] for rows in asks}
    for _ in range(TIMES + WARMING):
        for rows, ask in asks.items():
            begun = time.perf_counter()
            answer = ask()
            taken[rows].append(time.perf_counter() - begun)
            assert answer.status_code == 200, (answer.status_code, answer.request.path)
    return [(rows, round(statistics.median(times[WARMING:]) * 1000, 2)) for rows, times in taken.items()]


def table(measured: Mapping[int, Mapping[str, float]]) -> str:
    """All that was measured, with multiples of the first."""
    first, *others = measured
    head = ["page", f"{first:,} ms", *(f"{rows:,} ms" for rows in others), *(f"{rows:,}:{first:,}" for rows in others)]
    lines: list[Sequence[str]] = [head]
    for name, base in measured[first].items():
        times = [measured[rows].get(name) for rows in others]
        multiples = [f"{taken / base:.2f}" if taken else "-" for taken in times]
        lines.append([name, f"{base:.1f}", *(f"{taken:.1f}" if taken else "-" for taken in times), *multiples])
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def _made(url: str, rows: int) -> House:
    """A provider with that many clients."""
    house = build(url)
    with house.app.app_context():
        if house.oauth2.list_clients(limit=1) if inspect(house.db.engine).get_table_names() else ():
            house.oauth2.init_db()  # whatever index is new since it was made
            house.db.session.remove()
            return house
        begun = time.perf_counter()
        for made in house.db.metadata.sorted_tables:
            made._prefixes.append("UNLOGGED")  # nothing has to survive a crash
        house.db.create_all()
        fill(house, rows)
        size = house.db.session.execute(text("SELECT pg_size_pretty(pg_database_size(current_database()))")).scalar()
        print(f"{rows:,} clients: made in {time.perf_counter() - begun:.0f} s, {size}", file=sys.stderr)
        house.db.session.remove()
    return house


def main() -> None:
    """Make, measure, tell."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, nargs="+", default=[1000], help="numbers of clients, 1,000 at least")
    options.add_argument("--json", type=Path, help="write what was measured to this file")
    options.add_argument("--keep", action="store_true", help="keep the databases for the next time")
    chosen = options.parse_args()
    with ExitStack() as stack:
        houses = {rows: _made(stack.enter_context(database(rows, chosen.keep)), rows) for rows in chosen.rows}
        measured = measure(houses)
        for house in houses.values():
            with house.app.app_context():
                house.db.session.remove()
                house.db.engine.dispose()
    print(table(measured))
    if chosen.json:
        chosen.json.write_text(json.dumps(measured, indent=2) + "\n")


if __name__ == "__main__":
    main()
