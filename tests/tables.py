"""Empty tables for the next test: emptying those that are there takes a tenth of making them anew."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import StaticPool

#: An empty database in memory for each set of tables, which files are copied from.
_EMPTY: dict[Any, Any] = {}
#: Whose tables stand in each database of a server.
_MADE_FOR: dict[str, Any] = {}

#: On MariaDB: the tables that do not count from 1.
_COUNTED = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND auto_increment > 1"


def emptied(db: Any) -> bool:
    """Leave the tables of *db* there and empty, counting from 1; False where they have to be made.

    :param db: a db whose app context is pushed.
    """
    engine = db.engine
    if engine.dialect.name == "sqlite":
        return _copied(db, engine)
    same = _MADE_FOR.get(str(engine.url)) is db.metadata
    _MADE_FOR[str(engine.url)] = db.metadata
    if not same or not _are_as_told(db, engine):
        return False
    with engine.begin() as connection:
        quote = connection.dialect.identifier_preparer.quote
        names = {table: quote(table.name) for table in reversed(db.metadata.sorted_tables)}
        full = [t for t, name in names.items() if connection.execute(text(f"SELECT 1 FROM {name} LIMIT 1")).first()]
        if engine.dialect.name == "postgresql":
            for table in full:
                connection.execute(text(f"DELETE FROM {names[table]}"))
            counted = [f"setval(pg_get_serial_sequence('{t.name}', 'id'), 1, false)" for t in names if "id" in t.c]
            connection.execute(text(f"SELECT {', '.join(counted)}"))
            return True
        connection.execute(text("SET foreign_key_checks = 0"))
        for table in full:
            connection.execute(text(f"DELETE FROM {names[table]}"))
        for (name,) in connection.execute(text(_COUNTED)).all():  # also where a test has left no row
            connection.execute(text(f"ALTER TABLE {quote(name)} AUTO_INCREMENT = 1"))
        connection.execute(text("SET foreign_key_checks = 1"))
    return True


def _copied(db: Any, engine: Any) -> bool:
    """Write the file of a SQLite database that is not there yet."""
    with engine.connect() as connection:
        if inspect(connection).get_table_names():
            return False
    tables = db.metadata
    if tables not in _EMPTY:
        _EMPTY[tables] = create_engine("sqlite://", poolclass=StaticPool)
        tables.create_all(_EMPTY[tables])
    with _EMPTY[tables].connect() as empty, engine.connect() as connection:
        source: sqlite3.Connection = empty.connection.dbapi_connection
        source.backup(connection.connection.dbapi_connection)
    return True


def _are_as_told(db: Any, engine: Any) -> bool:
    """Whether a test has left exactly these tables with exactly these columns there."""
    scheme = "current_schema()" if engine.dialect.name == "postgresql" else "database()"
    asked = f"SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = {scheme}"
    with engine.connect() as connection:
        found = {(row[0], row[1]) for row in connection.execute(text(asked))}
    return found == {(table.name, column.name) for table in db.metadata.tables.values() for column in table.columns}
