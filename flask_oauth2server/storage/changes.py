"""Which tokens a transaction may have ended or changed: told once it is over, to whoever keeps some.

Every statement is looked at on its way to the database, the host's own ones too, so that no writer can
be forgotten here. What cannot be told exactly counts as everything.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary, WeakMethod, WeakSet

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event, select
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, BooleanClauseList, ColumnClause, Grouping

from ..models.factory import Models
from . import apart
from .base import Queries
from .users import Users

#: The mark of everything.
ALL = "all"
TOKEN, AUTHORIZATION, CLIENT, USER = "token", "authorization", "client", "user"

#: What may be written without any token being judged otherwise after it, by the name of the model.
_HARMLESS = {
    "Token": {"last_used_at", "last_used_from", "refresh_used_at", "refresh_expires_at", "purge_at"},
    "Authorization": {"last_used_at", "live_until", "purge_at", "device", "address"},
    "Client": set[str](),
}
#: Columns by which a row is found, and what is marked then.
_KEYS = {
    "Token": {"id": TOKEN, "authorization_id": AUTHORIZATION, "client_pk": CLIENT, "user_id": USER},
    "Authorization": {"id": AUTHORIZATION, "client_pk": CLIENT, "user_id": USER},
    "Client": {"id": CLIENT, "user_id": USER},
}
#: Statements as text that change nothing.
_READING = {"SELECT", "PRAGMA", "SHOW", "SET", "EXPLAIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT"}


def mark(kind: str, key: Any) -> str:
    """What stands for a row: its kind and key; a user's key is disguised, for it may be a secret of the
    host (Flask-Login's ``get_id()``)."""
    if kind != USER:
        return f"{kind}:{key}"
    # As a collation may compare them; two that are marked alike are both forgotten, no more.
    text = str(key).casefold().strip().encode()
    return f"{kind}:{hashlib.blake2b(text, digest_size=8).hexdigest()}"


@dataclass(eq=False)
class _Transaction:
    """What is known of one that runs: when it began, whether it wrote, and what it changed."""

    moment: Any
    wrote: bool = False
    marks: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Watched:
    """A table: what may be written to it without harm, and its keys. ``matters``: only these do harm."""

    keys: Mapping[str, str]
    harmless: Iterable[str] = ()
    matters: Iterable[str] | None = None


class Changes(Queries):
    """Tells of changes; nothing is done or kept while nobody listens.

    :param db: the Flask-SQLAlchemy object.
    :param models: the classes made for it.
    :param users: what is known of the host's users.
    """

    def __init__(self, db: SQLAlchemy, models: Models, users: Users) -> None:
        super().__init__(db, models)
        self._told: list[Callable[[frozenset[str]], None]] = []
        self._now: Callable[[], Any] = lambda: None
        self._users = users
        self._of_user = users.key_python_type
        self._tables: dict[str, _Watched] = {}
        self._running: WeakKeyDictionary[Any, _Transaction] = WeakKeyDictionary()
        self._engines: WeakSet[Any] = WeakSet()

    def listen(self, told: Callable[[frozenset[str]], None], now: Callable[[], Any] | None = None) -> None:
        """Tell *told* the marks of what a transaction has changed, just after it ended.

        One that was rolled back tells them, too: whether a commit came through is not always known.

        :param now: is called as each transaction begins; see :meth:`moment`.
        """
        if not self._told:
            self._tables = dict(self._watched())
            begun, ended = _weakly(self._begun), _weakly(self._ended)
            event.listen(self.db.session, "after_begin", begun)
            event.listen(self.db.session, "after_transaction_end", ended)
            apart.watching_writes.update((begun, ended))
        self._told.append(told)
        self._now = now or self._now

    def _watched(self) -> Iterator[tuple[str, _Watched]]:
        for name, keys in _KEYS.items():
            yield getattr(self.models, name).__table__.name, _Watched(keys, _HARMLESS[name])
        key, active = self._users.key_column, self._users.active_column
        if key is not None:
            parts = () if active is None else visitors.iterate(select(active))
            columns = {part.name for part in parts if isinstance(part, ColumnClause)}
            yield key.table.name, _Watched({key.name: USER}, matters={*columns, key.name})

    def moment(self) -> Any:
        """Since when what the session reads now may have stood: what ``now()`` returned as its transaction
        began, or returns now if there is none. None: it wrote, and so may read what nobody else will see."""
        if self.db.session.registry.has():
            running = self.db.session().info.get(self)
            if running is not None:
                return None if running.wrote else running.moment
        return self._now()

    def note(self, *marks: str) -> None:
        """Tell of a change that the host has made or is about to commit."""
        if not self._told:
            return
        if self.db.session.registry.has() and (running := self.db.session().info.get(self)):
            running.marks.update(marks)
        self._tell(marks)

    def _tell(self, marks: Iterable[str]) -> None:
        told = frozenset(marks)
        for tell in self._told:
            tell(told)

    # --- listeners of SQLAlchemy ----------------------------------------------------------------------

    def _begun(self, session: Any, _: Any, connection: Any) -> None:
        running = session.info.get(self)
        if running is None:
            running = session.info[self] = _Transaction(self._now())
        self._running[connection] = running
        engine = connection.engine
        if engine not in self._engines:
            self._engines.add(engine)
            # For the session's connections alone: another one of the engine is none the slower for it.
            others = engine._has_events
            event.listen(engine, "before_cursor_execute", _weakly(self._look))
            engine._has_events = others
        connection._has_events = True

    def _ended(self, session: Any, transaction: Any) -> None:
        if transaction.parent is None:
            running = session.info.pop(self, None)
            if running is not None and running.marks:
                self._tell(running.marks)

    def _look(self, connection: Any, _: Any, text: str, __: Any, context: Any, ___: bool) -> None:
        statement = getattr(context, "invoked_statement", None)
        if getattr(statement, "is_select", False):
            return
        if getattr(statement, "is_dml", False):
            marks = self._marks_of(statement, context)
        elif text.lstrip("( \r\n\t")[:9].partition(" ")[0].upper() in _READING:
            return
        else:
            marks = {ALL} if any(name in text.lower() for name in self._tables) else set()
        running = self._running.get(connection)
        if running is not None:
            running.wrote = True
            running.marks.update(marks)

    # --- what a statement does ------------------------------------------------------------------------

    def _marks_of(self, statement: Any, context: Any) -> set[str]:
        watched = self._tables.get(getattr(statement.table, "name", ""))
        if watched is None:
            return set()
        if statement.is_insert:
            replaces = statement._prefixes or getattr(statement, "_post_values_clause", None) is not None
            return {ALL} if replaces else set()
        if statement.is_update:
            written = _written(statement, context.compiled)
            if watched.matters is not None and written and not written & set(watched.matters):
                return set()
            if written and written <= set(watched.harmless):
                return set()
        return self._narrowed(statement, context, watched.keys) or {ALL}

    def _narrowed(self, statement: Any, context: Any, keys: Mapping[str, str]) -> set[str]:
        """The marks of the rows that a condition lets through; empty: it cannot be told."""
        for clause in _conjuncts(statement.whereclause):
            kind = _key_of(clause, keys)
            if kind is None:
                continue
            marks: set[str] = set()
            values = list(_values(clause, context))
            for value in values:
                if not self._is_exact(kind, value):
                    return {ALL}
                marks.add(mark(kind, value))
            if marks:
                return marks
        return set()

    def _is_exact(self, kind: str, value: Any) -> bool:
        """Whether the database finds by *value* what is marked by it, and nothing else."""
        wanted = self._of_user if kind == USER else int
        return wanted in (int, str, uuid.UUID) and isinstance(value, wanted) and not isinstance(value, bool)


def _weakly(method: Callable[..., None]) -> Callable[..., None]:
    """*method*, as long as its object is there: a ``db`` may outlive an app that it serves."""
    weak = WeakMethod(method)

    def call(*told: Any) -> None:
        alive = weak()
        if alive is not None:
            alive(*told)

    return call


def _written(statement: Any, compiled: Any) -> set[str]:
    """Names of the columns that an UPDATE sets; empty: it cannot be told."""
    if getattr(statement, "_ordered_values", None) or getattr(statement, "_multi_values", None):
        return set()
    given = {str(getattr(key, "key", key)) for key in statement._values or ()}
    # The session's own statements name them in their parameters, among those of the condition.
    return given | (set(getattr(compiled, "column_keys", None) or ()) & set(statement.table.c.keys()))


def _conjuncts(clause: Any) -> Iterator[Any]:
    """The conditions that all have to hold."""
    if isinstance(clause, Grouping):
        yield from _conjuncts(clause.element)
    elif isinstance(clause, BooleanClauseList) and clause.operator is operators.and_:
        for part in clause.clauses:
            yield from _conjuncts(part)
    elif clause is not None:
        yield clause


def _key_of(clause: Any, keys: Mapping[str, str]) -> str | None:
    if not isinstance(clause, BinaryExpression) or clause.operator not in (operators.eq, operators.in_op):
        return None
    left, right = clause.left, clause.right
    return keys.get(left.name) if isinstance(left, ColumnClause) and isinstance(right, BindParameter) else None


def _values(clause: Any, context: Any) -> Iterator[Any]:
    """What a column is compared with, in each set of parameters."""
    bind = clause.right
    name = context.compiled.bind_names.get(bind, bind.key)
    for parameters in context.compiled_parameters:
        value = parameters.get(name, bind.effective_value)
        yield from value if clause.operator is operators.in_op and isinstance(value, list | tuple) else (value,)
