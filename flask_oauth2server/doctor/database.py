"""The database: is it there, complete, set up as it should be, and cleaned up?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from .. import clock
from ..storage.doctor import MOST
from ..storage.unit import DATABASE_ERRORS
from ..text import gettext as _
from .findings import BAD, NOTE, WARN, Symptom
from .patient import Patient

#: Seconds that clocks may differ by: codes live for a minute.
APART = 5
_OVERDUE = timedelta(days=1)
_UNSEALED = timedelta(hours=1)
_FOREIGN_KEYS = '`event.listen(db.engine, "connect", lambda c, _: c.execute("PRAGMA foreign_keys=ON"))`'


def reachable(patient: Patient) -> Iterator[Symptom]:
    """Whether it answers at all."""
    try:
        patient.storage.clock()
    except DATABASE_ERRORS as error:
        patient.server.storage.unit.rollback()
        yield Symptom(
            BAD,
            _("The database does not answer."),
            _(
                "Every endpoint answers 503. Start it, or mend `SQLALCHEMY_DATABASE_URI`. It said: %(error)s",
                error=str(getattr(error, "orig", error)).splitlines()[0] if str(error) else type(error).__name__,
            ),
        )


def tables(patient: Patient) -> Iterator[Symptom]:
    """Tables and columns, those of a newer version among them."""
    for problem in patient.server.storage.schema.problems():
        yield Symptom(
            BAD,
            problem,
            _("Until it is there every endpoint answers 503. Run `flask oauth2 init-db`, or make a migration."),
        )


def indexes(patient: Patient) -> Iterator[Symptom]:
    """What keeps questions quick."""
    missing = patient.server.storage.schema.missing_indexes()
    if missing:
        yield Symptom(
            WARN,
            _("The database lacks %(names)s.", names=_some(missing)),
            _("Questions get slower with every row. Run `flask oauth2 init-db`, or make a migration."),
        )


def _some(names: list[str]) -> str:
    told = ", ".join(f"`{name}`" for name in names[:5])
    return _("the indexes %(names)s and %(number)s more", names=told, number=len(names) - 5) if names[5:] else told


def engine(patient: Patient) -> Iterator[Symptom]:
    """What each kind of database gets wrong unless it is told."""
    storage = patient.storage
    level = storage.isolation()
    if level in ("AUTOCOMMIT", "READ UNCOMMITTED"):
        yield Symptom(
            BAD,
            _("Transactions are off: the isolation level is %(level)s.", level=level),
            _(
                "A code can be used twice. Take `isolation_level` out of `SQLALCHEMY_ENGINE_OPTIONS`; an engine of "
                'your own for other work can have it: `db.engine.execution_options(isolation_level="AUTOCOMMIT")`.'
            ),
        )
    if storage.dialect == "sqlite":
        yield from _sqlite(patient)
    elif storage.dialect == "postgresql":
        yield from _postgresql(patient)
    elif storage.dialect in ("mysql", "mariadb"):
        yield from _mariadb(patient)


def _sqlite(patient: Patient) -> Iterator[Symptom]:
    storage = patient.storage
    if not storage.pragma("foreign_keys"):
        yield Symptom(
            WARN,
            _("SQLite does not look after foreign keys."),
            _(
                "What is deleted past this package leaves rows behind, and SQLite may give their ids out again. Say in "
                "an app context: %(line)s.",
                line=_FOREIGN_KEYS,
            ),
        )
    if storage.is_in_memory():
        yield Symptom(
            WARN if patient.is_public else NOTE,
            _("The database is in the memory of this process."),
            _(
                "It is gone with it, and every worker has another. Name a file: "
                '`SQLALCHEMY_DATABASE_URI = "sqlite:///shop.sqlite"`.'
            ),
        )
    elif patient.has_workers and storage.pragma("journal_mode") != "wal":
        yield Symptom(
            NOTE,
            _("With %(number)s workers SQLite lets readers and the writer wait.", number=patient.workers),
            _("Write-ahead logging lets them go on. Say once: `sqlite3 shop.sqlite 'PRAGMA journal_mode=WAL'`."),
        )


def _postgresql(patient: Patient) -> Iterator[Symptom]:
    encoding = patient.storage.variable("server_encoding")
    if encoding != "UTF8":
        yield Symptom(
            WARN,
            _("The encoding of the database is %(encoding)s.", encoding=encoding),
            _("Names of people and clients may not fit in. Make it anew: `CREATE DATABASE shop ENCODING 'UTF8'`."),
        )


def _mariadb(patient: Patient) -> Iterator[Symptom]:
    storage = patient.storage
    known = storage.mariadb_tables()
    for name in [name for name, kind, _collation in known if kind.lower() != "innodb"]:
        yield Symptom(
            BAD,
            _("The table %(name)s has no transactions.", name=name),
            _(
                "What is written together is not undone together, and foreign keys are ignored. Say "
                "`ALTER TABLE %(name)s ENGINE=InnoDB`.",
                name=name,
            ),
        )
    for name in [name for name, _kind, collation in known if not collation.startswith("utf8mb4")]:
        yield Symptom(
            WARN,
            _("The table %(name)s does not take every character.", name=name),
            _(
                "Names with a letter or picture that it lacks are refused. Say "
                "`ALTER TABLE %(name)s CONVERT TO CHARACTER SET utf8mb4`.",
                name=name,
            ),
        )
    if storage.variable("character_set_connection") != "utf8mb4":
        yield Symptom(
            WARN,
            _("The connection to the database does not take every character."),
            _(
                'Add `?charset=utf8mb4` to the address: `SQLALCHEMY_DATABASE_URI = "mariadb+pymysql://...?charset=utf8mb4"`.'
            ),
        )
    modes = storage.variable("sql_mode").upper()
    if "STRICT_TRANS_TABLES" not in modes and "STRICT_ALL_TABLES" not in modes:
        yield Symptom(
            BAD,
            _("The database cuts off what is too long, without a word."),
            _("Two values may become one. Set `sql_mode = STRICT_TRANS_TABLES` in the database's configuration."),
        )


def database_clock(patient: Patient) -> Iterator[Symptom]:
    """The clock of the machine that the database runs on."""
    apart = int(abs(patient.storage.clock() - clock.now()).total_seconds())
    if apart > APART:
        yield Symptom(
            WARN,
            _(
                "The clock of the database and this one are %(number)s seconds apart.",
                number=apart,
            ),
            _("Reports and your own queries mix the two. Let both machines keep time: `timedatectl set-ntp true`."),
        )


def unpurged(patient: Patient) -> Iterator[Symptom]:
    """What has ended and is still there."""
    number = patient.storage.overdue(_OVERDUE)
    off = not patient.settings["OAUTH2_PURGE_INTERVAL"]
    if not number:
        return
    remedy = _("Run `flask oauth2 purge` once a day.")
    if off:
        remedy = _("Clean-up is off. Set `OAUTH2_PURGE_INTERVAL = 300`, or run `flask oauth2 purge` once a day.")
    told = _("At least %(number)s", number=MOST) if number > MOST else str(number)
    yield Symptom(
        WARN,
        _("%(number)s rows that ended more than a day ago are still there.", number=told),
        _(
            "They make the tables larger and slower, and keep what is known of people for longer. %(remedy)s",
            remedy=remedy,
        ),
    )


def unsealed(patient: Patient) -> Iterator[Symptom]:
    """Entries of the audit log that could still be changed unseen."""
    if patient.storage.is_unsealed(_UNSEALED):
        yield Symptom(
            WARN,
            _("Entries of the audit log have been without a seal for more than an hour."),
            _(
                "Until then nobody would see them changed. `flask oauth2 purge` seals them; let it run by itself: "
                "`OAUTH2_PURGE_INTERVAL = 300`."
            ),
        )
