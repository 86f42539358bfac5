"""Real client libraries against a real HTTP server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from flask import Flask, request
from requests_oauthlib import OAuth2Session

from ..serving import serving
from ..support import Provider, hidden_fields


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Provider, str]]:
    """A provider at a loopback address."""
    with serving(tmp_path_factory.mktemp("served")) as found:
        yield found


class Person:
    """Somebody at a browser over HTTP, who allows everything."""

    def __init__(self, base: str) -> None:
        self.http = requests.Session()
        self.base = base
        self.http.post(f"{base}/login", data={"name": "ada"}, allow_redirects=False)

    def allow(self, address: str) -> str:
        """Where the browser is sent in the end."""
        page = self.http.get(address, allow_redirects=False)
        if page.status_code == 200:
            fields = hidden_fields(page)
            page = self.http.post(address, data={**fields, "confirm": "yes"}, allow_redirects=False)
        return str(page.headers["Location"])


@pytest.fixture
def person(served: tuple[Provider, str]) -> Iterator[Person]:
    person = Person(served[1])
    yield person
    person.http.close()


def registered(provider: Provider, **values: Any) -> tuple[str, str]:
    values = {"name": "Library", "redirect_uris": ["http://127.0.0.1:9/cb"], "scopes": ["email", "profile"], **values}
    with provider.app.app_context():
        client, secret = provider.oauth2.create_client(**values)
        return client.client_id, secret


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_authlib(served: tuple[Provider, str], person: Person, method: str) -> None:
    provider, base = served
    client_id, secret = registered(provider, token_endpoint_auth_method=method)
    metadata = requests.get(f"{base}/.well-known/oauth-authorization-server", timeout=5).json()
    with AuthlibSession(
        client_id,
        secret,
        scope="email profile",
        redirect_uri="http://127.0.0.1:9/cb",
        token_endpoint_auth_method=method,
        code_challenge_method="S256",
        revocation_endpoint_auth_method=method,
        introspection_endpoint_auth_method=method,
    ) as session:
        verifier = "v" * 50
        address, _ = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
        answer = person.allow(address)
        token = session.fetch_token(metadata["token_endpoint"], authorization_response=answer, code_verifier=verifier)
        assert token["scope"] == "email profile"
        assert session.get(f"{base}/oauth/ping/").json() == {"ping": "pong"}
        old = token["refresh_token"]
        new = session.refresh_token(metadata["token_endpoint"], refresh_token=old)
        assert new["refresh_token"] != old
        if method != "none":
            told = session.introspect_token(metadata["introspection_endpoint"], token=new["access_token"])
            assert told.json()["active"] is True
        assert session.revoke_token(metadata["revocation_endpoint"], token=new["refresh_token"]).json() == {}
        assert session.get(f"{base}/oauth/ping/").status_code == 401
        with pytest.raises(OAuthError, match="invalid_grant"):
            session.refresh_token(metadata["token_endpoint"], refresh_token=new["refresh_token"])


def test_authlib_client_credentials(served: tuple[Provider, str]) -> None:
    provider, base = served
    client_id, secret = registered(provider, redirect_uris=[])
    with AuthlibSession(client_id, secret, scope="email") as session:
        token = session.fetch_token(f"{base}/oauth/token", grant_type="client_credentials")
        assert "refresh_token" not in token
        assert session.get(f"{base}/oauth/ping/").json() == {"ping": "pong"}


@pytest.fixture
def insecure_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """oauthlib's *client* side refuses http on loopback unless it is told otherwise."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.mark.usefixtures("insecure_client")
def test_requests_oauthlib(served: tuple[Provider, str], person: Person) -> None:
    provider, base = served
    client_id, secret = registered(provider)
    kept: list[Any] = []
    with OAuth2Session(
        client_id,
        redirect_uri="http://127.0.0.1:9/cb",
        scope=["email"],
        pkce="S256",
        auto_refresh_url=f"{base}/oauth/token",
        token_updater=kept.append,
    ) as session:
        address, _ = session.authorization_url(f"{base}/oauth/authorize")
        token = session.fetch_token(
            f"{base}/oauth/token", authorization_response=person.allow(address), client_secret=secret
        )
        assert session.get(f"{base}/oauth/ping/").json() == {"ping": "pong"}
        again = session.refresh_token(f"{base}/oauth/token", auth=(client_id, secret))
        assert again["refresh_token"] != token["refresh_token"]
        assert session.get(f"{base}/oauth/ping/").json() == {"ping": "pong"}


@pytest.mark.usefixtures("insecure_client")
def test_requests_oauthlib_is_told_of_a_refusal(served: tuple[Provider, str], person: Person) -> None:
    from oauthlib.oauth2 import InvalidClientError, InvalidGrantError

    provider, base = served
    client_id, secret = registered(provider)
    with OAuth2Session(client_id, redirect_uri="http://127.0.0.1:9/cb", scope=["email"], pkce="S256") as session:
        address, _ = session.authorization_url(f"{base}/oauth/authorize")
        answer = person.allow(address)
        with pytest.raises(InvalidClientError):
            session.fetch_token(f"{base}/oauth/token", authorization_response=answer, client_secret="wrong")
        session.fetch_token(f"{base}/oauth/token", authorization_response=answer, client_secret=secret)
        with pytest.raises(InvalidGrantError):
            session.fetch_token(f"{base}/oauth/token", authorization_response=answer, client_secret=secret)


@pytest.mark.usefixtures("insecure_client")
def test_the_client_of_flask_oauthlib(served: tuple[Provider, str], person: Person, tmp_path: Any) -> None:
    """It sends neither PKCE nor state, and its secret in the body."""
    from flask import Flask
    from flask_oauthlib.client import OAuth

    provider, base = served
    client_id, secret = registered(provider, require_pkce=False, token_endpoint_auth_method="client_secret_post")
    app = Flask("client")
    app.secret_key = "x"
    remote = OAuth(app).remote_app(
        "provider",
        consumer_key=client_id,
        consumer_secret=secret,
        request_token_params={"scope": "email"},
        base_url=base,
        access_token_method="POST",
        access_token_url=f"{base}/oauth/token",
        authorize_url=f"{base}/oauth/authorize",
    )

    @app.get("/login")
    def login() -> Any:
        return remote.authorize(callback="http://127.0.0.1:9/cb")

    @app.get("/cb")
    def callback() -> Any:
        return dict(remote.authorized_response())

    http = app.test_client()
    answer = person.allow(http.get("/login").headers["Location"])
    assert "state" not in dict(parse_qsl(urlsplit(answer).query))
    token = http.get(f"/cb?{urlsplit(answer).query}").json
    assert token["token_type"] == "Bearer"
    assert token["scope"] == "email"


def test_library_users_see_a_page_and_no_redirect_for_a_foreign_address(
    served: tuple[Provider, str], person: Person
) -> None:
    provider, base = served
    client_id, _ = registered(provider)
    session: Callable[..., Any] = AuthlibSession
    with session(client_id, redirect_uri="https://evil.example/cb", scope="email") as client:
        address, _state = client.create_authorization_url(f"{base}/oauth/authorize")
    page = person.http.get(address, allow_redirects=False)
    assert (page.status_code, "Location" in page.headers) == (400, False)


# --- OpenID Connect ----------------------------------------------------------------------------------


def openid_client(served: tuple[Provider, str], **registered_as: Any) -> tuple[Flask, list[Any]]:
    """A Flask app that signs people in, as Authlib's documentation has it: the discovery document tells it all."""
    provider, base = served
    client_id, secret = registered(
        provider, redirect_uris=["http://localhost/back"], scopes=["openid", "profile"], **registered_as
    )
    app, seen = Flask("client"), []
    app.secret_key = "a secret of the client"
    oauth = OAuth(app)
    oauth.register(
        "provider",
        client_id=client_id,
        client_secret=secret,
        server_metadata_url=f"{base}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid profile", "code_challenge_method": "S256"},
    )

    @app.get("/sign-in")
    def sign_in() -> Any:
        return oauth.provider.authorize_redirect("http://localhost/back", **request.args)

    @app.get("/back")
    def back() -> Any:
        token = oauth.provider.authorize_access_token()
        seen.append((token["userinfo"], oauth.provider.userinfo(token=token)))
        return {}

    return app, seen


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # the name, which is the one that clients know
@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA"])
def test_authlib_signs_people_in(served: tuple[Provider, str], person: Person, alg: str) -> None:
    provider, _ = served
    provider.oauth2.user_claims("name")(lambda user: {"name": user.name})
    app, seen = openid_client(served, id_token_signed_response_alg=alg)
    with app.test_client() as browser:
        address = browser.get("/sign-in").headers["Location"]
        assert "nonce=" in address and "code_challenge=" in address
        answer = person.allow(address)
        assert browser.get(answer.removeprefix("http://localhost")).status_code == 200
    ((id_token, userinfo),) = seen
    assert id_token["sub"] == userinfo["sub"] == "1"
    assert userinfo["name"] == "ada"


def test_authlib_refuses_an_answer_to_another_request(served: tuple[Provider, str], person: Person) -> None:
    """The nonce that comes back is the one that was sent: mixing up two sign-ins does not work."""
    app, seen = openid_client(served)
    with app.test_client() as one, app.test_client() as other:
        first = person.allow(one.get("/sign-in").headers["Location"])
        other.get("/sign-in")
        assert other.get(first.removeprefix("http://localhost")).status_code == 500
    assert seen == []
