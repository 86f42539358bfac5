"""Many rows at once, for the programs that make a target's data set; they run in the target's environment."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .facts import PRESENTED

#: What each connection to SQLite is told, in every target; the journal's mode stays with the file.
PRAGMAS = ("PRAGMA synchronous=NORMAL", "PRAGMA foreign_keys=ON")
#: No token expires while it is measured, nor while the data set is kept.
FAR = "2100-01-01 00:00:00.000000"
FAR_EPOCH = 4102444800

Row = Sequence[Any]


def arguments() -> tuple[str, int]:
    """Address of the database and number of tokens, from the command line."""
    return sys.argv[1], int(sys.argv[2])


def path_of(url: str) -> Path:
    """The file of a SQLite address."""
    return Path(url.removeprefix("sqlite:///"))


def listen(engine: Any) -> None:
    """Have SQLAlchemy tell each connection :data:`PRAGMAS`, if it is one to SQLite."""
    from sqlalchemy import event

    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _told)


def _told(connection: Any, _record: Any) -> None:
    for pragma in PRAGMAS:
        connection.execute(pragma)


def presented(tokens: int, make: Callable[[], str]) -> dict[int, str]:
    """Values of the tokens that are going to be presented, by the number of their row, spread over all."""
    chosen = random.Random(tokens).sample(range(tokens), min(PRESENTED, tokens))
    return {number: make() for number in chosen}


def digest_of(value: str) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(value.encode()).hexdigest()


def nobody(number: int) -> str:
    """What stands in a row whose token nobody presents: as far from its neighbours as those of real ones are."""
    return hashlib.sha256(b"%d" % number).hexdigest()


def fill(url: str, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Insert rows, all in one transaction."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(path_of(url))) as connection, connection:
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("PRAGMA cache_size=-4000000")
            marks = ", ".join("?" for _ in columns)
            quoted = ", ".join(f'"{column}"' for column in columns)
            connection.executemany(f'INSERT INTO "{table}" ({quoted}) VALUES ({marks})', rows)
    else:
        quoted = ", ".join(f'"{column}"' for column in columns)
        with _postgresql(url) as connection, connection.cursor() as cursor:
            with cursor.copy(f'COPY "{table}" ({quoted}) FROM STDIN') as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('\"{table}\"', 'id'), (SELECT max(id) FROM \"{table}\"))"
            )


def _postgresql(url: str, database: str | None = None) -> Any:
    import psycopg

    parts = urlsplit(url)
    name = parts.path[1:] if database is None else database
    server = {"host": parts.hostname, "port": parts.port or 5432, "user": parts.username, "password": parts.password}
    return psycopg.connect(dbname=name, autocommit=database is not None, **server)


def fresh(url: str) -> None:
    """An empty database at *url*, whatever was there."""
    if url.startswith("sqlite"):
        for path in beside(path_of(url)):
            path.unlink(missing_ok=True)
        return
    with _postgresql(url, "postgres") as connection:
        name = urlsplit(url).path[1:]
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')


def drop(url: str) -> None:
    """Remove a database of PostgreSQL."""
    with _postgresql(url, "postgres") as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{urlsplit(url).path[1:]}" WITH (FORCE)')


def beside(path: Path) -> Iterator[Path]:
    """A database file and those that SQLite puts beside it."""
    for ending in ("", "-wal", "-shm", "-journal"):
        yield path.with_name(path.name + ending)


def finish(url: str, tokens: Iterable[str], facts: Path) -> None:
    """Statistics for the planner, write-ahead log, and the presented values written to *facts*."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(path_of(url))) as connection:
            connection.execute("ANALYZE")
            connection.commit()
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        with _postgresql(url) as connection:
            connection.autocommit = True
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
    facts.write_text(json.dumps({"tokens": list(tokens)}))
