"""Many rows at once, made by the database itself, on each of the three: for the benchmarks, and for tests of plans."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import inspect, text

#: Where statements speak of row ``i``, counted from 1.
Columns = Mapping[str, str]


class Sql(NamedTuple):
    """How a database says what rows are made of; arguments and results are expressions."""

    #: A table ``s`` with the numbers from 1 to so many as its column ``i``.
    series: Callable[[int], str]
    #: Texts and numbers, joined.
    joined: Callable[..., str]
    #: A time so many seconds from now, naive UTC.
    moment: Callable[[str], str]
    #: A day so many days ago.
    day: Callable[[str], str]

    def digest(self, kind: str, i: str = "i") -> str:
        """A digest of row *i*, as far apart from its neighbours as those of real values are."""
        return self.joined(f"md5({self.joined(repr(kind), i)})", f"md5({self.joined(i, repr(kind))})")


_POSTGRESQL = Sql(
    series=lambda count: f"(SELECT i FROM generate_series(CAST(1 AS bigint), {count}) i) s",  # noqa: S608
    joined=lambda *parts: " || ".join(("''", *(f"({part})" for part in parts))),
    moment=lambda seconds: f"((now() AT TIME ZONE 'utc') + ({seconds}) * interval '1 second')",
    day=lambda days: f"(current_date - CAST({days} AS int))",
)
_SQLITE = Sql(
    series=lambda count: (
        f"(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n) s"  # noqa: S608
    ),
    joined=lambda *parts: " || ".join(f"({part})" for part in parts),
    moment=lambda seconds: f"strftime('%Y-%m-%d %H:%M:%f000', 'now', ({seconds}) || ' seconds')",
    day=lambda days: f"date('now', -({days}) || ' days')",
)
_MARIADB = Sql(
    series=lambda count: f"(SELECT CAST(seq AS SIGNED) AS i FROM seq_1_to_{count}) s",  # noqa: S608
    joined=lambda *parts: f"CONCAT({', '.join(parts)})",
    moment=lambda seconds: f"(UTC_TIMESTAMP() + INTERVAL ({seconds}) SECOND)",
    day=lambda days: f"(UTC_DATE() - INTERVAL ({days}) DAY)",
)


def sql_of(connection: Any) -> Sql:
    """What the database of *connection* says it with."""
    return {"postgresql": _POSTGRESQL, "sqlite": _SQLITE}.get(connection.dialect.name, _MARIADB)


def insert(connection: Any, table: Any, columns: Columns, count: int) -> None:
    """Make *count* rows of a table.

    :param columns: an expression for each column that is not null and has no default of the database.
    """
    if count < 1:
        return
    if connection.dialect.name == "sqlite":
        driver = connection.connection.driver_connection
        driver.create_function("md5", 1, lambda value: hashlib.md5(str(value).encode()).hexdigest(), deterministic=True)  # noqa: S324
    columns = {"created_at": sql_of(connection).moment("0"), **columns} if "created_at" in table.c else columns
    missing = [c.name for c in table.c if not c.nullable and c.name not in columns and not c.primary_key]
    assert not missing, f"{table.name} needs {missing}"
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(name) for name in columns)
    source = f"SELECT {', '.join(columns.values())} FROM {sql_of(connection).series(count)}"  # noqa: S608 - our own
    # Rows that are made in the order of a key get their own keys in that order.
    connection.execute(text(f"INSERT INTO {quote(table.name)} ({names}) {source}".replace(":", "\\:")))


_UNIQUE = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = 'u' AND conrelid::regclass::text LIKE 'oauth2%'
""".replace(":", "\\:")


@contextmanager
def bare(connection: Any, tables: Sequence[Any]) -> Iterator[None]:
    """Tables without what slows their filling down: foreign keys are not checked, and indexes are made anew
    afterwards, for one is made faster than it is kept.

    On MariaDB, where a foreign key needs its index, they stay.
    """
    name = connection.dialect.name
    if name == "sqlite":
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    elif name == "postgresql":
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
    else:
        connection.exec_driver_sql("SET foreign_key_checks = 0, unique_checks = 0")
    indexes = [] if name in ("mysql", "mariadb") else [index for table in tables for index in table.indexes]
    for index in indexes:
        index.drop(connection)
    unique = list(connection.execute(text(_UNIQUE))) if name == "postgresql" else []
    for table, constraint, _made in unique:
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    yield
    for table, constraint, made in unique:
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {made}")
    for index in indexes:
        index.create(connection)
    if name in ("mysql", "mariadb"):
        connection.exec_driver_sql("SET foreign_key_checks = 1, unique_checks = 1")


def analyze(engine: Any) -> None:
    """Let the database count what there is, as its own housekeeping does sooner or later."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("VACUUM ANALYZE")
        elif connection.dialect.name == "sqlite":
            connection.exec_driver_sql("ANALYZE")
        else:
            names = inspect(connection).get_table_names()
            connection.exec_driver_sql(f"ANALYZE TABLE {', '.join(names)}")


# --- what the columns of each table may have ------------------------------------------------------


_METADATA = (
    '\'{"redirect_uris": ["https://client.example/cb"], "scope": "email profile", '
    '"grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], '
    '"token_endpoint_auth_method": "client_secret_basic", "application_type": "web"}\''
)
#: Seconds of a day and of a year.
DAY, YEAR = 86_400, 31_536_000


def clients(sql: Sql, owner: str = "NULL") -> Columns:
    """Confidential clients of somebody."""
    return {
        "client_id": sql.joined("'client-'", "i"),
        "name": sql.joined("'Client '", "i"),
        "name_key": sql.joined("'client'", "i"),
        "client_metadata": _METADATA,
        "is_confidential": "true",
        "first_party": "false",
        "verified": "i % 3 > 0",
        "may_introspect": "i % 500 = 0",
        "refresh_rotation": "'always'",
        "disabled_at": f"CASE WHEN i % 20 = 0 THEN {sql.moment('0')} END",
        "user_id": owner,
    }


def secrets(sql: Sql, client: str = "i") -> Columns:
    """One secret of each client."""
    return {"client_pk": client, "digest": sql.digest("secret"), "hint": "'k7Qe'", "imported": "false"}


def terms(sql: Sql, client: str = "i") -> Columns:
    """One word by which each client is found."""
    return {"client_pk": client, "term": sql.joined("'client '", "i")}


def authorizations(sql: Sql, client: str, user: str, *, dead: str = "i % 4 = 0") -> Columns:
    """What people allowed; what is *dead* was ended and may be removed."""
    return {
        "public_id": sql.digest("authorization"),
        "client_pk": client,
        "user_id": user,
        "scope": "'email profile'",
        "sid": sql.digest("session"),
        "offline": "true",
        "last_used_at": sql.moment(f"-(i % {DAY})"),
        "expires_at": sql.moment(f"{YEAR} - i % {DAY}"),
        "live_until": sql.moment(f"20 * {DAY} + i % {DAY}"),
        "revoked_at": f"CASE WHEN {dead} THEN {sql.moment(f'-2 * {DAY}')} END",
        "purge_at": f"CASE WHEN {dead} THEN {sql.moment(f'-(i % {DAY})')} ELSE {sql.moment(f'{YEAR} + i')} END",
    }


def tokens(sql: Sql, client: str, user: str, authorization: str = "NULL", *, dead: str = "false") -> Columns:
    """Access tokens; what is *dead* ended days ago and may be removed."""
    return {
        "access_digest": sql.digest("access"),
        "generation": "0",
        "scope": "'email profile'",
        "expires_at": f"CASE WHEN {dead} THEN {sql.moment(f'-2 * {DAY}')} ELSE {sql.moment('3600')} END",
        "purge_at": f"CASE WHEN {dead} THEN {sql.moment(f'-(i % {DAY})')} ELSE {sql.moment(f'{DAY} + i')} END",
        "client_pk": client,
        "user_id": user,
        "authorization_id": authorization,
    }


def chain(sql: Sql, client: str, user: str, authorization: str, length: int) -> Columns:
    """The refresh tokens of one authorization; all but the last are used."""
    used = f"CASE WHEN i < {length} THEN {sql.moment(f'i - {length}')} END"
    return {
        **tokens(sql, client, user, authorization),
        "access_digest": sql.digest("access of a chain"),
        "refresh_digest": sql.digest("refresh of a chain"),
        "generation": "i - 1",
        "refresh_expires_at": sql.moment(f"30 * {DAY}"),
        "refresh_used_at": used,
        "purge_at": "NULL",
    }


def personal(sql: Sql, user: str) -> Columns:
    """Tokens that people made by hand."""
    made = {"name": sql.joined("'laptop '", "i"), "hint": "'1k7Q'", "access_digest": sql.digest("personal")}
    return {**tokens(sql, "NULL", user), **made}


def consents(sql: Sql, client: str, user: str) -> Columns:
    """What people agreed to."""
    return {
        "client_pk": client,
        "user_id": user,
        "scope": "'email profile'",
        "declined": "''",
        "redirect_hosts": "'[\"client.example\"]'",
        "offline": "true",
        "updated_at": sql.moment(f"-(i % {DAY})"),
    }


def grants(sql: Sql, client: str, authorization: str = "NULL", *, dead: str = "true") -> Columns:
    """Codes, used ones; what is *dead* may be removed."""
    return {
        "kind": "'code'",
        "digest": sql.digest("code"),
        "payload": "'{}'",
        "expires_at": f"CASE WHEN {dead} THEN {sql.moment(f'-2 * {DAY} - i % {DAY}')} ELSE {sql.moment('-i')} END",
        "consumed_at": sql.moment(f"-2 * {DAY}"),
        "client_pk": client,
        "authorization_id": authorization,
    }


def replays(sql: Sql) -> Columns:
    """What was used up; the first half may be removed."""
    return {
        "namespace": "'jti https://client.example'",
        "digest": sql.digest("jti"),
        "expires_at": sql.moment("i - 900"),
    }


def deliveries(sql: Sql, client: str) -> Columns:
    """Logout tokens: most wait for another try, every fifth was given up; the first half of those may be removed."""
    told = {"issuer": "'https://provider.example'", "sub": sql.joined("''", "i"), "sid": sql.digest("sid")}
    given_up = f"CASE WHEN i % 5 = 0 THEN {sql.moment(f'-7 * {DAY} + i - 900')} END"
    return {
        **told,
        "jti": sql.digest("jti"),
        "tries": "1",
        "next_at": sql.moment("60 + i"),
        "failed_at": given_up,
        "client_pk": client,
    }


def failure_counts(sql: Sql) -> Columns:
    """Guesses that were counted."""
    counted = {"kind": "'client_secret'", "subject": sql.digest("guess"), "count": "1 + i % 5"}
    return {**counted, "expires_at": sql.moment("i - 900")}


def failures(sql: Sql, client: str) -> Columns:
    """Requests that were refused."""
    return {
        "created_at": sql.moment(f"-(i % {7 * DAY})"),
        "reference": sql.joined("'F-'", "1000 + i % 9000", "'-'", "1000 + i * 7 % 8999"),
        "cause": "CASE i % 4 WHEN 0 THEN 'code_used' WHEN 1 THEN 'secret_wrong' ELSE 'token_expired' END",
        "error": "'invalid_grant'",
        "status": "400",
        "endpoint": "'oauth2server.access_token'",
        "client_pk": f"CASE WHEN i % 2 = 0 THEN {client} END",
        "client_id": sql.joined("'client-'", client),
        "facts": "'{}'",
    }


def events(sql: Sql, client: str, user: str, *, sealed: str = "NULL") -> Columns:
    """What happened in people's names in the last thirty days, the latest last."""
    return {
        "created_at": sql.moment(f"i - {30 * DAY}"),
        "kind": "CASE i % 4 WHEN 0 THEN 'allowed' WHEN 1 THEN 'used' WHEN 2 THEN 'ended' ELSE 'token made' END",
        "client_id": sql.joined("'client-'", client),
        "client_name": "'Some client'",
        "user_id": user,
        "actor": sql.joined("''", user),
        "actor_kind": "'person'",
        "scope": "'email'",
        "seal": sealed,
    }


def seals(sql: Sql) -> Columns:
    """Seals whose events were removed long ago."""
    return {
        "number": "i",
        **dict.fromkeys(("previous", "mac", "rows_digest"), sql.digest("seal")),
        "key_id": "'key'",
        "count": "250",
        "first_event": "-i",
        "last_event": "-i",
        "first_at": sql.moment(f"i - {YEAR}"),
        "last_at": sql.moment(f"i - {YEAR}"),
        "purged_at": sql.moment(f"-{DAY}"),
        "purge_mac": sql.digest("proof"),
    }


def logos(sql: Sql) -> Columns:
    """A picture of each client, though none that could be shown."""
    return {"client_pk": "i", "content": "'x'", "content_type": "'image/png'", "digest": sql.digest("logo")}


def daily_counts(sql: Sql, days: int) -> Columns:
    """How often tokens were issued to each client, on each of some days."""
    return {
        "day": sql.day(f"i % {days}"),
        "name": "'issued'",
        "client_pk": f"1 + i - i % {days}",
        "count": "1 + i % 300",
    }
