"""Past ``db.session``, where it would do nothing but cost time: when that is, and transactions there.

A session that holds nothing, that nobody listens to and that takes its engine by Flask-SQLAlchemy's own rule
adds nothing to Core statements. Wherever something is different, the session is asked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import get_ident
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import scoped_session
from sqlalchemy.pool import SingletonThreadPool, StaticPool

log = logging.getLogger(__name__)

#: What the class of a session has as its bases where no host has made one of its own: a factory makes one of it.
_PLAIN = (Session,)
#: Where a host may, say, tell the database whose rows are to be seen.
_BEGINNING = ("after_begin",)
#: What a session tells of a transaction in which it has nothing to do itself.
_ALL = (
    *("after_transaction_create", "after_begin", "before_commit", "after_commit"),
    *("after_rollback", "after_soft_rollback", "after_transaction_end"),
)

#: Listeners of ours that have nothing to do where the session did nothing, and those that look at writes alone.
idle: WeakSet[Callable[..., Any]] = WeakSet()
watching_writes: WeakSet[Callable[..., Any]] = WeakSet()
#: Who listens to the sessions of each factory, at their beginning and at all.
_listeners: WeakKeyDictionary[Any, tuple[list[Any], list[Any]]] = WeakKeyDictionary()


def has_begun(session: scoped_session[Any]) -> bool:
    """Whether the session of the current context is in a transaction."""
    return session.registry.has() and session.registry().in_transaction()


def may_be_spared(session: scoped_session[Any], *, writing: bool = False) -> bool:
    """Whether a statement needs no session: it has not begun, nobody listens to it, it is of Flask-SQLAlchemy's own
    class, and takes its connection as that has it."""
    factory: Any = session.session_factory
    options = factory.kw
    if options.get("bind") or options.get("binds") or options.get("execution_options") or options.get("twophase"):
        return False
    if factory.class_.__bases__ != _PLAIN:
        return False
    found: tuple[list[Any], list[Any]] | None
    if session.registry.has():
        own = session.registry()
        if own.in_transaction() or own.execution_options:
            return False
        found = _heard(own)
    else:
        found = _listeners.get(factory)
        if found is None:
            # What an unused session has are views of what its class has, now and later.
            found = _listeners[factory] = _heard(factory())
    return not any(_minds(listener, writing) for listeners in found[writing] for listener in listeners)


def _heard(session: Any) -> tuple[list[Any], list[Any]]:
    beginning, every = ([getattr(session.dispatch, name) for name in names] for names in (_BEGINNING, _ALL))
    return beginning, every


def _minds(listener: Any, writing: bool) -> bool:
    return listener not in idle and (writing or listener not in watching_writes)


def has_one_connection(engine: Any) -> bool:
    """Whether there is one connection for all, which giving back would roll back: a pool's only one, or one that
    tests have put in an engine's place."""
    return not isinstance(engine, Engine) or isinstance(engine.pool, StaticPool | SingletonThreadPool)


def _commits_by_itself(engine: Engine) -> bool:
    level = getattr(engine.dialect, "_on_connect_isolation_level", None)
    return level == "AUTOCOMMIT" or bool(engine.get_execution_options())


class Apart:
    """One transaction on a connection of its own, begun by its first statement if that may be.

    :param db: the Flask-SQLAlchemy object whose session is spared.
    """

    def __init__(self, db: SQLAlchemy) -> None:
        self._db = db
        self._thread = get_ident()
        #: None until it has begun, and when it is over.
        self.connection: Connection | None = None
        #: None as well once it is committed.
        self.transaction: RootTransaction | None = None
        self._is_over = False

    def is_of(self, db: SQLAlchemy) -> bool:
        """Whether statements for *db* belong here; a copied context may be another thread's, or outlive it."""
        return self._db is db and not self._is_over and self._thread == get_ident()

    def begun(self, bind_key: str | None) -> Connection | None:
        """Its connection, begun now if need be; None: the session is to be asked."""
        if self.connection is None and may_be_spared(self._db.session, writing=True):
            engine = self._db.engines[bind_key]
            if not has_one_connection(engine) and not _commits_by_itself(engine):
                self.connection = engine.connect()
                self.transaction = self.connection.begin()
        return self.connection

    def end(self) -> None:
        """Give the connection back; what was not committed, also because that failed, is undone."""
        connection, self.connection, self._is_over = self.connection, None, True
        if connection is None:
            return
        try:
            if self.transaction is not None:
                self.transaction.rollback()
            connection.close()
        except DBAPIError as error:  # it was lost: there is nothing to undo, and something else to tell
            log.info("rollback on a lost connection: %s", error)
            connection.invalidate()
            connection.close()


_running: ContextVar[Apart | None] = ContextVar("oauth2server_apart", default=None)


def running(db: SQLAlchemy) -> Apart | None:
    """The transaction apart that runs in this context, if there is one of *db*."""
    apart = _running.get()
    return apart if apart is not None and apart.is_of(db) else None


@contextmanager
def running_in(apart: Apart | None) -> Iterator[Apart | None]:
    """Have statements run in *apart* inside the block; None: in the session. What was not committed is undone."""
    token = _running.set(apart)
    try:
        yield apart
    finally:
        _running.reset(token)
        if apart is not None:
            apart.end()
