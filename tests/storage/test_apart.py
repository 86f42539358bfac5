"""Transactions past the session: what they write is there or not as a whole, and whoever would notice is asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import String, event, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, mapped_column

from flask_oauth2server import clock
from flask_oauth2server.errors import Gone, Reused
from flask_oauth2server.models.mixins import AuthorizationMixin, TokenMixin
from flask_oauth2server.reasons import Reason
from flask_oauth2server.storage import apart, prepared

from ..support import Client, Provider, bearer, build
from .test_lookup import with_view

CLIENT_CREDENTIALS = {"redirect_uris": [], "grant_types": ["client_credentials"], "scopes": ["email"]}


@pytest.fixture
def provider(any_database: str, request: pytest.FixtureRequest) -> Iterator[Provider]:
    made = build(any_database, before=with_view, whose="apart", config=getattr(request, "param", None))
    yield made
    with made.app.app_context():
        made.db.session.remove()
        made.db.engine.dispose()


@pytest.fixture
def service(provider: Provider) -> Client:
    made = provider.client(**CLIENT_CREDENTIALS)
    assert issued(made) == 200  # the use of its secret is noted
    return made


@pytest.fixture
def begun(provider: Provider) -> Iterator[list[Session]]:
    """The sessions that began a transaction."""
    sessions: list[Session] = []

    def note(session: Session, *_: Any) -> None:
        sessions.append(session)

    apart.idle.add(note)
    event.listen(provider.db.session, "after_begin", note)
    yield sessions
    event.remove(provider.db.session, "after_begin", note)


def issued(client: Client) -> int:
    return int(client.post("/oauth/token", grant_type="client_credentials", scope="email").status_code)


def row_count(provider: Provider) -> int:
    with provider.app.app_context():
        return int(provider.db.session.scalar(select(func.count()).select_from(provider.oauth2.models.Token)))


def values_of(provider: Provider) -> dict[str, Any]:
    """Of a token of the first client."""
    pk = provider.db.session.scalar(select(provider.oauth2.models.Client.id).limit(1))
    provider.db.session.remove()
    ends = clock.now() + timedelta(hours=1)
    told = {"access_digest": "d" * 64, "client_pk": pk, "generation": 0, "scope": "", "audience": None}
    return {**told, "created_at": clock.now(), "expires_at": ends}


def storage(provider: Provider) -> Any:
    return provider.app.extensions["oauth2server"].storage


def test_no_session_begins_and_what_was_issued_is_there(
    provider: Provider, service: Client, begun: list[Session]
) -> None:
    before = row_count(provider)
    begun.clear()
    answer = service.post("/oauth/token", grant_type="client_credentials", scope="email")
    assert begun == []
    assert row_count(provider) == before + 1
    assert provider.api().get("/open", headers=bearer(answer.json["access_token"])).status_code == 200


@pytest.mark.parametrize("provider", [{}, {"OAUTH2_REFRESH_GRACE": 30}], indirect=True)
def test_a_code_and_its_refresh_tokens_need_no_session(provider: Provider, begun: list[Session]) -> None:
    client, browser = provider.client(), provider.browser("ada")
    tokens, code = client.tokens(browser), client.code(browser)
    begun.clear()
    assert client.exchange(code).status_code == 200
    assert client.refresh(tokens["refresh_token"]).status_code == 200
    assert begun == []
    assert client.refresh(tokens["refresh_token"]).status_code == (
        200 if provider.app.config.get("OAUTH2_REFRESH_GRACE") else 400
    )


@pytest.mark.parametrize("name", ["after_begin", "before_commit", "after_commit"])
def test_whoever_listens_to_the_session_is_heard(provider: Provider, service: Client, name: str) -> None:
    """As a host does that tells PostgreSQL whose rows may be seen."""
    heard: list[Any] = []

    def listen(*_: Any) -> None:
        heard.append(name)

    event.listen(provider.db.session, name, listen)
    try:
        assert issued(service) == 200
    finally:
        event.remove(provider.db.session, name, listen)
    assert heard
    heard.clear()
    assert issued(service) == 200
    assert heard == []


def test_who_listens_to_the_beginning_is_heard_in_protected_views(provider: Provider) -> None:
    token = provider.client().tokens(provider.browser("ada"))["access_token"]
    heard: list[Any] = []

    def listen(*_: Any) -> None:
        heard.append(1)

    event.listen(provider.db.session, "after_begin", listen)
    try:
        assert provider.api().get("/open", headers=bearer(token)).status_code == 200
    finally:
        event.remove(provider.db.session, "after_begin", listen)
    assert heard


def test_what_the_host_has_pending_is_committed_with_it(provider: Provider, service: Client) -> None:
    def begin() -> None:
        provider.db.session.add(provider.User(name="eve"))
        provider.db.session.flush()

    hooks = provider.app.before_request_funcs.setdefault(None, [])
    hooks.append(begin)  # the app has answered before: its decorator is too late
    assert issued(service) == 200
    hooks.remove(begin)
    with provider.app.app_context():
        assert provider.user("eve") is not None


def test_what_fails_leaves_nothing(provider: Provider, service: Client) -> None:
    unit, tokens = storage(provider).unit, storage(provider).tokens
    before = row_count(provider)
    with provider.app.app_context():
        values = values_of(provider)

        def work() -> None:
            tokens.add(**values)
            assert apart.running(provider.db).connection is not None  # type: ignore[union-attr]
            raise LookupError

        with pytest.raises(LookupError):
            unit.run(work, apart=True)
        pool: Any = provider.db.engine.pool
        assert pool.checkedout() == 0
    assert row_count(provider) == before


def test_a_commit_that_fails_leaves_nothing_open(
    provider: Provider, service: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite leaves a transaction open whose COMMIT met a reader: the next one on that connection would commit it."""
    before, failures = row_count(provider), [1]
    with provider.app.app_context():
        dialect = provider.db.engine.dialect
        commit = dialect.do_commit

    def fail(connection: Any) -> None:
        if failures.pop() if failures else 0:
            raise dialect.loaded_dbapi.OperationalError("busy")  # nobody knows what became of it
        commit(connection)

    monkeypatch.setattr(dialect, "do_commit", fail)
    assert issued(service) in (200, 503)
    assert not failures
    told = row_count(provider) - before
    with provider.app.app_context():
        kept = provider.db.engine.raw_connection()
        in_transaction = getattr(kept.dbapi_connection, "in_transaction", False)
        kept.close()
    assert not in_transaction
    assert issued(service) == 200
    assert row_count(provider) == before + told + 1


def test_what_ended_the_unit_is_told_though_the_connection_was_lost(provider: Provider, service: Client) -> None:
    unit, tokens = storage(provider).unit, storage(provider).tokens
    with provider.app.app_context():
        values = values_of(provider)

        def work() -> None:
            tokens.add(**values)
            connection = apart.running(provider.db).connection  # type: ignore[union-attr]
            assert connection is not None
            connection.connection.dbapi_connection.close()  # type: ignore[union-attr]
            raise Reused(None, Reason("code_used"))

        with pytest.raises(Reused):
            unit.run(work, apart=True)
        pool: Any = provider.db.engine.pool
        assert pool.checkedout() == 0


def test_one_that_is_over_runs_no_more(provider: Provider, service: Client) -> None:
    """Greenlets and tasks copy the context that they are made in."""
    unit, tokens, db = storage(provider).unit, storage(provider).tokens, provider.db
    with provider.app.app_context():
        values = values_of(provider)
        copies = []

        def work() -> None:
            tokens.add(**values)
            copies.append(copy_context())
            assert apart.running(db) is not None
            with ThreadPoolExecutor(1) as threads:
                assert threads.submit(copies[0].copy().run, apart.running, db).result() is None

        unit.run(work, apart=True)
        assert copies[0].run(apart.running, db) is None


@pytest.mark.parametrize("has_own_class", [False, True])
def test_sessions_with_something_of_their_own_are_asked(
    provider: Provider, service: Client, begun: list[Session], monkeypatch: pytest.MonkeyPatch, has_own_class: bool
) -> None:
    factory: Any = provider.db.session.session_factory
    if has_own_class:
        monkeypatch.setattr(factory, "class_", type("Session", (type("Own", (factory.class_,), {}),), {}))
    else:
        monkeypatch.setitem(factory.kw, "execution_options", {"x": 1})
    assert issued(service) == 200
    assert begun


@pytest.mark.parametrize("provider", [{"SQLALCHEMY_ENGINE_OPTIONS": {"isolation_level": "AUTOCOMMIT"}}], indirect=True)
def test_an_engine_that_commits_by_itself_is_left_to_the_session(service: Client, begun: list[Session]) -> None:
    assert issued(service) == 200
    assert begun


@pytest.mark.parametrize("error", [KeyboardInterrupt, LookupError])
def test_what_comes_in_between_leaves_nothing(
    provider: Provider, service: Client, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    unit, tokens = storage(provider).unit, storage(provider).tokens
    before = row_count(provider)

    def fail(*_: Any) -> None:
        raise error

    with provider.app.app_context():
        values = values_of(provider)
        with monkeypatch.context() as patched:
            patched.setattr(prepared.Prepared, "written", fail)
            with pytest.raises(error):
                unit.run(lambda: tokens.add(**values), apart=True)
        pool: Any = provider.db.engine.pool
        assert pool.checkedout() == 0
    assert row_count(provider) == before
    assert issued(service) == 200


def test_a_connection_in_the_place_of_an_engine_is_lived_with(provider: Provider, service: Client) -> None:
    """As tests of hosts have it that roll all back in the end."""
    before = row_count(provider)
    with provider.app.app_context():
        engines, engine = provider.db.engines, provider.db.engine
        with engine.connect() as connection:
            outer = connection.begin()
            engines[None] = connection  # type: ignore[index]
            try:
                answer = service.post("/oauth/token", grant_type="client_credentials", scope="email")
                assert answer.status_code == 200
                assert provider.api().get("/open", headers=bearer(answer.json["access_token"])).status_code == 200
            finally:
                engines[None] = engine  # type: ignore[index]
                provider.db.session.remove()
                if outer.is_active:
                    outer.rollback()
    assert row_count(provider) == before


def test_a_row_that_cannot_be_is_told_as_ever(provider: Provider, service: Client) -> None:
    unit, tokens = storage(provider).unit, storage(provider).tokens
    with provider.app.app_context():
        values = values_of(provider)
        unit.run(lambda: tokens.add(**values), apart=True)
        with pytest.raises(Gone) as told:
            unit.run(lambda: tokens.add(**values), apart=True)
        assert isinstance(told.value.__cause__, IntegrityError)
        key = unit.run(lambda: tokens.add(**{**values, "access_digest": "e" * 64}), apart=True)
        assert storage(provider).tokens.get(key).access_digest == "e" * 64


def test_a_lookup_sees_what_the_unit_wrote(provider: Provider, service: Client) -> None:
    unit, tokens = storage(provider).unit, storage(provider).tokens
    with provider.app.app_context():
        values = values_of(provider)

        def work() -> Any:
            tokens.add(**values)
            return tokens.find_access(values["access_digest"])

        assert unit.run(work, apart=True).scope == ""


def test_a_unit_in_which_the_session_begins_is_repeated_there(provider: Provider, service: Client) -> None:
    """A hook of the host may write by the session; both are committed, or none."""
    unit, tokens = storage(provider).unit, storage(provider).tokens
    before, tries = row_count(provider), []
    with provider.app.app_context():
        values = values_of(provider)

        def work() -> None:
            tries.append(apart.running(provider.db))
            if tries[-1] is None:  # SQLite has one writer: beside ours it would wait
                provider.db.session.add(provider.User(name="eve"))
            else:
                tokens.add(**values)
                provider.db.session.scalar(select(func.count()).select_from(provider.User))
                return
            tokens.add(**values)

        unit.run(work, apart=True)
    assert [one is None for one in tries] == [False, True]
    assert row_count(provider) == before + 1
    with provider.app.app_context():
        assert provider.user("eve") is not None


def test_a_unit_within_is_one_of_the_session(provider: Provider, service: Client) -> None:
    unit, tokens = storage(provider).unit, storage(provider).tokens
    with provider.app.app_context():
        values = values_of(provider)

        def work() -> int:
            unit.run(lambda: provider.db.session.add(provider.User(name="eve")))
            return int(tokens.add(**values))

        key = unit.run(work, apart=True)
        assert provider.user("eve") is not None
        assert tokens.get(key) is not None


def test_whoever_listens_to_statements_hears_of_it(provider: Provider, service: Client) -> None:
    heard: list[str] = []
    with provider.app.app_context():
        engine = provider.db.engine

    def listen(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        heard.append(statement)

    event.listen(engine, "before_cursor_execute", listen)
    try:
        assert issued(service) == 200
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    assert [statement.split()[0] for statement in heard] == ["SELECT", "INSERT"]


def test_a_log_of_statements_has_it(provider: Provider, service: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="sqlalchemy.engine"):
        assert issued(service) == 200
    assert "INSERT INTO oauth2_token" in caplog.text


def test_a_connection_that_is_lost_within_is_replaced(provider: Provider, service: Client) -> None:
    before, tries = row_count(provider), []
    unit, tokens = storage(provider).unit, storage(provider).tokens
    with provider.app.app_context():
        values = values_of(provider)

        def work() -> None:
            own = apart.running(provider.db)
            tries.append(own)
            if own is not None:
                connection = own.begun(None)
                assert connection is not None
                connection.connection.dbapi_connection.close()  # type: ignore[union-attr]
            tokens.add(**values)

        unit.run(work, apart=True)
    assert len(tries) == 2
    assert row_count(provider) == before + 1


# --- models of the host's own ---------------------------------------------------------------------


def own_models(any_database: str, name: str, columns: dict[str, Callable[[], Any]]) -> Provider:
    """A provider whose model *name* has further columns."""
    from flask_oauth2server import OAuth2Server, Scope  # built by hand: the shared db has its models

    app = Flask("own")
    app.config.update(
        SECRET_KEY="x", SQLALCHEMY_DATABASE_URI=any_database, OAUTH2_ISSUER="https://own.example", TESTING=True
    )
    LoginManager(app).user_loader(lambda _key: None)
    db = SQLAlchemy(app)
    mixins = {"Token": TokenMixin, "Authorization": AuthorizationMixin}
    model = type(name, (mixins[name], db.Model), {key: make() for key, make in columns.items()})
    oauth2 = OAuth2Server(db=db, **{name: model})
    oauth2.scopes.register(Scope("email", "Read your e-mail address"))
    oauth2.init_app(app)
    with app.app_context():
        db.drop_all()
        db.create_all()
    return Provider(app, db, oauth2, None)


def test_defaults_of_own_columns_are_kept(any_database: str) -> None:
    made: list[str] = []

    def default() -> str:
        made.append("x")
        return "as the host has it"

    column: dict[str, Any] = {"note": lambda: mapped_column(String(40), default=default)}
    provider = own_models(any_database, "Token", column)
    assert issued(provider.client(**CLIENT_CREDENTIALS)) == 200
    with provider.app.app_context():
        assert [row.note for row in provider.db.session.scalars(select(provider.oauth2.models.Token))] == [
            "as the host has it"
        ]
        provider.db.session.remove()
        provider.db.drop_all()
        provider.db.engine.dispose()
    assert made == ["x"]


def test_what_own_columns_do_on_updates_is_done(any_database: str) -> None:
    column: dict[str, Any] = {"note": lambda: mapped_column(String(40), onupdate=lambda: "touched")}
    provider = own_models(any_database, "Authorization", column)
    provider.client(**CLIENT_CREDENTIALS)
    unit, authorizations = storage(provider).unit, storage(provider).authorizations
    with provider.app.app_context():
        pk = provider.db.session.scalar(select(provider.oauth2.models.Client.id))
        provider.db.session.remove()
        later = clock.now() + timedelta(hours=1)
        told = {"public_id": "p", "client_pk": pk, "user_id": "ada", "scope": "email", "offline": False}
        key = unit.run(lambda: authorizations.add(**told, expires_at=later, live_until=later, created_at=clock.now()))
        assert unit.run(lambda: authorizations.touch(key, later), apart=True)
        assert provider.db.session.get(provider.oauth2.models.Authorization, key).note == "touched"
        provider.db.session.remove()
        provider.db.drop_all()
        provider.db.engine.dispose()


def test_own_columns_with_odd_names_are_filled(any_database: str) -> None:
    column: dict[str, Any] = {"tenant": lambda: mapped_column("tenant id", String(40), nullable=True)}
    provider = own_models(any_database, "Token", column)
    provider.client(**CLIENT_CREDENTIALS)
    unit, tokens = storage(provider).unit, storage(provider).tokens
    with provider.app.app_context():
        values = {**values_of(provider), "tenant id": "north"}
        key = unit.run(lambda: tokens.add(**values), apart=True)
        assert tokens.get(key).tenant == "north"
        provider.db.session.remove()
        provider.db.drop_all()
        provider.db.engine.dispose()
