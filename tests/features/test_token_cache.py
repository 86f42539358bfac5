"""The token cache before protected views: no statement on a hit, and every end is seen by the next request."""

from __future__ import annotations

import builtins
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from flask import jsonify
from sqlalchemy import delete, event, text, update

from flask_oauth2server import DEFAULT_FEATURES, clock, current_token, require_oauth
from flask_oauth2server.domain import tokens
from flask_oauth2server.domain.token_cache import TokenCache
from flask_oauth2server.errors import ConfigurationError
from flask_oauth2server.features import bearer as bearer_feature

from ..conftest import REDIS, close, redis_client
from ..support import Browser, Client, Provider, bearer, build, serving
from ..ui.pages import landed, press

ON = {"OAUTH2_TOKEN_CACHE": 600, "OAUTH2_PURGE_INTERVAL": 0}


@dataclass
class House:
    """A provider whose cache is on, ada with a token of an authorization and a personal one, a client with one of
    its own, and protected views."""

    provider: Provider
    client: Client
    robot: Client
    ada: Browser
    answer: dict[str, Any]
    personal: str
    own: str
    statements: list[str] = field(default_factory=list)

    @property
    def token(self) -> str:
        return str(self.answer["access_token"])

    @property
    def cache(self) -> TokenCache:
        cache: TokenCache = self.provider.app.extensions["oauth2server"].token_cache
        return cache

    def status(self, token: str, path: str = "/email") -> int:
        """What a protected view answers; ``statements`` is what was run for it, until the very end."""
        self.statements.clear()
        with self.provider.api().get(path, headers=bearer(token)) as response:
            return int(response.status_code)

    def row(self, token: str) -> Any:
        """The row of a token; inside an app context."""
        model = self.provider.oauth2.models.Token
        return self.provider.db.session.query(model).filter_by(access_digest=tokens.digest(token)).one()


def furnished(provider: Provider) -> House:
    app, db = provider.app, provider.db

    @app.get("/email")
    @require_oauth("email")
    def email() -> Any:
        return jsonify(name=current_token.name, scopes=list(current_token.scopes))

    @app.get("/notes")
    @require_oauth("notes")
    def notes() -> str:
        return "notes"

    client, robot = provider.client(), provider.client(name="Robot", redirect_uris=[], scopes=["email"])
    ada = provider.browser("ada")
    answer = client.tokens(ada)
    with app.app_context():
        personal = provider.oauth2.create_personal_token(
            provider.user("ada"), name="laptop", scopes=["email", "profile"]
        )
    own = robot.post("/oauth/token", grant_type="client_credentials", scope="email").json["access_token"]
    house = House(provider, client, robot, ada, answer, personal, own)
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *arguments: house.statements.append(arguments[2]))
    return house


def warm(house: House, *values: str) -> None:
    """Fill the cache, and see that the next request is answered from it."""
    for value in values:
        assert house.status(value) == 200
        assert house.status(value) == 200
        assert house.statements == []


@pytest.fixture
def house(make: Callable[..., Provider]) -> House:
    return furnished(make(config=ON))


@pytest.fixture
def any_house(any_database: str) -> Iterator[House]:
    provider = build(any_database, config=ON)
    yield furnished(provider)
    close(provider)


# --- it saves what it is there to save ------------------------------------------------------------


def test_a_hit_runs_no_statement(any_house: House) -> None:
    for value in (any_house.token, any_house.personal, any_house.own):
        warm(any_house, value)


def test_a_refused_token_is_not_looked_up_again(house: House) -> None:
    unknown = house.provider.app.extensions["oauth2server"].values.make(tokens.ACCESS)
    lookups = []
    for value in (unknown, unknown):
        assert house.status(value) == 401
        lookups.append([s for s in house.statements if s.lstrip().startswith("SELECT") and "access_digest" in s])
    assert len(lookups[0]) == 1
    assert lookups[1] == []


def test_it_is_off_by_default(make: Callable[..., Provider]) -> None:
    house = furnished(make())
    assert house.cache is None
    for _ in range(2):
        assert house.status(house.token) == 200
        assert len([s for s in house.statements if "access_digest" in s]) == 1


@pytest.mark.parametrize("path", ["introspect", "revoke", "token"])
def test_the_protocol_does_not_read_it(house: House, path: str) -> None:
    warm(house, house.token)
    house.cache._find = None  # type: ignore[assignment]
    house.cache._good.clear()
    if path == "token":
        assert house.client.refresh(house.answer["refresh_token"]).status_code == 200
    else:
        answer = house.client.post(f"/oauth/{path}", token=house.token)
        assert answer.status_code == 200
        assert path == "revoke" or answer.json["active"] is True


def test_scopes_are_still_judged(house: House) -> None:
    warm(house, house.token)
    assert house.status(house.token, "/notes") == 403
    assert house.status(house.token) == 200


def test_a_token_for_another_resource_is_refused_from_the_cache_too(house: House) -> None:
    with house.provider.app.app_context():
        house.row(house.token).audience = ["https://other.example/"]
        house.provider.db.session.commit()
    assert [house.status(house.token) for _ in range(2)] == [401, 401]
    assert not [s for s in house.statements if "access_digest" in s]


def test_the_last_use_is_noted_once_a_minute(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at each request, although the entry was made before the first note."""

    def noted() -> Any:
        house.provider.app.extensions["oauth2server"].records.flush()
        row = house.row(house.token)
        house.provider.db.session.refresh(row)
        return row.last_used_at

    start, seen = clock.timestamp(), []
    with house.provider.app.app_context():
        for seconds in (0, 10, 59, 61, 100, 122):
            monkeypatch.setattr(clock, "timestamp", lambda seconds=seconds: start + seconds)
            assert house.status(house.token) == 200
            seen.append(noted())
    first = seen[0]
    assert [round((moment - first).total_seconds()) for moment in seen] == [0, 0, 0, 61, 61, 122]


def test_a_host_that_has_read_before_is_served_from_it(make: Callable[..., Provider]) -> None:
    """A ``before_request`` that asks the database begins the session's transaction."""
    provider = make(config=ON)

    @provider.app.before_request
    def read() -> None:
        provider.db.session.execute(text("SELECT 1"))

    house = furnished(provider)
    assert [house.status(house.token) for _ in range(2)] == [200, 200]
    assert house.statements == ["SELECT 1"]


def test_a_host_that_has_written_before_is_not(make: Callable[..., Provider]) -> None:
    """It may read what it will roll back."""
    provider = make(config=ON)

    @provider.app.before_request
    def write() -> None:
        provider.db.session.execute(text("UPDATE test_user SET name = name"))

    house = furnished(provider)
    assert [house.status(house.token) for _ in range(2)] == [200, 200]
    assert len(house.cache) == 0


# --- every end ------------------------------------------------------------------------------------

End = Callable[[House], Any]


def verb(verb: str, *of: str, **options: Any) -> End:
    """Call a verb of the extension with parts of the house."""

    def act(house: House) -> Any:
        oauth2, db, models = house.provider.oauth2, house.provider.db, house.provider.oauth2.models
        parts = {
            "user": lambda: house.provider.user("ada"),
            "client": lambda: oauth2.get_client(house.client.client_id),
            "row": lambda: house.row(house.token),
            "personal row": lambda: house.row(house.personal),
            "own row": lambda: house.row(house.own),
            "authorization": lambda: db.session.query(models.Authorization).one().public_id,
        }
        with house.provider.app.app_context():
            return getattr(oauth2, verb)(*(parts[part]() for part in of), **options)

    return act


def by_session(change: Callable[[House, Any], Any]) -> End:
    def act(house: House) -> None:
        with house.provider.app.app_context():
            change(house, house.provider.db.session)
            house.provider.db.session.commit()

    return act


def posted(path: str, **data: str) -> End:
    def act(house: House) -> None:
        sent = {name: house.answer.get(value, value) for name, value in data.items()}
        assert house.client.post(path, **sent).status_code == 200

    return act


def of_client(house: House) -> Any:
    return house.provider.oauth2.get_client(house.client.client_id)


def on_the_command_line(*arguments: str) -> End:
    def act(house: House) -> None:
        with house.provider.app.app_context():
            public_id = house.provider.db.session.query(house.provider.oauth2.models.Authorization).one().public_id
            pk = house.row(house.personal).id
        names = {"AUTHORIZATION": public_id, "CLIENT": house.client.client_id, "PERSONAL": str(pk)}
        args = ["oauth2", *(names.get(argument, argument) for argument in arguments)]
        result = house.provider.app.test_cli_runner().invoke(args=args)
        assert result.exit_code == 0, result.output

    return act


def refreshed_twice(house: House) -> None:
    assert house.client.refresh(house.answer["refresh_token"]).status_code == 200
    assert house.client.refresh(house.answer["refresh_token"]).status_code == 400


#: What ends the token of the authorization.
ENDS: dict[str, End] = {
    "the access token at the revocation endpoint": posted("/oauth/revoke", token="access_token"),
    "the refresh token at the revocation endpoint": posted("/oauth/revoke", token="refresh_token"),
    "a refresh token that comes twice": refreshed_twice,
    "revoke_token": verb("revoke_token", "row"),
    "revoke_authorization": verb("revoke_authorization", "authorization"),
    "revoke_application": verb("revoke_application", "user", "client"),
    "revoke_access of a user": by_session(
        lambda house, _: house.provider.oauth2.revoke_access(user=house.provider.user("ada"))
    ),
    "revoke_access of a client": by_session(
        lambda house, _: house.provider.oauth2.revoke_access(client=of_client(house))
    ),
    "sign_everybody_out": verb("sign_everybody_out", "client"),
    "forget_user": verb("forget_user", "user"),
    "disable_client": verb("disable_client", "client"),
    "delete_client": verb("delete_client", "client"),
    "a user who is deleted": by_session(lambda house, session: session.delete(house.provider.user("ada"))),
    "a user who is deactivated": by_session(lambda house, _: setattr(house.provider.user("ada"), "is_active", False)),
    "users who are deleted in bulk": by_session(
        lambda house, session: session.query(house.provider.User).filter_by(name="ada").delete()
    ),
    "a client that the host changes": by_session(
        lambda house, _: setattr(of_client(house), "disabled_at", clock.now())
    ),
    "a client that is deleted in bulk": by_session(
        lambda house, session: session.execute(delete(house.provider.oauth2.models.Client))
    ),
    "a row that the host deletes": by_session(lambda house, session: session.delete(house.row(house.token))),
    "an authorization that the host changes": by_session(
        lambda house, session: session.execute(
            update(house.provider.oauth2.models.Authorization).values(expires_at=clock.now())
        )
    ),
    "SQL as text": by_session(
        lambda _, session: session.execute(text("UPDATE oauth2_authorization SET revoked_at = '2020-01-01'"))
    ),
    "authorization revoke": on_the_command_line("authorization", "revoke", "AUTHORIZATION"),
    "client disable": on_the_command_line("client", "disable", "CLIENT"),
    "client delete": on_the_command_line("client", "delete", "CLIENT", "--yes"),
}


@pytest.mark.parametrize("what", ENDS)
def test_an_end_is_seen_by_the_very_next_request(house: House, what: str) -> None:
    warm(house, house.token, house.own)
    ENDS[what](house)
    assert house.status(house.token) == 401
    if what != "a client that is deleted in bulk":
        assert house.status(house.own) == 200


@pytest.mark.parametrize("what", ["disable_client", "revoke_authorization", "a user who is deactivated", "SQL as text"])
def test_it_is_on_each_database(any_house: House, what: str) -> None:
    warm(any_house, any_house.token)
    ENDS[what](any_house)
    assert any_house.status(any_house.token) == 401


PERSONAL_ENDS: dict[str, End] = {
    "revoke_personal_token": verb("revoke_personal_token", "personal row"),
    "revoke_token": verb("revoke_token", "personal row"),
    "revoke_access": by_session(lambda house, _: house.provider.oauth2.revoke_access(user=house.provider.user("ada"))),
    "forget_user": verb("forget_user", "user"),
    "on the command line": on_the_command_line("token", "revoke", "PERSONAL"),
    "a user who is deactivated": ENDS["a user who is deactivated"],
}


@pytest.mark.parametrize("what", PERSONAL_ENDS)
def test_the_end_of_a_personal_token(house: House, what: str) -> None:
    warm(house, house.personal, house.own)
    PERSONAL_ENDS[what](house)
    assert house.status(house.personal) == 401
    assert house.status(house.own) == 200
    assert house.statements == []


def test_the_end_of_a_client_s_own_token(house: House) -> None:
    warm(house, house.own, house.token)
    verb("revoke_token", "own row")(house)
    assert house.status(house.own) == 401
    assert house.status(house.token) == 200
    assert house.statements == []


def test_a_personal_token_that_is_changed(house: House) -> None:
    warm(house, house.personal)
    verb("edit_personal_token", "personal row", name="phone")(house)
    answer = house.provider.api().get("/email", headers=bearer(house.personal))
    assert answer.json == {"name": "phone", "scopes": ["email", "profile"]}
    verb("edit_personal_token", "personal row", scopes=["profile"])(house)
    assert house.status(house.personal) == 403


def test_what_a_refresh_ends(make: Callable[..., Provider]) -> None:
    house = furnished(make(config={**ON, "OAUTH2_REVOKE_ACCESS_ON_REFRESH": True}))
    warm(house, house.token)
    newer = house.client.refresh(house.answer["refresh_token"]).json["access_token"]
    assert house.status(house.token) == 401
    assert house.status(newer) == 200


def test_a_code_that_comes_twice(house: House) -> None:
    code = house.client.code(house.ada)
    token = house.client.exchange(code).json["access_token"]
    warm(house, token)
    assert house.client.exchange(code).status_code == 400
    assert house.status(token) == 401


@pytest.mark.parametrize("what", ["token", "authorization"])
def test_what_expires(house: House, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    start = clock.now()
    with house.provider.app.app_context():
        row = house.row(house.token)
        if what == "authorization":
            row = house.provider.db.session.get(house.provider.oauth2.models.Authorization, row.authorization_id)
        row.expires_at = start + timedelta(seconds=300)
        house.provider.db.session.commit()
    warm(house, house.token)
    now = clock.timestamp()
    monkeypatch.setattr(clock, "timestamp", lambda: now + 298)
    assert house.status(house.token) == 200
    monkeypatch.setattr(clock, "timestamp", lambda: now + 301)
    assert house.status(house.token) == 401


def test_a_client_that_is_enabled_again(house: House) -> None:
    for name, status in (("disable_client", 401), ("enable_client", 200), ("disable_client", 401)):
        verb(name, "client")(house)
        assert [house.status(house.token) for _ in range(2)] == [status, status]


def test_a_new_owner_is_seen(house: House) -> None:
    with house.provider.app.app_context():
        of_client(house).user_id = house.provider.user("bob").id
        house.provider.db.session.commit()
    warm(house, house.token)
    assert next(iter(house.cache._good.values())).token.client_owner == 2
    with house.provider.app.app_context():
        house.provider.oauth2.forget_user(house.provider.user("bob"))
    house.status(house.token)
    assert next(iter(house.cache._good.values())).token.client_owner is None


# --- by the pages ---------------------------------------------------------------------------------

HOME, ADMIN = "/account/settings/applications/", "/admin/oauth2/clients/"


@pytest.fixture
def served(make: Callable[..., Provider]) -> House:
    """The same where all pages are served, and ada is an administrator."""
    with serving(admin=True):
        provider = make(config=ON)
    provider.oauth2.admin_required(lambda user: user.name == "ada")
    return furnished(provider)


def pressed(house: House, address: str, button: str, **typed: str) -> None:
    landed(house.ada, press(house.ada, house.ada.visit(address), button, **typed))


def test_revoked_by_a_person(served: House) -> None:
    warm(served, served.token)
    pressed(served, HOME, "Revoke access")
    assert served.status(served.token) == 401


def test_a_personal_token_revoked_by_a_person(served: House) -> None:
    warm(served, served.personal)
    with served.provider.app.app_context():
        pk = served.row(served.personal).id
    pressed(served, f"{HOME}tokens/{pk}/", "Revoke token")
    assert served.status(served.personal) == 401


@pytest.mark.parametrize("button", ["Disable", "End all authorizations", "Delete client"])
def test_ended_by_an_administrator(served: House, button: str) -> None:
    warm(served, served.token, served.own)
    typed = {"confirm_name": "Reader"} if button == "Delete client" else {}
    pressed(served, f"{ADMIN}{served.client.client_id}/", button, **typed)
    assert served.status(served.token) == 401
    assert served.status(served.own) == 200


# --- what the host commits itself -----------------------------------------------------------------


def test_what_the_host_commits_later_is_seen_then(house: House) -> None:
    warm(house, house.token)
    with house.provider.app.app_context():
        house.provider.oauth2.revoke_token(house.row(house.token), commit=False)
        assert elsewhere(house, house.token) == 200
        house.provider.db.session.commit()
    assert house.status(house.token) == 401


def test_what_the_host_rolls_back_is_nothing(house: House) -> None:
    warm(house, house.token)
    with house.provider.app.app_context():
        house.provider.oauth2.revoke_token(house.row(house.token), commit=False)
        assert elsewhere(house, house.token) == 200
        house.provider.db.session.rollback()
    warm(house, house.token)


def test_a_token_that_was_never_committed_is_not_kept(house: House) -> None:
    """Made and tried in one transaction of the host, which then takes it back."""
    server = house.provider.app.extensions["oauth2server"]
    with house.provider.app.app_context():
        value = house.provider.oauth2.create_personal_token(
            house.provider.user("ada"), name="never", scopes=["email"], commit=False
        )
        assert server.token_lookups[0](value).name == "never"
        house.provider.db.session.rollback()
    assert house.status(value) == 401


def in_thread(work: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def elsewhere(house: House, token: str) -> int:
    """The answer in a context of its own, as another thread gives it, so that the session is another one."""
    return int(in_thread(lambda: house.status(token)))


def test_a_revocation_between_reading_and_keeping(house: House) -> None:
    """Another thread revokes while the row has been read and is not kept yet."""
    find = house.cache._find

    def slow(value: str) -> Any:
        token = find(value)
        if token is not None and not house.statements.count("revoked"):
            house.statements.append("revoked")
            assert house.client.post("/oauth/revoke", token=house.token).status_code == 200
        return token

    house.cache._find = slow
    assert elsewhere(house, house.token) == 200  # it was good when it was read
    house.cache._find = find
    assert house.status(house.token) == 401


def test_a_snapshot_that_is_older_than_a_revocation(database_urls: Callable[[str], str]) -> None:
    """On MariaDB a transaction goes on reading what stood when it began."""
    provider = build(database_urls("mariadb"), config=ON)
    house = furnished(provider)
    server = provider.app.extensions["oauth2server"]
    try:
        with provider.app.app_context():
            provider.user("ada")  # begins the transaction, and its snapshot
            in_thread(lambda: house.client.post("/oauth/revoke", token=house.token))
            assert server.token_lookups[0](house.token) is not None  # so it is on this database
        assert house.status(house.token) == 401
    finally:
        close(provider)


# --- what the host knows and we do not ------------------------------------------------------------


@pytest.mark.parametrize("commit", ["before", "after"])
@pytest.mark.parametrize("whose", ["one user", "a key", "everybody"])
def test_forget_tokens(make: Callable[..., Provider], whose: str, commit: str) -> None:
    """Without ``user_model`` nobody tells that a user is not active any more."""
    house = furnished(make(config=ON, user_model=False))
    warm(house, house.token, house.personal, house.own)
    oauth2, session = house.provider.oauth2, house.provider.db.session
    with house.provider.app.app_context():
        ada = house.provider.user("ada")
        ada.is_active = False
        if commit == "before":
            session.commit()
        else:
            session.flush()
        assert elsewhere(house, house.token) == 200
        if whose == "everybody":
            oauth2.forget_tokens()
        elif whose == "a key":
            oauth2.forget_tokens(key="1")
        else:
            oauth2.forget_tokens(ada)
        if commit == "after":
            session.commit()
    assert [house.status(value) for value in (house.token, house.personal)] == [401, 401]
    assert house.status(house.own) == 200
    assert (house.statements == []) is (whose != "everybody")


def test_forget_tokens_does_nothing_where_there_is_no_cache(provider: Provider) -> None:
    with provider.app.app_context():
        provider.oauth2.forget_tokens()
        assert not provider.db.session.registry.has()


# --- other processes; what they do with it is in tests/races --------------------------------------


@pytest.mark.parametrize("seconds", [0, 60])
def test_who_ends_something_tells_of_it(make: Callable[..., Provider], redis_issuer: str, seconds: int) -> None:
    """Before the answer, and also a process that remembers nothing itself; no value is told."""
    channel = f"test-{uuid.uuid4().hex}"
    house = furnished(
        make(
            config={
                "OAUTH2_TOKEN_CACHE": seconds,
                "OAUTH2_TOKEN_CACHE_URL": REDIS,
                "OAUTH2_TOKEN_CACHE_CHANNEL": channel,
            }
        )
    )
    with redis_client() as client, client.pubsub(ignore_subscribe_messages=True) as ear:
        ear.subscribe(channel)
        ear.get_message(timeout=5)
        assert house.client.post("/oauth/revoke", token=house.token).status_code == 200
        assert ear.get_message(timeout=5)["data"] == '["authorization:1"]'
        with house.provider.app.app_context():
            house.provider.oauth2.forget_tokens(house.provider.user("ada"))
        for _ in range(2):  # now, and at the end of the transaction that is open
            assert ear.get_message(timeout=5)["data"].startswith('["user:')
        assert ear.get_message(timeout=0.1) is None
    house.provider.app.extensions["oauth2server"].token_push.close()


def test_an_app_without_a_url_has_no_push(house: House) -> None:
    warm(house, house.token)
    assert house.provider.app.extensions["oauth2server"].token_push is None


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        ({"OAUTH2_TOKEN_CACHE": -1}, "OAUTH2_TOKEN_CACHE must be a whole number"),
        ({"OAUTH2_TOKEN_CACHE": "60"}, "OAUTH2_TOKEN_CACHE must be a whole number"),
        ({"OAUTH2_TOKEN_CACHE": True}, "OAUTH2_TOKEN_CACHE must be a whole number"),
        ({"OAUTH2_TOKEN_CACHE": 60, "OAUTH2_TOKEN_CACHE_SIZE": 0}, "OAUTH2_TOKEN_CACHE_SIZE must be 1 or more"),
        ({"OAUTH2_TOKEN_CACHE_URL": "localhost:6379"}, "must begin with redis://, rediss://, unix://"),
        ({"OAUTH2_TOKEN_CACHE_URL": "http://127.0.0.1:6379"}, "must begin with redis://"),
        ({"OAUTH2_TOKEN_CACHE_URL": "redis://127.0.0.1:port/"}, "must be the address of a Redis server"),
        ({"OAUTH2_TOKEN_CACHE_URL": None}, "OAUTH2_TOKEN_CACHE_URL must be a string"),
        (
            {"OAUTH2_TOKEN_CACHE_URL": "redis://127.0.0.1/", "OAUTH2_TOKEN_CACHE_CHANNEL": ""},
            "OAUTH2_TOKEN_CACHE_CHANNEL must be a name",
        ),
    ],
)
def test_settings_that_cannot_be(make: Callable[..., Provider], config: dict[str, Any], advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        make(config=config)


def test_times_may_be_timedeltas(make: Callable[..., Provider]) -> None:
    house = furnished(make(config={"OAUTH2_TOKEN_CACHE": timedelta(minutes=1)}))
    assert house.cache._seconds == 60


def test_redis_is_imported_where_it_is_named_alone(
    make: Callable[..., Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "redis"]:
        monkeypatch.delitem(sys.modules, name)
    make(config=ON)
    assert "redis" not in sys.modules
    real = builtins.__import__

    def missing(name: str, *arguments: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "redis":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigurationError, match=r"pip install 'Flask-OAuth2Server\[redis\]'"):
        make(config={**ON, "OAUTH2_TOKEN_CACHE_URL": "redis://127.0.0.1:6379/0"})


def test_an_app_without_bearer_tokens_has_no_use_for_it(make: Callable[..., Provider]) -> None:
    provider = make(config=ON, features=[one for one in DEFAULT_FEATURES if one is not bearer_feature])
    assert provider.app.extensions["oauth2server"].token_lookups == []


def test_two_apps_with_one_db_keep_apart_and_hear_both(make: Callable[..., Provider], tmp_path: Any) -> None:
    one = furnished(make(config=ON))
    url = one.provider.app.config["SQLALCHEMY_DATABASE_URI"]
    other = build(url, config=ON, fresh=False)

    @other.app.get("/email")
    @require_oauth("email")
    def email() -> str:
        return "email"

    def ask() -> int:
        return int(other.api().get("/email", headers=bearer(one.token)).status_code)

    warm(one, one.token)
    assert ask() == 200
    assert other.app.extensions["oauth2server"].token_cache is not one.cache
    assert one.client.post("/oauth/revoke", token=one.token).status_code == 200
    assert (one.status(one.token), ask()) == (401, 401)
    close(other)
