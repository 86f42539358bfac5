"""Past ``db.session``, where it would do nothing but cost time: when that is, and transactions there.

A session that holds nothing, that nobody listens to and that takes its engine by Flask-SQLAlchemy's own rule
adds nothing to Core statements. Wherever something is different, the session is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import scoped_session
from sqlalchemy.pool import SingletonThreadPool, StaticPool

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
    """Whether a statement needs no session: it has not begun, nobody listens to it, and Flask-SQLAlchemy's own
    rule says which engine it would take."""
    if has_begun(session):
        return False
    factory: Any = session.session_factory
    if factory.class_.get_bind is not Session.get_bind or factory.kw.get("bind") or factory.kw.get("binds"):
        return False
    return not _is_listened_to(session, writing)


def _is_listened_to(session: scoped_session[Any], writing: bool) -> bool:
    found = _heard(session.registry()) if session.registry.has() else _listeners.get(session.session_factory)
    if found is None:
        # What an unused session has are views of what its class has, now and later.
        found = _listeners[session.session_factory] = _heard(session.session_factory())
    for listeners in found[writing]:
        for listener in listeners:
            if listener not in idle and (writing or listener not in watching_writes):
                return True
    return False


def _heard(session: Any) -> tuple[list[Any], list[Any]]:
    beginning, every = ([getattr(session.dispatch, name) for name in names] for names in (_BEGINNING, _ALL))
    return beginning, every


def has_one_connection(engine: Engine) -> bool:
    """Whether the pool has one connection for all, which giving back would roll back."""
    return isinstance(engine.pool, StaticPool | SingletonThreadPool)


class Apart:
    """One transaction on a connection of its own, begun by its first statement if that may be.

    :param db: the Flask-SQLAlchemy object whose session is spared.
    """

    def __init__(self, db: SQLAlchemy) -> None:
        self.db = db
        #: None until it has begun.
        self.connection: Connection | None = None

    def begun(self, bind_key: str | None) -> Connection | None:
        """Its connection, begun now if need be; None: the session is to be asked."""
        if self.connection is None and may_be_spared(self.db.session, writing=True):
            engine = self.db.engines[bind_key]
            if not has_one_connection(engine):
                self.connection = engine.connect()
                self.connection.begin()
        return self.connection


_running: ContextVar[Apart | None] = ContextVar("oauth2server_apart", default=None)


def running(db: SQLAlchemy) -> Apart | None:
    """The transaction apart that runs in this context, if there is one of *db*."""
    apart = _running.get()
    return apart if apart is not None and apart.db is db else None


@contextmanager
def running_in(apart: Apart | None) -> Iterator[Apart | None]:
    """Have statements run in *apart* inside the block; None: in the session. What was not committed is undone."""
    token = _running.set(apart)
    try:
        yield apart
    finally:
        _running.reset(token)
        if apart is not None and apart.connection is not None:
            apart.connection.close()
