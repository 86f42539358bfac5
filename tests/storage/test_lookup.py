"""Prepared SELECTs past the session: they see what the session would see, whatever the host does with its own."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask_login import LoginManager, UserMixin
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as HostSession
from sqlalchemy import Integer, Uuid, bindparam, event, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, mapped_column
from sqlalchemy.pool import StaticPool

from flask_oauth2server import OAuth2Server, current_token, require_oauth
from flask_oauth2server.storage import apart, lookup
from flask_oauth2server.storage.lookup import Lookup

from ..support import Provider, bearer, build


@pytest.fixture
def provider(any_database: str) -> Iterator[Provider]:
    made = build(any_database, before=with_view)
    yield made
    with made.app.app_context():
        made.db.session.remove()
        made.db.engine.dispose()


def with_view(app: Flask) -> None:
    app.add_url_rule("/open", "open", require_oauth("email")(lambda: "open"))


@pytest.fixture
def token(provider: Provider) -> str:
    with provider.app.app_context():
        made: str = provider.oauth2.create_personal_token(provider.user("ada"), name="x", scopes=["email"])
        return made


def asked(provider: Provider, token: str) -> int:
    answer = provider.api().get("/open", headers=bearer(token))
    answer.close()
    return int(answer.status_code)


def of_clients(provider: Provider) -> Lookup:
    """A lookup of the name of a client by its id."""
    client = provider.oauth2.models.Client.__table__
    found = select(client.c["id", "name", "client_metadata", "created_at"])
    return Lookup(provider.db, provider.oauth2.models.Client, found.where(client.c.client_id == bindparam("id")))


class Fetches:
    """Counts what is asked on the driver's own cursor."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        fetched = lookup._Prepared._fetched

        def counting(*arguments: Any) -> Any:
            self.count += 1
            return fetched(*arguments)

        monkeypatch.setattr(lookup._Prepared, "_fetched", counting)


@pytest.fixture
def fetches(monkeypatch: pytest.MonkeyPatch) -> Fetches:
    return Fetches(monkeypatch)


def test_both_ways_bring_the_same(provider: Provider, fetches: Fetches) -> None:
    with provider.app.app_context():
        provider.oauth2.create_client(name="Näme", client_id="c", scopes=["email"])
        find = of_clients(provider)
        provider.db.session.remove()
        apart = find.first(id="c")
        assert fetches.count == 1
        assert not provider.db.session().in_transaction()
        provider.db.session.execute(text("SELECT 1"))
        within = find.first(id="c")
        assert fetches.count == 1
    assert tuple(apart) == tuple(within)
    assert (apart.name, apart.client_metadata["scope"], apart.created_at) == ("Näme", "email", within.created_at)


def test_nothing_is_found(provider: Provider) -> None:
    with provider.app.app_context():
        assert of_clients(provider).first(id="nobody") is None
        assert of_clients(provider).rows(id="nobody") == []


def test_what_the_session_has_not_committed_is_seen(provider: Provider, fetches: Fetches) -> None:
    with provider.app.app_context():
        find = of_clients(provider)
        provider.oauth2.create_client(name="Pending", client_id="p", commit=False)
        assert find.first(id="p").name == "Pending"
        provider.db.session.rollback()
        assert find.first(id="p") is None
    assert fetches.count == 1  # the last one alone


def test_a_session_that_is_bound_to_a_connection_is_asked(provider: Provider, fetches: Fetches) -> None:
    """As tests of hosts do that roll all back in the end."""
    with provider.app.app_context():
        find = of_clients(provider)
        connection = provider.db.engine.connect()
        outer = connection.begin()
        provider.db.session.remove()
        provider.db.session.configure(bind=connection, join_transaction_mode="create_savepoint")
        try:
            provider.oauth2.create_client(name="Pending", client_id="p")
            provider.db.session.remove()
            assert find.first(id="p").name == "Pending"
        finally:
            provider.db.session.remove()
            provider.db.session.configure(bind=None, join_transaction_mode="conditional_savepoint")
            outer.rollback()
            connection.close()
    assert fetches.count == 0


def test_whoever_listens_to_statements_hears_of_it(provider: Provider, token: str, fetches: Fetches) -> None:
    assert asked(provider, token) == 200
    heard: list[str] = []
    with provider.app.app_context():
        engine = provider.db.engine
    before = fetches.count

    def listen(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        heard.append(statement)

    event.listen(engine, "before_cursor_execute", listen)
    try:
        assert asked(provider, token) == 200
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    assert len(heard) == 1
    assert fetches.count == before


def test_a_log_of_statements_has_it(
    provider: Provider, token: str, fetches: Fetches, caplog: pytest.LogCaptureFixture
) -> None:
    assert asked(provider, token) == 200
    before = fetches.count
    with caplog.at_level(logging.INFO, logger="sqlalchemy.engine"):
        assert asked(provider, token) == 200
    assert fetches.count == before
    assert "access_digest" in caplog.text


def test_a_connection_that_died_in_the_pool_is_replaced(provider: Provider, token: str, fetches: Fetches) -> None:
    assert asked(provider, token) == 200
    with provider.app.app_context():
        connection = provider.db.engine.raw_connection()
        died: Any = connection.dbapi_connection
        connection.close()
        died.close()
    before = fetches.count
    assert asked(provider, token) == 200  # by SQLAlchemy, on a new one
    assert asked(provider, token) == 200
    assert fetches.count == before + 2


def test_a_listener_that_begins_a_transaction_is_lived_with(provider: Provider, token: str, fetches: Fetches) -> None:
    assert asked(provider, token) == 200  # the session has looked whether the tables are there
    with provider.app.app_context():
        engine = provider.db.engine

    def begin(connection: Any, record: Any, proxy: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        cursor.close()

    event.listen(engine, "checkout", begin)
    for _ in range(3):
        assert asked(provider, token) == 200
    assert fetches.count == 3
    with provider.app.app_context():
        kept = provider.db.engine.pool.connect()
        again = kept.dbapi_connection
        kept.close()
    assert asked(provider, token) == 200
    with provider.app.app_context():
        kept = provider.db.engine.pool.connect()
        assert kept.dbapi_connection is again  # not thrown away at each request
        kept.close()


def test_no_connection_is_kept(provider: Provider, token: str) -> None:
    with provider.app.app_context():
        pool: Any = provider.db.engine.pool
    for _ in range(30):
        assert asked(provider, token) == 200
    assert pool.checkedout() == 0


def test_a_connection_goes_back_as_it_came(provider: Provider, token: str) -> None:
    """The host's next transaction on it is one, also where threads ask at the same time."""
    assert asked(provider, token) == 200

    def ask() -> None:
        with provider.app.app_context():
            for _ in range(50):
                assert of_clients(provider).first(id="p") is None

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(ask) for _ in range(4)]:
            done.result()
    with provider.app.app_context():
        for number in range(5):
            provider.oauth2.create_client(name=f"Pending {number}", client_id="p", commit=False)
            provider.db.session.rollback()
            assert of_clients(provider).first(id="p") is None


def test_a_missing_table_is_told_as_it_was(provider: Provider) -> None:
    with provider.app.app_context():
        client = provider.oauth2.models.Client.__table__
        wrong = select(client.c.id, text("no_such_column")).where(client.c.client_id == bindparam("id"))
        with pytest.raises(DBAPIError):
            Lookup(provider.db, provider.oauth2.models.Client, wrong).first(id="x")
        assert of_clients(provider).first(id="x") is None


# --- hosts that are set up otherwise --------------------------------------------------------------


def host(tmp_path: Any, *, options: dict[str, Any] | None = None, session: Any = None, key: Any = Integer) -> Any:
    app = Flask("host")
    app.config.update(
        SECRET_KEY="x", SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/h.sqlite", OAUTH2_ISSUER="https://h.example"
    )
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options or {}
    db = SQLAlchemy(app, session_options={"class_": session} if session else {})

    class User(UserMixin, db.Model):  # type: ignore[name-defined]
        id = mapped_column(key, primary_key=True)

    LoginManager(app).user_loader(lambda _key: None)
    oauth2 = OAuth2Server(app, db=db, user_model=User)
    app.add_url_rule("/open", "open", require_oauth()(lambda: "open"))
    with app.app_context():
        db.create_all()
    return app, db, oauth2, User


def test_one_connection_for_all_is_left_to_the_session(tmp_path: Any, fetches: Fetches) -> None:
    app, db, oauth2, User = host(tmp_path, options={"poolclass": StaticPool})  # noqa: N806
    with app.app_context():
        user = User(id=1)
        db.session.add(user)
        db.session.commit()
        token = oauth2.create_personal_token(user, name="x", scopes=[])
    assert app.test_client().get("/open", headers=bearer(token)).status_code == 200
    assert fetches.count == 0


def test_a_session_that_chooses_engines_is_asked(tmp_path: Any, fetches: Fetches) -> None:
    chosen: list[Any] = []

    class Routing(HostSession):
        def get_bind(self, *arguments: Any, **keywords: Any) -> Any:
            chosen.append(keywords)
            return super().get_bind(*arguments, **keywords)

    app, db, oauth2, User = host(tmp_path, session=Routing)  # noqa: N806
    with app.app_context():
        user = User(id=1)
        db.session.add(user)
        db.session.commit()
        token = oauth2.create_personal_token(user, name="x", scopes=[])
    chosen.clear()
    assert app.test_client().get("/open", headers=bearer(token)).status_code == 200
    assert chosen
    assert fetches.count == 0


def test_keys_of_another_type_come_as_the_type_makes_them(tmp_path: Any, fetches: Fetches) -> None:
    app, db, oauth2, User = host(tmp_path, key=Uuid)  # noqa: N806
    key = uuid.uuid4()
    with app.app_context():
        user = User(id=key)
        db.session.add(user)
        db.session.commit()
        token = oauth2.create_personal_token(user, name="x", scopes=[])
    app.test_client().get("/open", headers=bearer(token))
    with app.test_client() as client:
        assert client.get("/open", headers=bearer(token)).status_code == 200
        assert current_token.user_id == key
    assert fetches.count == 1


def test_no_session_begins(provider: Provider, token: str) -> None:
    assert asked(provider, token) == 200
    begun: list[Session] = []

    def note(session: Session, *rest: Any) -> None:
        begun.append(session)

    apart.idle.add(note)
    event.listen(provider.db.session, "after_begin", note)
    try:
        assert asked(provider, token) == 200
    finally:
        event.remove(provider.db.session, "after_begin", note)
    assert begun == []
