"""What the doctor asks the database, and the reports that it keeps. No question looks through more than
:data:`MOST` rows of an index, so that a million clients are no burden."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, delete, exists, false, or_, select, text

from .. import clock
from .base import Queries

#: So many rows are looked through by each question.
MOST = 1000
#: So many clients are named one by one.
_FEW = 100
_REPORTS = 5


#: The first columns of indexes that compare by code points.
_PREFIX_INDEXES = text(
    "SELECT a.attname FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid "
    "JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0] "
    "JOIN pg_opclass o ON o.oid = i.indclass[0] JOIN pg_database d ON d.datname = current_database() "
    "LEFT JOIN pg_collation c ON c.oid = i.indcollation[0] "
    "WHERE t.relname = :table AND pg_table_is_visible(t.oid) AND (o.opcname LIKE '%pattern_ops' "
    "OR CASE WHEN c.collname = 'default' THEN d.datcollate ELSE c.collname END IN ('C', 'POSIX'))"
)


class Counted(NamedTuple):
    """Clients that a question found.

    :param client_ids: their public identifiers.
    :param more: whether there are further rows that it did not look through.
    """

    client_ids: list[str]
    more: bool


class Health(Queries):
    """Questions about the state of the database, of clients, and of what has piled up."""

    # --- the database itself ----------------------------------------------------------------------

    @property
    def dialect(self) -> str:
        """``sqlite``, ``postgresql``, ``mysql`` or ``mariadb``, as SQLAlchemy calls it."""
        return str(self._connection().dialect.name)

    def clock(self) -> datetime:
        """What time the database thinks it is: naive UTC."""
        if self.dialect == "sqlite":
            told = self._told("SELECT strftime('%s', 'now')")
        elif self.dialect == "postgresql":
            told = self._told("SELECT extract(epoch FROM clock_timestamp())")
        else:
            told = self._told("SELECT UNIX_TIMESTAMP()")
        return datetime.fromtimestamp(int(told), UTC).replace(tzinfo=None)

    def pragma(self, name: str) -> Any:
        """A setting of SQLite."""
        return self._told(f"PRAGMA {name}")

    def variable(self, name: str) -> str:
        """A setting of PostgreSQL or MariaDB for this connection."""
        return str(self._told(f"SHOW {name}" if self.dialect == "postgresql" else f"SELECT @@{name}"))

    def isolation(self) -> str:
        """The isolation level of transactions, in SQLAlchemy's words."""
        return str(self._connection().get_isolation_level())

    def is_in_memory(self) -> bool:
        """Whether it is SQLite's database in the memory of a process."""
        return self.dialect == "sqlite" and self._connection().engine.url.database in (None, "", ":memory:")

    def mariadb_tables(self) -> list[tuple[str, str, str]]:
        """Name, engine and collation of our tables on MariaDB."""
        names = {model.__tablename__ for model in self.models}
        statement = text(
            "SELECT table_name, engine, table_collation FROM information_schema.tables WHERE table_schema = DATABASE()"
        )
        rows = self._connection().execute(statement)
        return [(row[0], str(row[1]), str(row[2])) for row in rows if row[0] in names]

    # --- what has piled up ------------------------------------------------------------------------

    def overdue(self, since: timedelta) -> int:
        """Rows that should have been removed longer than *since* ago; counting stops at :data:`MOST` a table."""
        before = clock.now() - since
        models = self.models
        columns = [
            models.Authorization.__table__.c.purge_at,
            models.Token.__table__.c.purge_at,
            models.Replay.__table__.c.expires_at,
            models.FailureCount.__table__.c.expires_at,
        ]
        return sum(self.counted(select(column).where(column < before), MOST) for column in columns)

    def is_unsealed(self, since: timedelta) -> bool:
        """Whether the audit has an event older than *since* that stands under no seal."""
        table = self.models.AuditEvent.__table__
        oldest = select(table.c.created_at).where(table.c.seal.is_(None)).order_by(table.c.seal, table.c.id).limit(1)
        row = self.one(oldest)
        return row is not None and row.created_at < clock.now() - since

    def late_logouts(self, since: timedelta) -> int:
        """Logout tokens that have been due for longer than that; counting stops beyond :data:`MOST`."""
        table = self.models.LogoutDelivery.__table__
        late = select(table.c.id).where(table.c.next_at < clock.now() - since, table.c.failed_at.is_(None))
        return self.counted(late, MOST)

    def failed_logouts(self) -> Counted:
        """Clients that could not be told of the end of a session; of what failed first, they are kept for days."""
        table, client = self.models.LogoutDelivery.__table__, self.models.Client.__table__
        failed = select(table.c.client_pk).where(table.c.failed_at.is_not(None)).order_by(table.c.failed_at)
        rows = self.all(failed.limit(MOST + 1))
        pks = sorted({row.client_pk for row in rows})
        of_these = client.c.id.in_(pks[:_FEW]) & client.c.disabled_at.is_(None)
        found = self.all(select(client.c.client_id).where(of_these).order_by(client.c.id)) if pks else []
        return Counted([row.client_id for row in found], len(rows) > MOST or len(pks) > _FEW)

    # --- clients ----------------------------------------------------------------------------------

    def latest_clients(self) -> list[Any]:
        """The latest enabled clients of each type, :data:`MOST` of each at most."""
        table = self.models.Client.__table__
        columns = table.c["id", "client_id", "client_metadata", "is_confidential"]
        rows: list[Any] = []
        for confidential in (True, False):
            latest = select(columns).where(table.c.is_confidential == confidential, table.c.disabled_at.is_(None))
            rows += self.all(latest.order_by(table.c.id.desc()).limit(MOST))
        return rows

    def has_more_clients(self) -> bool:
        """Whether there are more clients of a type than :meth:`latest_clients` tells."""
        table = self.models.Client.__table__
        return any(
            self.counted(select(table.c.id).where(table.c.is_confidential == confidential), MOST) > MOST
            for confidential in (True, False)
        )

    def unchecked_first_party(self) -> Counted:
        """Clients of which people are not asked, though nobody has checked them."""
        table = self.models.Client.__table__
        looked = select(table).where(table.c.verified == false()).order_by(table.c.id.desc())
        return self._of(looked, lambda row: and_(row.c.first_party, row.c.disabled_at.is_(None)))

    def without_terms(self) -> Counted:
        """Clients that a search cannot find: of before there was one."""
        table, term = self.models.Client.__table__, self.models.ClientTerm.__table__
        return self._of(select(table).order_by(table.c.id), lambda row: ~exists().where(term.c.client_pk == row.c.id))

    def never_used(self, since: timedelta) -> Counted:
        """Clients made longer than *since* ago of which nothing shows that they were ever used."""
        models, table = self.models, self.models.Client.__table__
        traces = (models.Token, models.Authorization, models.DailyCount)
        secret = models.ClientSecret.__table__

        def unused(row: Any) -> Any:
            return and_(
                row.c.created_at < clock.now() - since,
                row.c.disabled_at.is_(None),
                *(~exists().where(model.__table__.c.client_pk == row.c.id) for model in traces),
                ~exists().where(secret.c.client_pk == row.c.id, secret.c.last_used_at.is_not(None)),
            )

        return self._of(select(table).order_by(table.c.id), unused)

    def locked_out(self) -> Counted:
        """Clients whose last secret has expired."""
        client, secret = self.models.Client.__table__, self.models.ClientSecret.__table__
        looked = (
            select(secret.c.client_pk)
            .where(secret.c.expires_at <= clock.now(), secret.c.revoked_at.is_(None))
            .order_by(secret.c.expires_at.desc())
            .limit(MOST)
        )
        live = secret.alias()
        good = exists().where(
            live.c.client_pk == client.c.id,
            live.c.revoked_at.is_(None),
            or_(live.c.expires_at.is_(None), live.c.expires_at > clock.now()),
        )
        expired = looked.subquery()
        found = (
            select(client.c.client_id)
            .join(expired, expired.c.client_pk == client.c.id)
            .where(client.c.is_confidential, client.c.disabled_at.is_(None), ~good)
            .distinct()
        )
        return Counted([row[0] for row in self.all(found)], self.counted(looked.limit(None), MOST) > MOST)

    def short_secrets(self, slow: str) -> Counted:
        """Clients with a live secret of those made last that was brought along and is short.

        :param slow: how the digest of a short one begins.
        """
        client, secret = self.models.Client.__table__, self.models.ClientSecret.__table__
        looked = select(secret).order_by(secret.c.id.desc())
        latest = looked.limit(MOST).subquery()
        live = or_(latest.c.expires_at.is_(None), latest.c.expires_at > clock.now())
        found = (
            select(client.c.client_id)
            .join(latest, latest.c.client_pk == client.c.id)
            .where(latest.c.imported, latest.c.revoked_at.is_(None), live, latest.c.digest.startswith(slow))
            .where(client.c.disabled_at.is_(None))
            .distinct()
        )
        return Counted([row[0] for row in self.all(found)], self.counted(looked, MOST) > MOST)

    def _of(self, looked: Select[Any], condition: Any) -> Counted:
        """Of the first :data:`MOST` clients of *looked* those that meet *condition*."""
        few = looked.limit(MOST).subquery()
        found = self.all(select(few.c.client_id).where(condition(few)))
        return Counted([row.client_id for row in found], bool(found) and self.counted(looked, MOST) > MOST)

    # --- people -----------------------------------------------------------------------------------

    def user_classes(self) -> list[type]:
        """Classes of the host's db whose objects can sign in."""
        model: Any = self.db.Model
        mappers = model.registry.mappers
        return [mapper.class_ for mapper in mappers if hasattr(mapper.class_, "get_id")]

    def stored_users(self, most: int) -> list[Any]:
        """Keys of the users who allowed a client last."""
        table = self.models.Authorization.__table__
        latest = select(table.c.user_id).where(table.c.user_id.is_not(None)).order_by(table.c.id.desc()).limit(most)
        return list(dict.fromkeys(row.user_id for row in self.all(latest)))

    def without_prefix_index(self, table: str, columns: Sequence[str]) -> list[str]:
        """Of some columns those by whose beginning PostgreSQL finds nothing quickly: its indexes follow a
        language, unless they are told otherwise."""
        if self.dialect != "postgresql":
            return []
        found = self._connection().execute(_PREFIX_INDEXES, {"table": table})
        good = {row[0] for row in found}
        return [column for column in columns if column not in good]

    # --- reports ----------------------------------------------------------------------------------

    def keep(self, findings: list[dict[str, Any]], checks: int) -> None:
        """Write a report down and remove those before the last few."""
        model = self.models.DoctorReport
        self.db.session.add(model(findings=findings, checks=checks))
        self.db.session.flush()
        table = model.__table__
        kept = [row.id for row in self.all(select(table.c.id).order_by(table.c.id.desc()).limit(_REPORTS))]
        self.changed(delete(table).where(table.c.id < kept[-1]))

    def last_report(self) -> Any:
        """The latest report, or None."""
        model = self.models.DoctorReport
        return self.db.session.scalars(select(model).order_by(model.id.desc()).limit(1)).first()

    def _told(self, statement: str) -> Any:
        return self._connection().execute(text(statement)).scalar_one()

    def _connection(self) -> Any:
        return self.db.session.connection(bind_arguments=self._bind())
