"""Units of work, tables and purging, on each database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from flask_oauth2server import clock
from flask_oauth2server.errors import Conflict, Gone, Unavailable
from flask_oauth2server.storage.unit import is_unavailable, is_undone

from ..support import Client, Provider, answer_of, bearer


@pytest.fixture
def storage(provider: Provider) -> Iterator[Any]:
    with provider.app.app_context():
        yield provider.app.extensions["oauth2server"].storage


def at(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = clock.timestamp()
    monkeypatch.setattr(clock, "timestamp", lambda: now + seconds)


class DriverError(Exception):
    """As a driver raises it."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args)
        vars(self).update(attributes)


def error(original: DriverError, invalidated: bool = False) -> OperationalError:
    return OperationalError("UPDATE", {}, original, connection_invalidated=invalidated)


DEADLOCKS = [
    DriverError(sqlstate="40P01"),
    DriverError(sqlstate="40001"),
    DriverError(1213, "x"),
    DriverError(1205, "x"),
    DriverError(1020, "x"),
]
LOCKED = [DriverError(sqlite_errorcode=5), DriverError(sqlite_errorcode=261), DriverError(sqlite_errorcode=6)]
LOST = [
    *(DriverError(sqlstate=state) for state in ("57P01", "08006")),
    *(DriverError(number, "x") for number in (2013, 2006)),
    DriverError("closed"),
    DriverError(sqlite_errorcode=10),
]


# --- the unit -------------------------------------------------------------------------------------


@pytest.mark.parametrize("original", DEADLOCKS + LOCKED + LOST, ids=str)
def test_what_passes_is_repeated_once(storage: Any, original: DriverError) -> None:
    tries: list[int] = []

    def work() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise error(original)
        return "done"

    assert storage.unit.run(work) == "done"
    assert len(tries) == 2


@pytest.mark.parametrize("original", DEADLOCKS + LOST, ids=str)
def test_and_then_it_is_said_so(storage: Any, original: DriverError) -> None:
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        raise error(original)

    with pytest.raises(Unavailable):
        storage.unit.run(work)
    assert len(tries) == 2


def test_what_is_known_of_errors() -> None:
    assert all(is_undone(error(original)) for original in DEADLOCKS + LOCKED)
    assert not any(is_undone(error(original)) for original in LOST)
    assert all(is_unavailable(error(original)) for original in DEADLOCKS + LOCKED + LOST)
    assert is_unavailable(PoolTimeout())
    assert is_unavailable(error(DriverError(), invalidated=True))
    assert not is_unavailable(error(DriverError(sqlstate="42P01")))
    assert not is_unavailable(ValueError())


def test_a_commit_whose_outcome_is_unknown_is_not_repeated(storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def commit() -> None:
        raise error(DriverError(sqlstate="57P01"))

    monkeypatch.setattr(storage.unit.db.session, "commit", commit, raising=False)
    with pytest.raises(Unavailable, match="outcome of a commit is unknown"):
        storage.unit.run(lambda: tries.append(1))
    assert len(tries) == 1


def test_a_commit_that_was_refused_for_certain_is_repeated(storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    real = storage.unit.db.session.commit

    def commit() -> None:
        if len(tries) == 1:
            raise error(DriverError(sqlstate="40001"))
        real()

    monkeypatch.setattr(storage.unit.db.session, "commit", commit, raising=False)
    storage.unit.run(lambda: tries.append(1))
    assert len(tries) == 2


def test_a_conflict_is_repeated(storage: Any) -> None:
    tries: list[int] = []

    def work() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise Conflict
        return "done"

    assert storage.unit.run(work) == "done"


def test_another_error_rolls_back_and_passes(provider: Provider, storage: Any) -> None:
    def work() -> None:
        provider.user("ada").name = "changed"
        provider.db.session.flush()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        storage.unit.run(work)
    assert provider.user("ada").name == "ada"


def test_a_programming_error_is_not_hidden(storage: Any) -> None:
    from sqlalchemy.exc import DBAPIError

    with pytest.raises(DBAPIError):
        storage.unit.run(lambda: storage.unit.db.session.execute(text("SELECT 1 FROM nowhere WHERE x = 1")))


def test_what_it_hangs_on_was_deleted(any_provider: Provider) -> None:
    """An integrity error is an answer: here a token whose client does not exist."""
    with any_provider.app.app_context():
        storage = any_provider.app.extensions["oauth2server"].storage
        if any_provider.db.engine.dialect.name == "sqlite":
            any_provider.db.session.execute(text("PRAGMA foreign_keys=ON"))
        values = {"access_digest": "x", "client_pk": 999, "scope": "", "expires_at": clock.now()}
        with pytest.raises(Gone):
            storage.unit.run(lambda: storage.tokens.add(**values))
        any_provider.db.session.remove()


def test_the_database_is_away(provider: Provider, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = provider.app.extensions["oauth2server"].storage
    token = client.tokens(provider.browser("ada"))["access_token"]
    page = provider.browser("ada")

    def away(*arguments: Any, **keywords: Any) -> None:
        raise error(DriverError(sqlstate="57P01"))

    monkeypatch.setattr(storage.clients, "info", away)
    for path in ("/oauth/token", "/oauth/introspect", "/oauth/revoke"):
        response = client.post(path, grant_type="client_credentials", token=token)
        assert (response.status_code, response.json["error"]) == (503, "temporarily_unavailable")
        assert response.headers["Retry-After"] == "2"
    shown = page.visit(client.address())
    assert (shown.status_code, shown.headers["Retry-After"], shown.mimetype) == (503, "2", "text/html")
    assert "is busy" in shown.text
    assert "Location" not in shown.headers


def test_a_client_whose_row_goes_while_it_gets_a_token(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    service = provider.client(redirect_uris=[], scopes=["email"])
    storage = provider.app.extensions["oauth2server"].storage
    real = storage.tokens.add

    def gone(**values: Any) -> int:
        storage.unit.db.session.execute(text("PRAGMA foreign_keys=ON"))
        return int(real(**{**values, "client_pk": 999}))

    monkeypatch.setattr(storage.tokens, "add", gone)
    with provider.app.app_context():
        provider.db.engine.dispose()
    from sqlalchemy import event

    with provider.app.app_context():
        engine = provider.db.engine
    switch_on = lambda connection, _: connection.execute("PRAGMA foreign_keys=ON")  # noqa: E731
    event.listen(engine, "connect", switch_on)
    response = service.post("/oauth/token", grant_type="client_credentials", scope="email")
    assert (response.status_code, response.json["error"]) == (400, "invalid_client")


# --- tables ---------------------------------------------------------------------------------------


def test_tables_are_made_and_completed(any_provider: Provider) -> None:
    from sqlalchemy import inspect

    with any_provider.app.app_context():
        oauth2, db = any_provider.oauth2, any_provider.db
        storage = any_provider.app.extensions["oauth2server"].storage
        oauth2.create_client(name="Old", scopes=[], client_id="old")
        db.session.remove()
        oauth2.models.Replay.__table__.drop(db.engine)
        index = next(i for i in oauth2.models.Client.__table__.indexes if i.name == "ix_oauth2_client_disabled_id")
        index.drop(db.engine)
        with db.engine.begin() as connection:
            for column in ("first_party", "refresh_rotation", "disabled_at"):
                connection.execute(text(f"ALTER TABLE oauth2_client DROP COLUMN {column}"))
        assert storage.schema.problems() == [
            "The table oauth2_client lacks first_party, refresh_rotation, disabled_at.",
            "The table oauth2_replay is missing.",
        ]
        assert oauth2.init_db() == [
            "Made the table oauth2_replay.",
            "Added oauth2_client.first_party.",
            "Added oauth2_client.refresh_rotation.",
            "Added oauth2_client.disabled_at.",
            "Made the index ix_oauth2_client_disabled_id.",
        ]
        assert storage.schema.problems() == []
        assert oauth2.init_db() == []
        old = oauth2.get_client("old")
        assert (old.first_party, old.refresh_rotation, old.disabled_at) == (False, "always", None)
        indexes = {index["name"] for index in inspect(db.engine).get_indexes("oauth2_replay")}
        assert "ix_oauth2_replay_expires_at" in indexes
        db.session.remove()


def test_client_ids_differ_by_case_on_each_database(any_provider: Provider) -> None:
    one, two = any_provider.client(client_id="Reader"), any_provider.client(client_id="reader")
    assert one.secret != two.secret
    assert one.post("/oauth/introspect", token="x").status_code == 200
    assert two.post("/oauth/introspect", token="x").status_code == 200
    two.secret = one.secret
    assert two.post("/oauth/introspect", token="x").status_code == 401
    for other in ("READER", "reader ", "réader"):
        with any_provider.app.app_context():
            assert any_provider.oauth2.get_client(other) is None


def test_ids_are_never_given_out_twice_on_sqlite(provider: Provider) -> None:
    with provider.app.app_context():
        first, _ = provider.oauth2.create_client(name="One", scopes=[])
        pk = first.id
        provider.oauth2.delete_client(first)
        second, _ = provider.oauth2.create_client(name="Two", scopes=[])
        assert second.id > pk


def test_columns_are_plain_so_that_migrations_need_no_import(provider: Provider) -> None:
    for model in provider.oauth2.models:
        for column in model.__table__.columns:
            assert type(column.type).__module__.startswith("sqlalchemy"), column


# --- purging --------------------------------------------------------------------------------------


def counts(provider: Provider) -> dict[str, int]:
    with provider.app.app_context():
        models = provider.oauth2.models
        return {
            name: provider.db.session.query(getattr(models, name)).count()
            for name in ("Authorization", "Grant", "Token", "Replay", "Consent")
        }


def test_purging_removes_what_has_ended_and_nothing_else(
    any_provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, ada = any_provider.client(), any_provider.browser("ada")
    service = any_provider.client(name="Service", redirect_uris=[])
    service.post("/oauth/token", grant_type="client_credentials", scope="email")
    live = client.tokens(ada)
    for _ in range(3):
        live = client.refresh(live["refresh_token"]).json
    revoked = client.tokens(ada)
    client.post("/oauth/revoke", token=revoked["access_token"])
    answer_of(ada.allow(client.address()))  # a code that nobody redeems
    with any_provider.app.app_context():
        any_provider.oauth2.create_personal_token(any_provider.user("ada"), name="x", scopes=[], expires_in=60)
        assert any_provider.oauth2.purge() == 0
    assert counts(any_provider) == {"Authorization": 3, "Grant": 3, "Token": 7, "Replay": 1, "Consent": 1}
    at(monkeypatch, 2 * 86400)
    with any_provider.app.app_context():
        assert any_provider.oauth2.purge() == 7
    # Left are the live family with all its generations, the idle authorization, the personal token.
    assert counts(any_provider) == {"Authorization": 2, "Grant": 0, "Token": 5, "Replay": 0, "Consent": 1}
    assert client.refresh(live["refresh_token"]).status_code == 200
    at(monkeypatch, 40 * 86400)
    with any_provider.app.app_context():
        any_provider.oauth2.purge()
    assert counts(any_provider)["Token"] == 5
    at(monkeypatch, 366 * 86400)
    with any_provider.app.app_context():
        any_provider.oauth2.purge()
    assert counts(any_provider) == {"Authorization": 0, "Grant": 0, "Token": 0, "Replay": 0, "Consent": 1}


def test_requests_purge_a_little_as_they_come(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    service = provider.client(redirect_uris=[], scopes=["email"])
    with provider.app.app_context():
        storage = provider.app.extensions["oauth2server"].storage
        for number in range(250):
            long_ago = clock.now().replace(year=2020)
            storage.tokens.add(access_digest=str(number), client_pk=1, scope="", expires_at=long_ago)
        provider.db.session.commit()

    def ask() -> int:
        service.post("/oauth/token", grant_type="client_credentials", scope="email")
        return counts(provider)["Token"]

    assert ask() == 151  # a hundred went, one came
    assert ask() == 152  # not so soon again
    at(monkeypatch, 301)
    assert ask() == 53
    at(monkeypatch, 301)
    assert ask() == 4


def test_a_purge_that_fails_does_not_fail_the_request(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    service = provider.client(redirect_uris=[], scopes=["email"])

    def locked(limit: int) -> int:
        raise error(DriverError(sqlite_errorcode=5))

    provider.app.extensions["oauth2server"].cleanups.insert(0, locked)
    response = service.post("/oauth/token", grant_type="client_credentials", scope="email")
    assert response.status_code == 200
    assert provider.api().get("/oauth/ping/", headers=bearer(response.json["access_token"])).status_code == 200


def test_purging_may_be_turned_off(make: Any) -> None:
    provider = make(config={"OAUTH2_PURGE_INTERVAL": 0})
    service = provider.client(redirect_uris=[], scopes=["email"])

    def never(limit: int) -> int:
        raise AssertionError("it was turned off")

    provider.app.extensions["oauth2server"].cleanups.insert(0, never)
    assert service.post("/oauth/token", grant_type="client_credentials", scope="email").status_code == 200


def test_a_long_family_is_purged_in_rounds(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    client = provider.client()
    tokens = client.tokens(provider.browser("ada"))
    for _ in range(12):
        tokens = client.refresh(tokens["refresh_token"]).json
    client.post("/oauth/revoke", token=tokens["access_token"])
    at(monkeypatch, 2 * 86400)
    with provider.app.app_context():
        storage = provider.app.extensions["oauth2server"].storage
        removed = []
        while step := storage.unit.run(lambda: storage.authorizations.purge(5)):
            removed.append(step)
    assert removed == [5, 5, 5]
    assert counts(provider)["Authorization"] == 0
