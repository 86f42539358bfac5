"""Whatever changes what a token is judged by is told of, once the transaction is over, and by its own name."""

from __future__ import annotations

import gc
import itertools
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from weakref import ref

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import String, Uuid, bindparam, delete, event, insert, select, text, update
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import mapped_column

from flask_oauth2server import OAuth2Server, clock
from flask_oauth2server.storage.changes import ALL, USER, Changes, mark

from ..conftest import close
from ..support import Provider, build

ADA = mark(USER, 1)


@dataclass
class Heard:
    """What was told since somebody looked."""

    provider: Provider
    told: list[list[str]]

    def __call__(self) -> list[list[str]]:
        told = [list(marks) for marks in self.told]
        self.told.clear()
        return told


@pytest.fixture
def heard(any_database: str) -> Iterator[Heard]:
    """A provider on each database, with a client (1), an authorization (1) and its token (1)."""
    provider = build(any_database)
    client = provider.client()
    client.tokens(provider.browser("ada"))
    told: list[list[str]] = []
    provider.app.extensions["oauth2server"].storage.changes.listen(lambda marks: told.append(sorted(marks)))
    with provider.app.app_context():
        yield Heard(provider, told)
    close(provider)


Act = Callable[[Any, Any], Any]

#: By the session itself, by statements, in bulk, as text: and what is told of each.
WRITTEN: dict[str, tuple[Act, list[str]]] = {
    "a token by the session": (lambda s, m: setattr(s.get(m.Token, 1), "scope", "email profile"), ["token:1"]),
    "a token by a statement": (
        lambda s, m: s.execute(update(m.Token).where(m.Token.id == 1).values(scope="x")),
        ["token:1"],
    ),
    "of an authorization": (
        lambda s, m: s.execute(update(m.Token).where(m.Token.authorization_id == 1).values(expires_at=clock.now())),
        ["authorization:1"],
    ),
    "two conditions": (
        lambda s, m: s.execute(delete(m.Token).where(m.Token.scope == "email", m.Token.id == 1)),
        ["token:1"],
    ),
    "one of two conditions": (
        lambda s, m: s.execute(delete(m.Token).where((m.Token.scope == "x") | (m.Token.id == 1))),
        [ALL],
    ),
    "not that one": (lambda s, m: s.execute(delete(m.Token).where(m.Token.id != 1)), [ALL]),
    "all that are later": (lambda s, m: s.execute(delete(m.Token).where(m.Token.id > 1)), [ALL]),
    "some by their keys": (
        lambda s, m: s.execute(delete(m.Token).where(m.Token.id.in_([1, 7]))),
        ["token:1", "token:7"],
    ),
    "several sets of parameters": (
        lambda s, m: s.connection().execute(
            update(m.Token.__table__).where(m.Token.__table__.c.id == bindparam("pk")).values(scope="x"),
            [{"pk": 1}, {"pk": 9}],
        ),
        ["token:1", "token:9"],
    ),
    "by a subquery": (
        lambda s, m: s.execute(
            delete(m.Token)
            .where(m.Token.authorization_id.in_(select(m.Authorization.id)))
            .execution_options(synchronize_session=False)
        ),
        [ALL],
    ),
    "all rows": (lambda s, m: s.execute(update(m.Token).values(revoked_at=clock.now())), [ALL]),
    "an authorization": (
        lambda s, m: setattr(s.get(m.Authorization, 1), "revoked_at", clock.now()),
        ["authorization:1"],
    ),
    "a client by the session": (lambda s, m: setattr(s.get(m.Client, 1), "disabled_at", clock.now()), ["client:1"]),
    "a client in bulk": (
        lambda s, m: s.query(m.Client).filter_by(id=1).update({"disabled_at": clock.now()}),
        ["client:1"],
    ),
    "clients of somebody": (
        lambda s, m: s.execute(update(m.Client).where(m.Client.user_id == 1).values(user_id=None)),
        [ADA],
    ),
    "as text": (lambda s, _: s.execute(text("UPDATE oauth2_token SET scope = 'x' WHERE id = :pk"), {"pk": 1}), [ALL]),
    "as text of the driver": (
        lambda s, _: s.connection().exec_driver_sql("DELETE  FROM oauth2_token WHERE id = 1"),
        [ALL],
    ),
}


@pytest.mark.parametrize("what", WRITTEN)
def test_what_is_written_is_told_after_the_commit(heard: Heard, what: str) -> None:
    act, expected = WRITTEN[what]
    session = heard.provider.db.session
    act(session, heard.provider.oauth2.models)
    session.flush()
    assert heard() == []
    session.commit()
    assert heard() == [expected]


def test_the_engine_s_other_connections_are_left_alone(heard: Heard) -> None:
    """Prepared lookups take the driver's own cursor where nobody listens to the engine."""
    session = heard.provider.db.session
    session.execute(text("SELECT 1"))
    (engine,) = heard.provider.app.extensions["oauth2server"].storage.changes._engines
    assert session.connection().engine is engine is heard.provider.db.engine
    event.listen(engine, "connect", lambda *_: None)  # of the pool
    assert session.connection()._has_events and not engine._has_events
    session.commit()


def test_a_listener_of_the_host_s_hears_everything(heard: Heard) -> None:
    statements: list[str] = []
    engine = heard.provider.db.engine
    heard.provider.db.session.execute(text("SELECT 1"))
    event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    heard.provider.db.session.execute(text("SELECT 2"))
    with engine.connect() as connection:
        connection.execute(text("SELECT 3"))
    heard.provider.db.session.commit()
    assert statements == ["SELECT 2", "SELECT 3"]


#: What does not change how a token is judged.
HARMLESS: dict[str, Act] = {
    "the use of a token": lambda s, m: setattr(s.get(m.Token, 1), "last_used_at", clock.now()),
    "the use of an authorization": lambda s, m: s.execute(
        update(m.Authorization).where(m.Authorization.id == 1).values(last_used_at=clock.now(), live_until=clock.now())
    ),
    "another table": lambda s, m: s.execute(delete(m.Grant)),
    "another table as text": lambda s, _: s.execute(text("DELETE FROM oauth2_grant")),
    "reading": lambda s, m: s.execute(select(m.Token)).all(),
    "reading as text": lambda s, _: s.execute(text("SELECT * FROM oauth2_token")).all(),
    "a new token": lambda s, m: s.execute(
        insert(m.Token).values(access_digest="x", scope="email", expires_at=clock.now(), user_id=1)
    ),
}


@pytest.mark.parametrize("what", HARMLESS)
def test_what_does_no_harm_is_not_told(heard: Heard, what: str) -> None:
    HARMLESS[what](heard.provider.db.session, heard.provider.oauth2.models)
    heard.provider.db.session.commit()
    assert heard() == []


def test_what_is_rolled_back_is_told_as_well(heard: Heard) -> None:
    """Whether a commit came through is not known where the connection was lost over it."""
    session, models = heard.provider.db.session, heard.provider.oauth2.models
    session.get(models.Token, 1).scope = "x"
    session.flush()
    session.rollback()
    assert heard() == [["token:1"]]


def test_the_end_of_a_savepoint_is_not_the_end(heard: Heard) -> None:
    session, models = heard.provider.db.session, heard.provider.oauth2.models
    with session.begin_nested():
        session.get(models.Token, 1).scope = "x"
    assert heard() == []
    session.commit()
    assert heard() == [["token:1"]]


# --- the host's users -----------------------------------------------------------------------------


def test_a_user_counts_where_it_is_said_whether_they_are_active(heard: Heard) -> None:
    session, ada = heard.provider.db.session, heard.provider.user("ada")
    ada.name = "ada lovelace"
    session.commit()
    assert heard() == []
    ada.is_active = False
    session.commit()
    assert heard() == [[ADA]]
    session.execute(delete(heard.provider.User).where(heard.provider.User.id == 1))
    session.commit()
    assert heard() == [[ADA]]


def users_of(kind: str) -> tuple[Flask, SQLAlchemy, Any]:
    """An app whose users have other keys, and are active by a hybrid of two columns."""
    app, db = Flask(kind), SQLAlchemy()
    key: Any = Uuid() if kind == "uuid" else String(36)

    class User(db.Model):  # type: ignore[name-defined]
        id = mapped_column(key, primary_key=True)
        email = mapped_column(String(100))
        banned = mapped_column(String(10))
        left = mapped_column(String(10))

        @hybrid_property
        def is_active(self) -> Any:
            return (self.banned == None) & (self.left == None)  # noqa: E711

    app.config.update(SECRET_KEY="x", SQLALCHEMY_DATABASE_URI="sqlite://", OAUTH2_TOKEN_CACHE=60)
    db.init_app(app)
    with pytest.warns(UserWarning, match="LoginManager"):
        OAuth2Server(app, db=db, user_model=User)
    return app, db, User


@pytest.mark.parametrize("kind", ["uuid", "text"])
def test_users_with_other_keys_and_a_hybrid(kind: str) -> None:
    app, db, User = users_of(kind)  # noqa: N806
    told: list[list[str]] = []
    app.extensions["oauth2server"].storage.changes.listen(lambda marks: told.append(sorted(marks)))
    key: Any = uuid.uuid4() if kind == "uuid" else "Ada"
    with app.app_context():
        db.create_all()
        db.session.add(User(id=key))
        db.session.commit()
        told.clear()
        for column, expected in (("email", []), ("banned", [[mark(USER, key)]]), ("left", [[mark(USER, key)]])):
            setattr(db.session.get(User, key), column, "x")
            db.session.commit()
            assert told == expected
            told.clear()
        db.session.execute(update(User).where(User.id == key).values(banned="y"))
        db.session.commit()
        assert told == [[mark(USER, key)]]
        db.session.remove()
        db.engine.dispose()


def test_a_collation_may_find_what_is_written_otherwise() -> None:
    assert mark(USER, "ADA ") == mark(USER, "ada") != mark(USER, "bob")
    assert "ada" not in mark(USER, "ada")


# --- since when something stands ------------------------------------------------------------------


@pytest.fixture
def moments(provider: Provider) -> Iterator[Changes]:
    """Changes whose moments are numbers."""
    changes: Changes = provider.app.extensions["oauth2server"].storage.changes
    numbers = itertools.count()
    changes.listen(lambda _: None, lambda: next(numbers))
    with provider.app.app_context():
        yield changes


def test_the_moment_is_that_of_the_transaction(provider: Provider, moments: Changes) -> None:
    assert (moments.moment(), moments.moment()) == (0, 1)
    provider.user("ada")
    assert (moments.moment(), moments.moment()) == (2, 2)
    provider.db.session.commit()
    assert moments.moment() == 3


@pytest.mark.parametrize("how", ["session", "statement", "text"])
def test_what_wrote_may_read_what_nobody_else_will_see(provider: Provider, moments: Changes, how: str) -> None:
    user = provider.user("ada")
    if how == "session":
        user.name = "x"
        provider.db.session.flush()
    elif how == "statement":
        provider.db.session.execute(
            insert(provider.oauth2.models.Replay).values(namespace="a", digest="b", expires_at=clock.now())
        )
    else:
        provider.db.session.execute(text("UPDATE test_user SET name = 'x' WHERE id = 1"))
    assert moments.moment() is None
    provider.db.session.rollback()
    assert moments.moment() is not None


def test_nothing_is_listened_to_where_nobody_listens(provider: Provider) -> None:
    changes = provider.app.extensions["oauth2server"].storage.changes
    provider.client().tokens(provider.browser("ada"))
    assert not changes._engines and not changes._running and not changes._told


def test_a_db_does_not_hold_on_to_an_app_that_is_gone(provider: Provider) -> None:
    changes = Changes(provider.db, provider.oauth2.models, provider.app.extensions["oauth2server"].storage.users)
    told: list[Any] = []
    changes.listen(told.append)
    with provider.app.app_context():
        provider.user("ada").is_active = False
        provider.db.session.commit()
        assert len(told) == 1
        weak = ref(changes)
        provider.db.session.remove()
        del changes
        gc.collect()
        assert weak() is None
        provider.user("ada").is_active = True
        provider.db.session.commit()
        assert len(told) == 1
