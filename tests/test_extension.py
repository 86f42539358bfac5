"""All the ways to start, and the mistakes one can make there."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_login import LoginManager, UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Integer, String, Uuid
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass, mapped_column

from flask_oauth2server import ConfigurationError, OAuth2Server, OAuth2ServerError, Scope, require_oauth, signals
from flask_oauth2server.models.mixins import ClientMixin, TokenMixin

from .support import ISSUER, Provider, bearer


def bare(tmp_path: Path, **config: Any) -> Flask:
    app = Flask("host", instance_path=str(tmp_path))
    app.config.update({"SECRET_KEY": "x", "SQLALCHEMY_DATABASE_URI": "sqlite://", "OAUTH2_ISSUER": ISSUER, **config})
    return app


def with_login(app: Flask, loader: Callable[[str], Any] = lambda _key: None) -> LoginManager:
    login_manager = LoginManager(app)
    login_manager.user_loader(loader)
    return login_manager


def opens(app: Flask, token: str) -> int:
    return app.test_client().get("/oauth/ping/", headers=bearer(token)).status_code


# --- databases ------------------------------------------------------------------------------------


def test_a_db_that_is_given(tmp_path: Path) -> None:
    app = bare(tmp_path)
    db = SQLAlchemy(app)
    with_login(app)
    oauth2 = OAuth2Server(app, db=db)
    with app.app_context():
        db.create_all()
        client, secret = oauth2.create_client(name="Reader", redirect_uris=["https://c.example/cb"], scopes=[])
        assert oauth2.get_client(client.client_id) is client
        assert secret.startswith("o2s_")
    assert oauth2.models.Client.__table__.metadata is db.metadata


def test_a_db_that_is_found_on_the_app(tmp_path: Path) -> None:
    app = bare(tmp_path)
    db = SQLAlchemy(app)
    with_login(app)
    oauth2 = OAuth2Server(app)
    assert oauth2.models.Client.__table__.metadata is db.metadata
    assert not app.extensions["oauth2server"].development


def test_a_db_that_is_only_configured(tmp_path: Path) -> None:
    app = bare(tmp_path, SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/x.sqlite")
    with_login(app)
    oauth2 = OAuth2Server(app)
    assert not app.extensions["oauth2server"].development
    with app.app_context():
        assert len(oauth2.init_db()) == len(list(oauth2.models))
        assert oauth2.init_db() == []


def test_a_db_whose_init_app_comes_later(tmp_path: Path) -> None:
    app, db = bare(tmp_path), SQLAlchemy()
    with_login(app)
    with pytest.raises(ConfigurationError, match=r"Call db.init_app\(app\) before"):
        OAuth2Server(app, db=db)


def test_a_db_that_comes_after_the_bare_start(tmp_path: Path) -> None:
    app = Flask("host", instance_path=str(tmp_path))
    OAuth2Server(app)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    SQLAlchemy(app)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(ConfigurationError, match=r"Call db.init_app\(app\) before"):
        app.test_client().get("/oauth/")


def test_a_db_that_comes_after_one_was_only_configured(tmp_path: Path) -> None:
    app = bare(tmp_path, PROPAGATE_EXCEPTIONS=True)
    with_login(app)
    OAuth2Server(app)
    SQLAlchemy(app)
    with pytest.raises(ConfigurationError, match="made one of its own"):
        app.test_client().get("/oauth/")


def test_a_login_manager_that_comes_later(tmp_path: Path) -> None:
    app = bare(tmp_path, PROPAGATE_EXCEPTIONS=True)
    db = SQLAlchemy(app)
    with pytest.warns(UserWarning, match="There is no LoginManager"):
        OAuth2Server(app, db=db)
    with_login(app)
    with pytest.raises(ConfigurationError, match="Initialise your LoginManager on the app before OAuth2Server"):
        app.test_client().get("/")


def test_without_a_login_manager_authorize_advises_and_the_rest_works(tmp_path: Path) -> None:
    app = bare(tmp_path)
    db = SQLAlchemy(app)
    with pytest.warns(UserWarning, match="There is no LoginManager"):
        oauth2 = OAuth2Server(app, db=db)
    oauth2.scopes.register(Scope("x"))
    with app.app_context():
        db.create_all()
        client, secret = oauth2.create_client(name="Service", scopes=["x"])
        client_id = client.client_id
    page = app.test_client().get(f"/oauth/authorize?client_id={client_id}")
    assert page.status_code == 503
    assert "is not ready for this" in page.text
    data = {"grant_type": "client_credentials", "scope": "x"}
    answer = app.test_client().post("/oauth/token", data=data, auth=(client_id, secret))
    assert opens(app, answer.json["access_token"]) == 200


def test_missing_tables_and_columns_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = bare(tmp_path, SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/x.sqlite")
    db = SQLAlchemy(app)
    with_login(app)
    oauth2 = OAuth2Server(app, db=db)
    http = app.test_client()

    def refused(with_sentence: str) -> None:
        caplog.clear()
        responses = [
            http.post("/oauth/token", data={"grant_type": "x"}),
            http.get("/oauth/ping/"),
            http.get("/oauth/authorize"),
        ]
        assert [response.status_code for response in responses] == [503, 503, 503]
        assert responses[0].json["error"] == "temporarily_unavailable"
        assert with_sentence in caplog.text
        assert "flask oauth2 init-db" in caplog.text

    refused("The table oauth2_client is missing.")
    with app.app_context():
        db.create_all()
        db.session.execute(db.text("ALTER TABLE oauth2_token DROP COLUMN hint"))
        db.session.execute(db.text("ALTER TABLE oauth2_token DROP COLUMN last_used_from"))
        db.session.commit()
    refused("The table oauth2_token lacks hint, last_used_from.")
    with app.app_context():
        assert oauth2.init_db() == ["Added oauth2_token.hint.", "Added oauth2_token.last_used_from."]
    assert http.get("/oauth/ping/").status_code == 401


def test_a_dataclass_base_is_refused_with_advice(tmp_path: Path) -> None:
    class Base(MappedAsDataclass, DeclarativeBase):
        pass

    db = SQLAlchemy()
    db.Model = Base  # Flask-SQLAlchemy 3.1 cannot make one of these with SQLAlchemy 2.1 itself
    with pytest.raises(ConfigurationError, match="MappedAsDataclass"):
        OAuth2Server(db=db)


def test_a_declarative_base_of_2_0(tmp_path: Path) -> None:
    class Base(DeclarativeBase):
        pass

    app = bare(tmp_path)
    db = SQLAlchemy(app, model_class=Base)
    with_login(app)
    oauth2 = OAuth2Server(app, db=db)
    with app.app_context():
        db.create_all()
        assert oauth2.list_clients() == []


# --- users ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Integer, String, Uuid])
def test_user_models_with_keys_of_each_kind(any_database: str, tmp_path: Path, kind: Any) -> None:
    app = bare(tmp_path, SQLALCHEMY_DATABASE_URI=any_database)
    db = SQLAlchemy(app)

    class Person(UserMixin, db.Model):  # type: ignore[name-defined]
        __tablename__ = "test_person"
        key = mapped_column(String(40) if kind is String else kind, primary_key=True)

    keys: dict[Any, Any] = {Integer: 7, String: "Ada", Uuid: uuid.uuid4()}
    with_login(app, lambda _key: None)
    oauth2 = OAuth2Server(app, db=db, user_model=Person)
    oauth2.scopes.register(Scope("x"))
    column = oauth2.models.Token.__table__.c.user_id
    assert next(iter(column.foreign_keys)).ondelete == "CASCADE"

    @app.get("/me")
    @require_oauth("x")
    def me() -> Any:
        from flask_login import current_user

        return {"key": str(current_user.key)}

    with app.app_context():
        db.drop_all()
        db.create_all()
        person = Person(key=keys[kind])
        db.session.add(person)
        db.session.commit()
        token = oauth2.create_personal_token(person, name="x", scopes=["x"])
        assert app.extensions["oauth2server"].subjects.parsed(str(keys[kind])) == keys[kind]
    assert app.test_client().get("/me", headers=bearer(token)).json == {"key": str(keys[kind])}
    with app.app_context():
        db.session.delete(db.session.get(Person, keys[kind]))
        db.session.commit()
        assert db.session.query(oauth2.models.Token).count() == 0
        db.session.remove()
        db.drop_all()
        db.engine.dispose()


def test_a_user_model_with_a_composite_key(tmp_path: Path) -> None:
    app = bare(tmp_path)
    db = SQLAlchemy(app)

    class Odd(db.Model):  # type: ignore[name-defined]
        a = mapped_column(Integer, primary_key=True)
        b = mapped_column(Integer, primary_key=True)

    with pytest.raises(ConfigurationError, match="several columns"):
        OAuth2Server(app, db=db, user_model=Odd)
    other = SQLAlchemy(bare(tmp_path))
    with pytest.raises(ConfigurationError, match="must be a model class"):
        OAuth2Server(db=other, user_model=object)


class Account(UserMixin):
    """A user that is in no database of ours."""

    everybody: dict[str, Account] = {}

    def __init__(self, id_: str, active: bool = True) -> None:
        self.id = id_
        self.active = active

    @property
    def is_active(self) -> bool:
        return self.active


def test_without_a_user_model_the_loader_knows_the_users(any_database: str, tmp_path: Path) -> None:
    accounts = {"Ada": Account("Ada"), "ada": Account("ada")}
    app = bare(tmp_path, SQLALCHEMY_DATABASE_URI=any_database)
    db = SQLAlchemy(app)
    with_login(app, accounts.get)
    oauth2 = OAuth2Server(app, db=db)
    oauth2.scopes.register(Scope("x"))
    with app.app_context():
        db.drop_all()
        db.create_all()
        token = oauth2.create_personal_token(accounts["Ada"], name="x", scopes=["x"])
        assert oauth2.list_personal_tokens(accounts["ada"]) == []
        assert len(oauth2.list_personal_tokens(accounts["Ada"])) == 1
    assert opens(app, token) == 200
    accounts["Ada"].active = False
    assert opens(app, token) == 401
    accounts["Ada"].active = True
    assert opens(app, token) == 200
    del accounts["Ada"]
    assert opens(app, token) == 401
    with app.app_context():
        oauth2.forget_user(Account("Ada"))
        assert db.session.query(oauth2.models.Token).count() == 0
        db.session.remove()
        db.drop_all()
        db.engine.dispose()


def test_an_alternative_token_of_flask_login_is_not_the_stored_key(
    make: Callable[..., Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a user_model the key is the primary key, whatever get_id() says today."""
    provider = make()
    sessions = {"t1": "ada"}
    by_session = lambda self: next((t for t, name in sessions.items() if name == self.name), None)  # noqa: E731
    monkeypatch.setattr(provider.User, "get_id", by_session)
    provider.app.login_manager.user_loader(lambda t: provider.user(sessions[t]) if t in sessions else None)
    client, ada = provider.client(), provider.browser("ada")
    token = client.tokens(ada)["access_token"]
    with provider.app.app_context():
        assert provider.db.session.query(provider.oauth2.models.Token).one().user_id == 1
    sessions.clear()
    sessions["t2"] = "ada"
    assert opens(provider.app, token) == 200
    assert ada.visit(client.address()).headers["Location"].startswith("/login?")
    assert provider.browser("ada").visit(client.address()).status_code == 302


@pytest.mark.parametrize("kind", ["hybrid", "python", "untouched"])
def test_is_active_is_asked_where_the_host_says_it(tmp_path: Path, kind: str) -> None:
    app = bare(tmp_path, SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/x.sqlite")
    db = SQLAlchemy(app)

    class Person(UserMixin, db.Model):  # type: ignore[name-defined]
        id = mapped_column(Integer, primary_key=True)
        state = mapped_column(String(10), default="on")
        if kind == "hybrid":

            @hybrid_property
            def is_active(self) -> bool:
                return self.state == "on"

        elif kind == "python":

            @property
            def is_active(self) -> bool:
                return str(self.state).lower() == "on"

    with_login(app)
    oauth2 = OAuth2Server(app, db=db, user_model=Person)
    with app.app_context():
        db.create_all()
        person = Person()
        db.session.add(person)
        db.session.commit()
        token = oauth2.create_personal_token(person, name="x", scopes=[])
    assert opens(app, token) == 200
    with app.app_context():
        db.session.get(Person, 1).state = "off"
        db.session.commit()
    assert opens(app, token) == (200 if kind == "untouched" else 401)


def test_a_user_that_was_never_stored(provider: Provider) -> None:
    with provider.app.app_context(), pytest.raises(OAuth2ServerError, match="no stored user"):
        provider.oauth2.create_personal_token(provider.User(name="new"), name="x", scopes=[])
    with provider.app.app_context(), pytest.raises(OAuth2ServerError, match="no stored user"):
        provider.oauth2.create_personal_token(object(), name="x", scopes=[])


def test_deleting_a_user_ends_everything_and_is_told(any_provider: Provider) -> None:
    client = any_provider.client()
    tokens = client.tokens(any_provider.browser("ada"))
    kept = client.tokens(any_provider.browser("bob"))
    heard: list[Any] = []

    def hear(app: Any, user_id: Any) -> None:
        heard.append(user_id)

    with any_provider.app.app_context(), signals.user_forgotten.connected_to(hear):
        any_provider.oauth2.create_client(name="Ada's", scopes=[], client_id="adas", owner=any_provider.user("ada"))
        any_provider.db.session.delete(any_provider.user("ada"))
        any_provider.db.session.commit()
        models = any_provider.oauth2.models
        assert any_provider.db.session.query(models.Authorization).count() == 1
        assert any_provider.db.session.query(models.Consent).count() == 1
        assert any_provider.oauth2.get_client("adas").user_id is None
    assert heard == [1]
    assert opens(any_provider.app, tokens["access_token"]) == 401
    assert opens(any_provider.app, kept["access_token"]) == 200


def test_the_subject_hook(provider: Provider) -> None:
    @provider.oauth2.subject
    def subject(user: Any) -> str:
        return f"person-{user.name}"

    client = provider.client()
    token = client.tokens(provider.browser("ada"))["access_token"]
    assert client.post("/oauth/introspect", token=token).json["sub"] == "person-ada"


# --- models ---------------------------------------------------------------------------------------


def test_a_client_of_one_s_own(tmp_path: Path) -> None:
    app = bare(tmp_path)
    db = SQLAlchemy(app)
    with_login(app)

    class MyClient(ClientMixin, db.Model):  # type: ignore[name-defined]
        company = mapped_column(String(50), nullable=True)

    oauth2 = OAuth2Server(app, db=db, Client=MyClient)
    assert oauth2.models.Client is MyClient
    with app.app_context():
        db.create_all()
        client, _ = oauth2.create_client(name="Reader", scopes=[], company="ACME", client_id="r")
        assert client.company == "ACME"
        assert oauth2.edit_client(client, company="Other") == ["company"]
        assert oauth2.get_client("r").company == "Other"


def test_models_that_do_not_fit(tmp_path: Path) -> None:
    db = SQLAlchemy(bare(tmp_path))
    with pytest.raises(ConfigurationError, match="takes a class that inherits ClientMixin"):
        OAuth2Server(db=db, Client=TokenMixin)
    with pytest.raises(ConfigurationError, match="no model 'Klient'"):
        OAuth2Server(db=db, Klient=object)

    class Elsewhere(ClientMixin, db.Model):  # type: ignore[name-defined]
        __tablename__ = "elsewhere"

    with pytest.raises(ConfigurationError, match="must keep __tablename__"):
        OAuth2Server(db=db, Client=Elsewhere)


def test_one_db_has_one_set_of_models(tmp_path: Path) -> None:
    db = SQLAlchemy(bare(tmp_path))
    first, second = OAuth2Server(db=db), OAuth2Server(db=db)
    assert first.models is second.models

    class MyClient(ClientMixin, SQLAlchemy().Model):  # type: ignore[misc]
        pass

    with pytest.raises(ConfigurationError, match="already has models"):
        OAuth2Server(db=db, Client=MyClient)


def test_a_host_may_have_a_token_and_a_client_of_its_own(tmp_path: Path) -> None:
    app = bare(tmp_path)
    db = SQLAlchemy(app)
    with_login(app)

    class Token(db.Model):  # type: ignore[name-defined]
        id = mapped_column(Integer, primary_key=True)
        client_id = mapped_column(db.ForeignKey("client.id"))
        client = db.relationship("Client")

    class Client(db.Model):  # type: ignore[name-defined]
        id = mapped_column(Integer, primary_key=True)

    OAuth2Server(app, db=db)
    with app.app_context():
        db.create_all()
        assert db.session.query(Token).join(Token.client).count() == 0


# --- factories ------------------------------------------------------------------------------------


def test_two_apps_in_one_process(tmp_path: Path) -> None:
    db, oauth2 = SQLAlchemy(), OAuth2Server()
    oauth2.scopes.register(Scope("shared"))

    def create_app(name: str, **config: Any) -> Flask:
        app = bare(tmp_path, SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/{name}.sqlite", **config)
        db.init_app(app)
        with_login(app)
        oauth2.init_app(app, db=db)
        with app.app_context():
            db.create_all()
        return app

    one = create_app("one", OAUTH2_SCOPES={"mine": "Mine"}, OAUTH2_ISSUER="https://one.example")
    two = create_app("two", OAUTH2_ISSUER="https://two.example", OAUTH2_URL_PREFIX="/auth")
    with one.app_context():
        oauth2.create_client(client_id="c", name="In one", scopes=["mine", "shared"])
    with two.app_context():
        assert oauth2.get_client("c") is None
        with pytest.raises(OAuth2ServerError, match="'mine' is not offered here"):
            oauth2.create_client(client_id="c", name="In two", scopes=["mine", "shared"])
    metadata = "/.well-known/oauth-authorization-server"
    assert one.test_client().get(metadata).json["token_endpoint"] == "https://one.example/oauth/token"
    assert two.test_client().get(metadata).json["token_endpoint"] == "https://two.example/auth/token"
    assert two.test_client().get(metadata).json["scopes_supported"] == ["shared", "openid", "offline_access"]
    assert two.test_client().post("/oauth/token").status_code == 404


def test_a_second_init_is_refused_with_advice(provider: Provider) -> None:
    with pytest.raises(RuntimeError, match="already initialised on this app"):
        provider.oauth2.init_app(provider.app)
    with pytest.raises(RuntimeError, match="already initialised on this app"):
        OAuth2Server(provider.app)


def test_an_app_without_an_extensions_attribute(tmp_path: Path) -> None:
    """Of the original's tests: very old Flask had none."""
    app = Flask("host", instance_path=str(tmp_path))
    del app.extensions
    oauth2 = OAuth2Server(app)
    assert app.extensions["oauth2server"].extension is oauth2


# --- settings -------------------------------------------------------------------------------------


def test_no_secret_key(tmp_path: Path) -> None:
    app = bare(tmp_path, SECRET_KEY=None)
    with pytest.raises(ConfigurationError, match="Set SECRET_KEY"):
        OAuth2Server(app, db=SQLAlchemy(app))


@pytest.mark.parametrize(
    "issuer",
    [
        "provider.example",
        "http://provider.example",
        "ftp://provider.example",
        "https://",
        "https://provider.example?x",
        "https://provider.example/#",
        "https://user@provider.example",
        "https://provider.example:port",
        "https://pro vider.example",
        "http://localhost.evil.example",
        "http://127.0.0.1:80@evil.example",
        "https://[::1",
    ],
)
def test_an_issuer_that_is_no_url(tmp_path: Path, issuer: str) -> None:
    app = bare(tmp_path, OAUTH2_ISSUER=issuer)
    with pytest.raises(ConfigurationError, match="OAUTH2_ISSUER must be the https address"):
        OAuth2Server(app, db=SQLAlchemy(app))


@pytest.mark.parametrize(
    "issuer", ["https://h.example/t", "https://h.example:8443", "http://127.0.0.1:5000", "http://[::1]"]
)
def test_issuers_that_are_accepted(tmp_path: Path, issuer: str) -> None:
    app = bare(tmp_path, OAUTH2_ISSUER=issuer)
    db = SQLAlchemy(app)
    with_login(app)
    OAuth2Server(app, db=db)
    with app.test_request_context():
        assert app.extensions["oauth2server"].issuer() == issuer


def test_no_issuer_means_503_with_advice_but_tokens_go_on(make: Callable[..., Provider], caplog: Any) -> None:
    provider = make(config={"OAUTH2_ISSUER": None})
    client = provider.client()
    with provider.app.app_context():
        token = provider.oauth2.create_personal_token(provider.user("ada"), name="x", scopes=["email"])
    assert opens(provider.app, token) == 200
    responses = [
        provider.api().get("/.well-known/oauth-authorization-server"),
        client.post("/oauth/token", grant_type="client_credentials"),
        provider.browser("ada").visit(client.address()),
    ]
    assert [response.status_code for response in responses] == [503, 503, 503]
    assert "OAUTH2_ISSUER is not set" in caplog.text


def test_the_issuer_is_derived_in_debug_only(make: Callable[..., Provider]) -> None:
    provider = make(config={"OAUTH2_ISSUER": None, "DEBUG": True})
    metadata = provider.api().get("/.well-known/oauth-authorization-server", base_url="http://127.0.0.1:5000/app")
    assert metadata.json["issuer"] == "http://127.0.0.1:5000/app"


def test_an_unknown_key_warns_with_the_nearest_known_one(tmp_path: Path) -> None:
    app = bare(tmp_path, OAUTH2_ISUER="https://x.example")
    db = SQLAlchemy(app)
    with_login(app)
    with pytest.warns(UserWarning, match="OAUTH2_ISUER is not a setting .* Did you mean OAUTH2_ISSUER?"):
        OAuth2Server(app, db=db)


def test_the_original_s_cache_key_warns_that_it_does_nothing(tmp_path: Path) -> None:
    app = bare(tmp_path, OAUTH2_CACHE_TYPE="redis")
    db = SQLAlchemy(app)
    with_login(app)
    with pytest.warns(UserWarning, match="OAUTH2_CACHE_TYPE has no effect"):
        OAuth2Server(app, db=db)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("OAUTH2_CODE_EXPIRES_IN", "60"),
        ("OAUTH2_CODE_EXPIRES_IN", -1),
        ("OAUTH2_CODE_EXPIRES_IN", True),
        ("OAUTH2_ENABLE_IMPLICIT", "yes"),
        ("OAUTH2_TOKEN_PREFIX", None),
        ("OAUTH2_LOOPBACK_HOSTS", "localhost"),
        ("OAUTH2_ALLOWED_GRANT_TYPES", "refresh_token"),
        ("OAUTH2_ISSUER", 5),
        ("OAUTH2_TOKEN_PREFIX", "a_b"),
        ("OAUTH2_TOKEN_PREFIX", ""),
    ],
)
def test_a_value_of_the_wrong_kind(tmp_path: Path, key: str, value: Any) -> None:
    app = bare(tmp_path, **{key: value})
    with pytest.raises(ConfigurationError, match=key):
        OAuth2Server(app, db=SQLAlchemy(app))


def test_times_may_be_timedeltas(make: Callable[..., Provider]) -> None:
    from datetime import timedelta

    provider = make(config={"OAUTH2_PROVIDER_TOKEN_EXPIRES_IN": timedelta(minutes=5)})
    assert provider.client().tokens(provider.browser("ada"))["expires_in"] == 300


def test_allowed_grants_and_response_types_narrow_what_is_on(make: Callable[..., Provider]) -> None:
    provider = make(config={"OAUTH2_ALLOWED_GRANT_TYPES": ["authorization_code"], "OAUTH2_ENABLE_IMPLICIT": True})
    metadata = provider.api().get("/.well-known/oauth-authorization-server").json
    assert metadata["grant_types_supported"] == ["authorization_code", "implicit"]
    assert sorted(metadata["response_types_supported"]) == ["code", "id_token", "id_token token", "token"]
    with pytest.raises(OAuth2ServerError, match="'client_credentials' is not offered here"):
        provider.client(redirect_uris=[])
    client = provider.client(grant_types=["authorization_code"])
    assert "refresh_token" not in client.tokens(provider.browser("ada"))
    none = make(config={"OAUTH2_ALLOWED_GRANT_TYPES": ["client_credentials"]})
    assert "response_types_supported" not in none.api().get("/.well-known/oauth-authorization-server").json
    service = none.client(redirect_uris=[])
    page = none.browser("ada").visit(service.address(redirect_uri="https://client.example/cb"))
    assert (page.status_code, "Location" in page.headers) == (400, False)
    narrow = make(config={"OAUTH2_ALLOWED_RESPONSE_TYPES": ["code"], "OAUTH2_ENABLE_IMPLICIT": True})
    metadata = narrow.api().get("/.well-known/oauth-authorization-server").json
    assert metadata["response_types_supported"] == ["code"]


def test_a_change_of_prefix_kills_nothing(tmp_path: Path) -> None:
    from .conftest import close
    from .support import build

    url = f"sqlite:///{tmp_path}/x.sqlite"
    before = build(url)
    token = before.client().tokens(before.browser("ada"))["access_token"]
    with before.app.app_context():
        dump = before.db.session.connection().connection.iterdump()
        script = "\n".join(dump)
    close(before)
    after = build(
        f"sqlite:///{tmp_path}/y.sqlite", config={"OAUTH2_TOKEN_PREFIX": "acme", "OAUTH2_TOKEN_PREFIXES": ["o2"]}
    )
    with after.app.app_context():
        after.db.drop_all()
        after.db.session.connection().connection.executescript(script)
    assert opens(after.app, token) == 200
    fresh = after.client(client_id="new").tokens(after.browser("ada"))["access_token"]
    assert fresh.startswith("acmea_")
    assert opens(after.app, fresh) == 200
    close(after)


def test_the_logger_of_oauthlib_is_capped(make: Callable[..., Provider]) -> None:
    import logging

    logger = logging.getLogger("oauthlib")
    logger.setLevel(logging.DEBUG)
    try:
        make()
        assert logger.getEffectiveLevel() == logging.INFO
        logger.setLevel(logging.DEBUG)
        make(config={"OAUTH2_OAUTHLIB_DEBUG": True})
        assert logger.getEffectiveLevel() == logging.DEBUG
    finally:
        logger.setLevel(logging.NOTSET)


def test_no_transport_switch_of_oauthlib_is_touched(provider: Provider) -> None:
    import os

    client = provider.client()
    assert client.tokens(provider.browser("ada"))
    assert "OAUTHLIB_INSECURE_TRANSPORT" not in os.environ


def test_import_brings_no_optional_machinery() -> None:
    import subprocess
    import sys

    script = (
        "import sys, flask_oauth2server\n"
        "optional = ['flask_limiter', 'flask_migrate', 'segno', 'prometheus_client', 'redis', "
        "'authlib', 'psycopg', 'pymysql']\n"
        "print([name for name in optional if name in sys.modules])"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
