"""The unit of work: what is written together is committed together, or not at all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import ObjectDeletedError, StaleDataError

from ..errors import Conflict, Gone, Unavailable
from .apart import Apart, has_begun, running_in

log = logging.getLogger(__name__)

T = TypeVar("T")

#: What :class:`Unit` translates: the database's way to say "not now".
DATABASE_ERRORS = (DBAPIError, PoolTimeout)
#: What a value raises that its column can never have.
NO_SUCH_VALUE = (ValueError, OverflowError, DataError)

_POSTGRESQL_RETRY = {"40001", "40P01", "55P03"}
#: Shutting down, too many connections, disk or memory full, a replica, a statement that took too long.
_POSTGRESQL_LOST = {"57P01", "57P02", "57P03", "57P05", "53100", "53200", "53300", "53400", "25006", "25P03", "57014"}
_MARIADB_RETRY = {1020, 1205, 1213}
_MARIADB_LOST = {1040, 1053, 1927, 2002, 2003, 2006, 2013, 2055}
_SQLITE_RETRY = {5, 6}  # SQLITE_BUSY, SQLITE_LOCKED
_SQLITE_LOST = {8, 10, 13, 14}  # SQLITE_READONLY, _IOERR, _FULL, _CANTOPEN


_MARIADB_WAITS = (
    "SELECT @@SESSION.innodb_lock_wait_timeout, @@SESSION.lock_wait_timeout",
    "SET SESSION innodb_lock_wait_timeout = {}, lock_wait_timeout = {}",
)
#: What tells how long a connection waits for locks, and what sets it; on PostgreSQL for a transaction alone.
_WAITS = {
    "postgresql": ("", "SET LOCAL lock_timeout = {}"),
    "mysql": _MARIADB_WAITS,
    "mariadb": _MARIADB_WAITS,
    "sqlite": ("PRAGMA busy_timeout", "PRAGMA busy_timeout = {}"),
}
#: One second.
_IMPATIENT = {"postgresql": (1000,), "mysql": (1, 1), "mariadb": (1, 1), "sqlite": (1000,)}


def is_undone(error: BaseException) -> bool:
    """Whether the database says for certain that nothing was written: a deadlock and its kin."""
    original = getattr(error, "orig", None)
    if getattr(original, "sqlstate", None) in _POSTGRESQL_RETRY:
        return True
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_RETRY
    return _first_argument(original) in _MARIADB_RETRY


def is_unavailable(error: BaseException) -> bool:
    """Whether the database cannot be used now: locked, lost, restarting, or out of connections."""
    if isinstance(error, PoolTimeout) or is_undone(error):
        return True
    if getattr(error, "connection_invalidated", False):
        return True
    original = getattr(error, "orig", None)
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_LOST
    state = getattr(original, "sqlstate", None)
    if state is not None:
        return state in _POSTGRESQL_LOST or state.startswith("08")
    if _first_argument(original) in _MARIADB_LOST:
        return True
    return isinstance(error, OperationalError | InterfaceError)


def _first_argument(original: BaseException | None) -> object:
    return original.args[0] if original is not None and original.args else None


class Unit:
    """Runs work on ``db.session`` and commits it.

    :param db: the Flask-SQLAlchemy object.
    """

    def __init__(self, db: SQLAlchemy) -> None:
        self.db = db

    def run(self, work: Callable[[], T], commit: bool = True, again: bool = True, apart: bool = False) -> T:
        """Do *work* and commit; on a deadlock or lost connection roll back and repeat it once.

        A commit whose outcome is unknown is not repeated. Exceptions of *work* roll back and pass.

        :param commit: False leaves the caller's transaction open, flushed.
        :param again: False: it is not worth a repetition.
        :param apart: True: from its first statement on it needs nothing of the session, whose transaction then is
            spared where nobody can tell, see :mod:`.apart`.
        :raises Unavailable: if the database could not do it now.
        :raises Gone: if what the work hangs on was deleted meanwhile.
        """
        if not commit:
            result = work()
            self.db.session.flush()
            return result
        for last in (False, True) if again else (True,):
            try:
                with running_in(Apart(self.db) if apart and not last else None) as own:
                    result = self._work(work)
                    self._commit(own)
            except _Again as repeat:
                if last:
                    raise Unavailable("the database could not do the work") from repeat.__cause__
                log.info("repeating a unit of work after: %s", repeat.__cause__)
            else:
                return result
        raise AssertionError("unreachable")

    def _work(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except Conflict as error:
            self.rollback()
            raise _Again from error
        except IntegrityError as error:
            self.rollback()
            raise Gone(str(error.orig)) from error
        except (ObjectDeletedError, StaleDataError) as error:
            self.rollback()
            raise Gone(str(error)) from error
        except DATABASE_ERRORS as error:
            self.rollback()
            if is_unavailable(error):
                raise _Again from error
            raise
        except BaseException:
            self.rollback()
            raise

    def _commit(self, apart: Apart | None) -> None:
        try:
            if apart is None or apart.transaction is None:
                self.db.session.commit()
            elif not has_begun(self.db.session):
                apart.transaction.commit()
                apart.transaction = None
            else:  # a hook of the host wrote something, or read what it thinks is its own transaction
                self.rollback()
                raise _Again from Conflict("the session began beside the unit")
        except IntegrityError as error:
            self.rollback()
            raise Gone(str(error.orig)) from error
        except StaleDataError as error:  # flushed by the commit
            self.rollback()
            raise Gone(str(error)) from error
        except DATABASE_ERRORS as error:
            self.rollback()
            if is_undone(error):
                raise _Again from error
            if is_unavailable(error):
                raise Unavailable("the outcome of a commit is unknown") from error
            raise

    def translate(self, error: BaseException) -> None:
        """Undo, and raise :class:`.Unavailable` if *error* says that the database cannot now."""
        self.rollback()
        if is_unavailable(error):
            raise Unavailable(str(getattr(error, "orig", error))) from error

    @contextmanager
    def impatient(self) -> Iterator[None]:
        """Wait a second for locks inside the block, instead of as long as the host lets its own work wait."""
        connection = self.db.session.connection()
        ask, wait = _WAITS[connection.dialect.name]
        hosts = connection.exec_driver_sql(ask).one() if ask else ()
        connection.exec_driver_sql(wait.format(*_IMPATIENT[connection.dialect.name]))
        try:
            yield
        finally:
            if hosts and not connection.invalidated:
                connection.exec_driver_sql(wait.format(*hosts))

    def rollback(self) -> None:
        """Undo; a connection that is lost has nothing left to undo."""
        if not self.db.session.registry.has():
            return  # asking for the session would make one
        try:
            self.db.session.rollback()
        except DATABASE_ERRORS as error:
            if not is_unavailable(error):
                raise
            log.info("rollback on a lost connection: %s", error)
            self.db.session().invalidate()


class _Again(Exception):  # noqa: N818
    """The unit is to be repeated."""
