"""What an attacker, an accident or a careless host tried once, and must not succeed with again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask.views import MethodView
from flask_login import current_user, login_fresh, login_user
from sqlalchemy import Integer, event, text
from sqlalchemy.orm import mapped_column

from flask_oauth2server import InvalidClientMetadata, OAuth2ServerError, Scope, clock, require_oauth, signals

from ..support import CALLBACK, FORM, Browser, Client, Provider, answer_of, bearer
from .test_consent import asked, refused


def works(provider: Provider, token: str) -> bool:
    return bool(provider.api().get("/oauth/ping/", headers=bearer(token)).status_code == 200)


def edit(provider: Provider, client: Client, **changes: Any) -> None:
    with provider.app.app_context():
        provider.oauth2.edit_client(provider.oauth2.get_client(client.client_id), **changes)


# --- between the consent page and its answer ------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uris": ["https://evil.example/cb"]},
        {"grant_types": ["authorization_code", "refresh_token"]},
        {"verified": False},
        {"name": "Another"},
    ],
)
def test_a_client_that_changed_while_its_page_was_open(
    provider: Provider, ada: Browser, changes: dict[str, Any]
) -> None:
    client = provider.client(grant_types=["authorization_code"])
    page = ada.visit(client.address(redirect_uri=None))
    edit(provider, client, **changes)
    refused(ada.answer(page))


def test_a_client_that_was_replaced_while_its_page_was_open(provider: Provider, client: Client, ada: Browser) -> None:
    page = ada.visit(client.address())
    with provider.app.app_context():
        provider.oauth2.delete_client(provider.oauth2.get_client(client.client_id))
    provider.client(client_id=client.client_id)
    refused(ada.answer(page))


def test_being_there_while_one_is_away_is_asked_for(provider: Provider, ada: Browser) -> None:
    client = provider.client(grant_types=["authorization_code"])
    ada.allow(client.address())
    assert not asked(ada.visit(client.address()))
    edit(provider, client, grant_types=["authorization_code", "refresh_token"])
    page = ada.visit(client.address())
    assert asked(page)
    assert "while you are away" in page.text
    ada.answer(page)
    assert not asked(ada.visit(client.address()))


def test_a_consent_withdrawn_at_the_last_moment(any_provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for and found unnecessary, and then withdrawn before the grant is written."""
    client, ada = any_provider.client(), any_provider.browser("ada")
    token = client.tokens(ada)["access_token"]
    consents = any_provider.app.extensions["oauth2server"].consents
    real = consents.asking

    def withdrawn(*arguments: Any, **keywords: Any) -> Any:
        asking = real(*arguments, **keywords)
        with any_provider.app.app_context():
            model = any_provider.oauth2.get_client(client.client_id)
            any_provider.oauth2.revoke_application(any_provider.user("ada"), model)
        return asking

    monkeypatch.setattr(consents, "asking", withdrawn)
    assert asked(ada.visit(client.address()))
    assert answer_of(ada.visit(client.address(prompt="none")))["error"] == "consent_required"
    with any_provider.app.app_context():
        assert any_provider.oauth2.list_authorizations() == []
    assert not works(any_provider, token)


# --- what is taken away from a client -------------------------------------------------------------


def test_a_scope_taken_away_from_a_client(provider: Provider, client: Client, ada: Browser) -> None:
    tokens = client.tokens(ada, scope="email profile")
    code = client.code(ada, scope="email profile")
    edit(provider, client, scopes=["email"])
    assert client.exchange(code).json["scope"] == "email"
    renewed = client.refresh(tokens["refresh_token"])
    assert renewed.json["scope"] == "email"
    edit(provider, client, scopes=["profile"])
    code = client.code(ada, scope="profile")
    edit(provider, client, scopes=["notes"])
    assert client.exchange(code).json["error"] == "invalid_grant"
    assert client.refresh(renewed.json["refresh_token"]).json["error"] == "invalid_grant"


def test_a_redirect_uri_taken_away_from_a_client(provider: Provider, client: Client, ada: Browser) -> None:
    code = client.code(ada)
    edit(provider, client, redirect_uris=["https://client.example/new"])
    assert client.exchange(code).json["error"] == "invalid_grant"


# --- nothing takes an answer away that was committed ----------------------------------------------


def test_a_purge_that_meets_a_foreign_key_of_the_host(
    any_provider: Provider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service = any_provider.client(redirect_uris=[], scopes=["email"])
    server = any_provider.app.extensions["oauth2server"]

    def meets_a_foreign_key(limit: int) -> int:
        if any_provider.db.engine.dialect.name == "sqlite":
            any_provider.db.session.execute(text("PRAGMA foreign_keys=ON"))
        values = {"access_digest": "x", "client_pk": 999, "scope": "", "expires_at": clock.now()}
        return int(server.storage.tokens.add(**values))

    server.cleanups.insert(0, meets_a_foreign_key)
    response = service.post("/oauth/token", grant_type="client_credentials", scope="email")
    assert response.status_code == 200
    assert works(any_provider, response.json["access_token"])
    assert "nothing was purged this time" in caplog.text


def test_a_receiver_that_fails(provider: Provider, client: Client, ada: Browser, caplog: Any) -> None:
    def fail(app: Any, **arguments: Any) -> None:
        raise ZeroDivisionError

    first = client.tokens(ada)
    with signals.token_issued.connected_to(fail):
        second = client.refresh(first["refresh_token"])
    assert second.status_code == 200
    assert "a receiver of token-issued failed" in caplog.text
    assert client.refresh(second.json["refresh_token"]).status_code == 200


# --- users ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["ada ", "", "x" * 256, "a\0", "ada\n"])
def test_keys_that_cannot_be_told_from_others(make: Callable[..., Provider], key: str) -> None:
    provider = make(user_model=False)

    class Somebody:
        def get_id(self) -> str:
            return key

    with provider.app.app_context(), pytest.raises(OAuth2ServerError, match="get_id"):
        provider.oauth2.create_personal_token(Somebody(), name="x", scopes=[])


def test_a_key_that_is_a_number(any_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ..conftest import close
    from ..support import build

    provider = build(any_database, user_model=False)
    monkeypatch.setattr(provider.User, "get_id", lambda self: self.id)  # an int, against Flask-Login's advice
    client = provider.client()
    tokens = client.tokens(provider.browser("ada"))
    assert works(provider, tokens["access_token"])
    close(provider)


def test_somebody_put_into_the_session_inherits_no_time(
    make: Callable[..., Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    from flask import session

    provider = make()
    provider.app.add_url_rule("/become", "become", lambda: session.update(_user_id="2") or "bob", methods=["POST"])
    client, browser = provider.client(), provider.browser("ada")
    provider.browser("bob").allow(client.address())
    browser.http.post("/become")
    assert answer_of(browser.visit(client.address(prompt="none")))["code"]
    assert answer_of(browser.visit(client.address(prompt="none", max_age="600")))["error"] == "login_required"


def test_a_login_that_is_not_fresh_proves_nothing(make: Callable[..., Provider]) -> None:
    provider = make()

    @provider.app.post("/stale")
    def stale() -> str:
        login_user(provider.user("ada"), fresh=False)
        return "stale"

    client, browser = provider.client(), provider.browser("ada")
    browser.allow(client.address())
    browser.http.post("/stale")
    assert answer_of(browser.visit(client.address(prompt="none", max_age="600")))["error"] == "login_required"


def test_a_refresh_view_that_sends_fresh_people_back(make: Callable[..., Provider]) -> None:
    from flask import redirect, request
    from flask_login import confirm_login

    from .test_reauthentication import walk

    def before(app: Any) -> None:
        app.login_manager.refresh_view = "refresh"

        @app.route("/refresh", methods=["GET", "POST"])
        def refresh() -> Any:
            if not login_fresh():
                confirm_login()
            return redirect(request.args["next"])

    provider = make(before=before)
    client, ada = provider.client(), provider.browser("ada")
    ada.allow(client.address())
    response, signed_in = walk(ada, client.address(prompt="login"))
    assert (signed_in, "code" in answer_of(response)) == (1, True)


def test_a_user_deleted_within_a_savepoint(any_provider: Provider) -> None:
    heard: list[Any] = []

    def hear(app: Any, user_id: Any) -> None:
        heard.append(user_id)

    with any_provider.app.app_context(), signals.user_forgotten.connected_to(hear):
        session = any_provider.db.session
        with session.begin_nested():
            session.delete(any_provider.user("ada"))
        assert heard == []
        nested = session.begin_nested()
        session.delete(any_provider.user("bob"))
        session.flush()
        nested.rollback()
        session.commit()
        assert heard == [1]
        session.remove()


# --- the host's transaction -----------------------------------------------------------------------


def test_the_first_protected_request_leaves_pending_rows_alone() -> None:
    from ..conftest import close
    from ..support import build

    def before(app: Any) -> None:
        @app.before_request
        def pending() -> None:
            statement = "INSERT INTO test_user (name, is_active) VALUES ('eve', 1)"
            app.extensions["sqlalchemy"].session.execute(text(statement))

    provider = build("sqlite://", before=before)

    @provider.app.get("/count")
    @require_oauth(optional=True)
    def count() -> Any:
        return {"eve": provider.db.session.query(provider.User).filter_by(name="eve").count()}

    assert provider.api().get("/count").json == {"eve": 1}
    close(provider)


def test_a_pool_of_one_connection(tmp_path: Any) -> None:
    from ..conftest import close
    from ..support import build

    options = {"SQLALCHEMY_ENGINE_OPTIONS": {"pool_size": 1, "max_overflow": 0, "pool_timeout": 1}}
    provider = build(f"sqlite:///{tmp_path}/x.sqlite", config=options)
    token = provider.client().tokens(provider.browser("ada"))["access_token"]
    assert works(provider, token)
    close(provider)


# --- what is sent ---------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["%FF%FEa", "%00"])
def test_what_is_no_utf8_is_refused_by_post_as_by_get(client: Client, ada: Browser, state: str) -> None:
    query = client.address(state=None).partition("?")[2]
    for response in (
        ada.http.get(f"/oauth/authorize?{query}&state={state}"),
        ada.http.post("/oauth/authorize", data=f"{query}&state={state}", content_type=FORM),
    ):
        assert (response.status_code, "Location" in response.headers) == (400, False)


def test_a_prefix_from_a_proxy_is_no_host(make: Callable[..., Provider]) -> None:
    from werkzeug.middleware.proxy_fix import ProxyFix

    provider = make(before=lambda app: setattr(app, "wsgi_app", ProxyFix(app.wsgi_app, x_prefix=1)))
    client, ada = provider.client(), provider.browser("ada")
    headers = {"X-Forwarded-Prefix": "//evil.example"}
    response = ada.http.get(client.address(prompt="login"), headers=headers)
    assert response.headers["Location"].startswith("/evil.example/oauth/authorize?")


def test_a_very_long_address_of_a_visitor(any_provider: Provider) -> None:
    token = any_provider.client().tokens(any_provider.browser("ada"))["access_token"]
    environment = {"REMOTE_ADDR": "A" * 200, "wsgi.url_scheme": "https"}
    response = any_provider.api().get("/oauth/ping/", headers=bearer(token), environ_overrides=environment)
    assert response.status_code == 200
    response.close()
    with any_provider.app.app_context():
        row = any_provider.db.session.query(any_provider.oauth2.models.Token).one()
        assert row.last_used_at is not None
        assert row.last_used_from is None  # it is no address
        (found,) = any_provider.oauth2.list_authorizations()
        assert any_provider.oauth2.revoke_authorization(found[0].public_id, reason="r" * 100)
        any_provider.db.session.remove()


@pytest.mark.parametrize(
    "address",
    [
        "https://google.com@evil.example/",
        "http://client.example/",
        "https://client.example/\u202egpj",
        "https://аpple.example/",
        "\x01https://client.example/",
        "https://client.example/\ud800",
        "https://client.example/ x",
        "https://",
    ],
)
@pytest.mark.parametrize("field", ["client_uri", "policy_uri", "tos_uri"])
def test_links_that_are_not_what_they_seem(provider: Provider, field: str, address: str) -> None:
    with pytest.raises(InvalidClientMetadata) as refusal:
        provider.client(**{field: address})
    assert refusal.value.field == field


@pytest.mark.parametrize(
    "uri",
    [
        "com.example.app://evil@x/cb",
        "https://[::ffff:1.2.3.4]/",
        "https://client.example/cb?code=x",
        "https://client.example/cb?a=1&state",
        "https://client.example/cb?iss=https://evil.example",
    ],
)
def test_redirect_uris_that_could_never_work(provider: Provider, uri: str) -> None:
    with pytest.raises(InvalidClientMetadata, match="redirect_uris"):
        provider.client(redirect_uris=[uri], token_endpoint_auth_method="none", application_type="native")


def test_the_policy_of_a_page_that_answers_to_an_ipv6_address(provider: Provider, ada: Browser) -> None:
    client = provider.client(redirect_uris=["http://[::1]/cb"], token_endpoint_auth_method="none")
    policy = ada.visit(client.address(redirect_uri="http://[::1]:8080/cb")).headers["Content-Security-Policy"]
    assert "form-action 'self' https: http:;" in policy


# --- code of the host -----------------------------------------------------------------------------


def test_a_subclass_keeps_the_protection_of_its_class(provider: Provider) -> None:
    @require_oauth("email")
    class Base(MethodView):
        def get(self) -> Any:
            return {"name": current_user.name}

    class Child(Base):
        decorators = ()

    provider.app.add_url_rule("/child", view_func=Child.as_view("child"))
    assert provider.api().get("/child").status_code == 401
    token = provider.client().tokens(provider.browser("ada"))["access_token"]
    assert provider.api().get("/child", headers=bearer(token)).json == {"name": "ada"}


def test_two_guards_ask_the_database_once(provider: Provider) -> None:
    provider.app.before_request(provider.oauth2.protect("email", optional=True))

    @provider.app.get("/twice")
    @require_oauth("email")
    def twice() -> str:
        return "twice"

    @provider.app.get("/more")
    @require_oauth("profile")
    def more() -> str:
        return "more"

    token = provider.client().tokens(provider.browser("ada"))["access_token"]
    provider.api().get("/twice", headers=bearer(token)).close()
    statements: list[str] = []

    def keep(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    with provider.app.app_context():
        engine = provider.db.engine
    event.listen(engine, "before_cursor_execute", keep)
    assert provider.api().get("/twice", headers=bearer(token)).text == "twice"
    assert len(statements) == 1
    assert provider.api().get("/more", headers=bearer(token)).status_code == 403


def test_two_apps_on_one_db_tell_of_a_user_once(tmp_path: Any) -> None:
    from flask import Flask
    from flask_login import LoginManager, UserMixin
    from flask_sqlalchemy import SQLAlchemy

    from flask_oauth2server import OAuth2Server

    db = SQLAlchemy()

    class Person(UserMixin, db.Model):  # type: ignore[name-defined]
        id = mapped_column(Integer, primary_key=True)

    oauth2, heard, apps = OAuth2Server(db=db, user_model=Person), [], []
    for name in ("one", "two"):
        app = Flask(name)
        app.config.update(SECRET_KEY="x", SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/{name}.sqlite")
        db.init_app(app)
        LoginManager(app).user_loader(lambda key: db.session.get(Person, int(key)))
        oauth2.init_app(app)
        apps.append(app)

    def hear(app: Any, **told: Any) -> None:
        heard.append((app.name, told))

    with apps[0].app_context(), signals.user_forgotten.connected_to(hear):
        db.create_all()
        db.session.add(Person(id=7))
        db.session.commit()
        db.session.delete(db.session.get(Person, 7))
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    assert heard == [("one", {"user_id": 7})]


def test_development_mode_with_a_well_known_key(tmp_path: Any) -> None:
    from ..test_development import start

    app, _ = start(tmp_path, SECRET_KEY="dev")
    http = app.test_client()
    with app.app_context():
        extension = app.extensions["oauth2server"].extension
        extension.scopes.register(Scope("x"))
        extension.create_client(client_id="c", name="C", redirect_uris=[CALLBACK], scopes=["x"], require_pkce=False)
    with http.session_transaction() as session:
        session["_user_id"] = "admin"
    response = http.get("/oauth/authorize?client_id=c&response_type=code&scope=x")
    assert response.headers["Location"].startswith("/oauth/sign-in/")


def test_nothing_secret_is_logged(provider: Provider, client: Client, ada: Browser, caplog: Any) -> None:
    with caplog.at_level(logging.DEBUG):
        code = client.code(ada)
        tokens = client.exchange(code).json
        renewed = client.refresh(tokens["refresh_token"]).json
        client.post("/oauth/introspect", token=renewed["access_token"])
        client.refresh(tokens["refresh_token"])
        provider.api().get("/oauth/ping/", headers=bearer(tokens["access_token"]))
    told = caplog.text
    assert told
    for value in (code, client.secret, client.verifier, tokens["access_token"], tokens["refresh_token"]):
        assert str(value) not in told
        assert repr(value) not in told


# --- found by reading -----------------------------------------------------------------------------


def test_a_refresh_token_on_the_wire_is_not_given_back(provider: Provider, ada: Browser) -> None:
    client = provider.client(refresh_rotation="never")
    tokens = client.exchange(client.code(ada), refresh_token="garbage").json
    assert tokens["refresh_token"].startswith("o2r_")
    assert client.refresh(tokens["refresh_token"]).status_code == 200


def test_a_host_s_smaller_limit_holds(make: Callable[..., Provider]) -> None:
    provider = make(config={"MAX_CONTENT_LENGTH": 100})
    assert provider.api().post("/oauth/token", data={"grant_type": "x" * 200}).status_code == 413


def test_a_narrowed_server_registers_and_edits(make: Callable[..., Provider]) -> None:
    provider = make(config={"OAUTH2_ALLOWED_GRANT_TYPES": ["authorization_code"]})
    client, ada = provider.client(), provider.browser("ada")
    page = ada.visit(client.address())
    assert "while you are away" not in page.text
    ada.answer(page)
    with provider.app.app_context():
        model = provider.oauth2.get_client(client.client_id)
        assert model.allowed_grant_types == ["authorization_code"]
        assert not provider.oauth2.list_authorizations()[0][0].offline


def test_what_is_not_offered_any_more_may_stay(provider: Provider, client: Client) -> None:
    """A rename must not fail for a scope or grant that nobody touched, nor drop what a feature left."""
    server = provider.app.extensions["oauth2server"]
    with provider.app.app_context():
        model = provider.oauth2.get_client(client.client_id)
        model.client_metadata = {**model.client_metadata, "scope": "email gone", "of_a_feature": {"keys": []}}
        provider.db.session.commit()
        del server.grants["refresh_token"]
        assert provider.oauth2.edit_client(model, name="Renamed") == ["name"]
        assert model.client_metadata["of_a_feature"] == {"keys": []}
        with pytest.raises(InvalidClientMetadata, match="'other' is not offered"):
            provider.oauth2.edit_client(model, scopes=["email", "other"])


def test_a_deletion_that_has_to_be_repeated(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    from ..storage.test_storage import DriverError, error

    client = provider.client()
    with provider.app.app_context():
        session, tries = provider.db.session, []
        real = session.commit

        def commit() -> None:
            tries.append(1)
            if len(tries) == 1:
                raise error(DriverError(sqlstate="40001"))
            real()

        monkeypatch.setattr(session, "commit", commit, raising=False)
        provider.oauth2.delete_client(provider.oauth2.get_client(client.client_id))
        assert len(tries) == 2
        assert provider.oauth2.get_client(client.client_id) is None


def test_a_provider_for_machines_alone_describes_itself(make: Callable[..., Provider]) -> None:
    from flask_oauth2server import DEFAULT_FEATURES

    names = ("token", "client_secret", "client_credentials", "bearer", "metadata")
    machine = [feature for feature in DEFAULT_FEATURES if feature.__name__.rpartition(".")[2] in names]
    provider = make(features=machine)
    document = provider.api().get("/.well-known/oauth-authorization-server").json
    assert "authorization_endpoint" not in document
    assert "authorization_response_iss_parameter_supported" not in document
    service = provider.client(redirect_uris=[])
    assert service.post("/oauth/token", grant_type="client_credentials", scope="email").status_code == 200


def test_authorizations_that_vanish_while_many_are_revoked(
    provider: Provider, client: Client, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        ada.allow(client.address())
    with provider.app.app_context():
        storage = provider.app.extensions["oauth2server"].storage
        real = storage.authorizations.revoke

        def vanish(pk: int, reason: str) -> bool:
            provider.db.session.execute(text(f"DELETE FROM oauth2_authorization WHERE id = {pk + 1}"))
            return bool(real(pk, reason))

        monkeypatch.setattr(storage.authorizations, "revoke", vanish)
        assert provider.oauth2.revoke_authorizations(user=provider.user("ada")) == 1
        assert provider.oauth2.list_authorizations() == []


@pytest.mark.parametrize(
    "values",
    [
        {"token_endpoint_auth_method": ["x"]},
        {"scopes": "email"},
        {"redirect_uris": "https://client.example/cb"},
        {"redirect_uris": 1},
        {"grant_types": 1},
        {"id_token_encrypted_response_alg": []},
        {"description": "half \ud800"},
        {"contacts": ["half \ud800"]},
        {"contacts": ["\0"]},
    ],
)
def test_values_of_the_wrong_kind(provider: Provider, values: dict[str, Any]) -> None:
    with pytest.raises(InvalidClientMetadata):
        provider.client(**values)


def test_an_implicit_token_is_told_of(make: Callable[..., Provider]) -> None:
    provider = make(config={"OAUTH2_ENABLE_IMPLICIT": True})
    client, heard = provider.client(response_types=["code", "token"]), []

    def hear(app: Any, **told: Any) -> None:
        heard.append(told["grant_type"])

    with signals.token_issued.connected_to(hear):
        provider.browser("ada").allow(client.address(response_type="token"))
    assert heard == ["implicit"]


def test_a_client_that_authenticates_without_a_secret_is_given_none(make: Callable[..., Provider]) -> None:
    from flask_oauth2server import DEFAULT_FEATURES

    class Assertion:
        __name__ = "assertion"

        @staticmethod
        def init_app(server: Any) -> None:
            def find(sent: Any) -> tuple[str, str] | None:
                value = sent.get("client_assertion")
                return None if value is None else (value.partition(":")[0], value)

            def verify(client: Any, value: str) -> bool:
                return bool(value == f"{client.client_id}:{client.metadata['key']}")

            server.add_client_auth("private_key_jwt", find, verify, "client_assertion")
            server.add_client_metadata("key")

    provider = make(features=[*DEFAULT_FEATURES, Assertion])
    values = {"token_endpoint_auth_method": "private_key_jwt", "key": "k"}
    service = provider.client(client_id="service", redirect_uris=[], **values)
    assert service.secret is None

    def ask(assertion: str) -> Any:
        data = {"grant_type": "client_credentials", "scope": "email", "client_assertion": assertion}
        return provider.api().post("/oauth/token", data=data)

    assert ask("service:k").status_code == 200
    assert ask("service:wrong").json["error"] == "invalid_client"
    with provider.app.app_context(), pytest.raises(InvalidClientMetadata, match="has no secret"):
        provider.oauth2.rotate_secret(provider.oauth2.get_client("service"))


def test_nothing_is_verified_for_a_client_that_may_not_use_it(provider: Provider) -> None:
    """A proof that is used up, or a last use that is noted, would be for nothing."""
    service = provider.client(redirect_uris=[])
    with provider.app.app_context():
        provider.oauth2.disable_client(provider.oauth2.get_client(service.client_id))
    assert service.post("/oauth/token", grant_type="client_credentials").status_code == 401
    with provider.app.app_context():
        row = provider.db.session.query(provider.oauth2.models.ClientSecret).one()
        assert row.last_used_at is None


def test_no_repr_tells_what_is_about_to_be_sent(provider: Provider, client: Client, ada: Browser) -> None:
    """Token filters and consent hooks of a host may well log what they are given."""
    seen: list[str] = []
    server = provider.app.extensions["oauth2server"]
    server.add_token_filter(lambda issuance: seen.extend((repr(issuance), issuance.access_token)))
    page = server.pages["consent"]
    server.pages["consent"] = lambda question: seen.extend((repr(question), question.ticket)) or page(question)
    client.tokens(ada)
    assert len(seen) == 4
    assert seen[1] not in seen[0]
    assert seen[3] not in seen[2]


@pytest.mark.parametrize(
    "args",
    [
        ("client", "list", "--after", "9" * 30),
        ("client", "list", "--owner", "9" * 30),
        ("token", "revoke", "9" * 30),
        ("token", "create", "--user", "1", "--name", "x", "--expires-in", "9" * 30),
    ],
)
def test_numbers_that_no_database_takes(provider: Provider, args: tuple[str, ...]) -> None:
    result = provider.app.test_cli_runner().invoke(args=["oauth2", *args])
    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit)
    assert "Error: " in result.output
