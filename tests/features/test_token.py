"""RFC 6749, 2.3, 3.2, 4.4 and 5: the token endpoint and client authentication."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from flask_oauth2server import clock, signals

from ..support import FORM, Browser, Client, Provider, bearer
from .test_authorization_code import assert_refused


def basic(client_id: str, secret: str, encode: Callable[[str], str] = str) -> dict[str, str]:
    pair = f"{encode(client_id)}:{encode(secret)}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def ask(provider: Provider, headers: dict[str, str] | None = None, **data: Any) -> Any:
    return provider.api().post("/oauth/token", data=data, headers=headers or {})


@pytest.fixture
def service(provider: Provider) -> Client:
    return provider.client(name="Service", redirect_uris=[], scopes=["email", "profile"])


# --- client credentials ---------------------------------------------------------------------------


def test_client_credentials_give_a_token_and_no_refresh_token(provider: Provider, service: Client) -> None:
    response = service.post("/oauth/token", grant_type="client_credentials", scope="email")
    assert response.status_code == 200
    assert set(response.json) == {"access_token", "token_type", "expires_in", "scope"}
    assert response.json["expires_in"] == 3600
    assert isinstance(response.json["expires_in"], int)
    assert provider.api().get("/oauth/ping/", headers=bearer(response.json["access_token"])).status_code == 200


def test_a_scope_beyond_the_client_is_refused(provider: Provider, service: Client) -> None:
    assert_refused(service.post("/oauth/token", grant_type="client_credentials", scope="email notes"), "invalid_scope")
    assert_refused(service.post("/oauth/token", grant_type="client_credentials", scope="bogus"), "invalid_scope")
    assert_refused(service.post("/oauth/token", grant_type="client_credentials"), "invalid_scope")


def test_scopes_are_answered_once_each(service: Client) -> None:
    response = service.post("/oauth/token", grant_type="client_credentials", scope="profile email profile")
    assert response.json["scope"] == "profile email"


def test_a_public_client_gets_none(provider: Provider) -> None:
    client = provider.client(token_endpoint_auth_method="none")
    assert_refused(client.post("/oauth/token", grant_type="client_credentials", scope="email"), "invalid_client", 401)


def test_a_grant_that_is_not_registered(client: Client) -> None:
    assert_refused(client.post("/oauth/token", grant_type="client_credentials", scope="email"), "unauthorized_client")


@pytest.mark.parametrize("grant_type", ["password", "implicit", "bogus", "urn:ietf:params:oauth:grant-type:x"])
def test_an_unknown_grant(service: Client, grant_type: str) -> None:
    response = service.post("/oauth/token", grant_type=grant_type, username="ada", password="x")
    assert_refused(response, "unsupported_grant_type")


@pytest.mark.parametrize("grant_type", [None, ""])
def test_no_grant(service: Client, grant_type: str | None) -> None:
    assert_refused(service.post("/oauth/token", grant_type=grant_type), "invalid_request")


# --- how a request has to look --------------------------------------------------------------------


def test_answers_are_json_that_no_cache_keeps(service: Client) -> None:
    for response in (
        service.post("/oauth/token", grant_type="client_credentials", scope="email"),
        service.post("/oauth/token", grant_type="bogus"),
    ):
        assert response.mimetype == "application/json"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Pragma"] == "no-cache"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "FOO"])
def test_other_methods_are_refused_as_json(provider: Provider, method: str) -> None:
    response = provider.api().open("/oauth/token?grant_type=client_credentials", method=method)
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    if method != "HEAD":
        assert response.json["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", json.dumps({"grant_type": "client_credentials"})),
        ("multipart/form-data; boundary=x", "--x--"),
        ("text/plain", "grant_type=client_credentials"),
        (None, "grant_type=client_credentials"),
    ],
)
def test_only_forms_are_read(provider: Provider, service: Client, content_type: str | None, body: str) -> None:
    headers = basic(service.client_id, service.secret or "")
    response = provider.api().post("/oauth/token", data=body, content_type=content_type, headers=headers)
    assert_refused(response, "invalid_request")


def test_a_charset_may_stand_behind_the_content_type(provider: Provider, service: Client) -> None:
    response = provider.api().post(
        "/oauth/token",
        data="grant_type=client_credentials&scope=email",
        content_type=f"{FORM}; charset=UTF-8",
        headers=basic(service.client_id, service.secret or ""),
    )
    assert response.status_code == 200


@pytest.mark.parametrize("name", ["grant_type", "scope", "client_id", "client_secret", "code", "refresh_token"])
def test_a_parameter_sent_twice(provider: Provider, service: Client, name: str) -> None:
    body = f"grant_type=client_credentials&scope=email&{name}=email&{name}=email"
    headers = basic(service.client_id, service.secret or "")
    response = provider.api().post("/oauth/token", data=body, content_type=FORM, headers=headers)
    assert_refused(response, "invalid_request")


@pytest.mark.parametrize("query", ["client_id={id}&client_secret={secret}", "code=x", "grant_type=client_credentials"])
def test_nothing_is_read_from_the_address(provider: Provider, service: Client, query: str) -> None:
    address = "/oauth/token?" + query.format(id=service.client_id, secret=service.secret)
    data = {"grant_type": "client_credentials", "scope": "email"}
    assert_refused(provider.api().post(address, data=data), "invalid_request")
    headers = basic(service.client_id, service.secret or "")
    assert_refused(provider.api().post(address, data=data, headers=headers), "invalid_request")


def test_an_unknown_parameter_is_ignored_wherever_it_stands(provider: Provider, service: Client) -> None:
    headers = basic(service.client_id, service.secret or "")
    data = {"grant_type": "client_credentials", "scope": "email", "user": "1", "scopes": "notes", "response_type": "x"}
    response = provider.api().post("/oauth/token?tenant=1&tenant=2", data=data, headers=headers)
    assert response.status_code == 200
    assert response.json["scope"] == "email"


@pytest.mark.parametrize("raw", ["scope=%ff", "scope=%00", "scope=%ed%a0%80", "%ff=1"])
def test_what_is_no_utf8(provider: Provider, service: Client, raw: str) -> None:
    headers = basic(service.client_id, service.secret or "")
    response = provider.api().post(
        "/oauth/token", data=f"grant_type=client_credentials&{raw}", content_type=FORM, headers=headers
    )
    assert_refused(response, "invalid_request")


def test_a_body_that_is_too_long(provider: Provider) -> None:
    assert_refused(ask(provider, grant_type="x" * 70_000), "invalid_request", 413)


def test_too_many_parameters(provider: Provider) -> None:
    body = "&".join(f"a{number}=1" for number in range(300))
    assert_refused(provider.api().post("/oauth/token", data=body, content_type=FORM), "invalid_request")


def test_a_hook_that_read_the_form_first_does_no_harm(make: Callable[..., Provider]) -> None:
    def before(app: Any) -> None:
        from flask import request

        @app.before_request
        def greedy() -> None:
            request.form.to_dict()

    provider = make(before=before)
    service = provider.client(redirect_uris=[], scopes=["email"])
    assert service.post("/oauth/token", grant_type="client_credentials", scope="email").status_code == 200
    headers = basic(service.client_id, service.secret or "")
    body = "grant_type=client_credentials&grant_type=client_credentials&scope=email"
    response = provider.api().post("/oauth/token", data=body, content_type=FORM, headers=headers)
    assert_refused(response, "invalid_request")


def test_error_bodies_echo_no_secrets(provider: Provider, service: Client) -> None:
    wrong = "o2s_" + "w" * 60
    response = ask(provider, basic(service.client_id, wrong), grant_type="client_credentials")
    assert wrong not in response.text
    assert '"' not in response.json["error_description"]


def test_plain_http_from_another_machine_is_refused(make: Callable[..., Provider]) -> None:
    def from_afar(provider: Provider, **environment: str) -> Any:
        return provider.api().post("/oauth/token", data={"grant_type": "x"}, environ_base=environment)

    provider = make()
    far = {"REMOTE_ADDR": "192.0.2.7"}
    assert from_afar(provider, **far).json["error_description"] == "Use https."
    assert from_afar(provider, **far, HTTP_HOST="localhost").json["error_description"] == "Use https."
    secure = provider.api().post(
        "/oauth/token", data={"grant_type": "x"}, environ_base=far, base_url="https://p.example"
    )
    assert_refused(secure, "invalid_client", 401)
    lax = make(config={"OAUTH2_ALLOW_INSECURE_TRANSPORT": True})
    assert_refused(from_afar(lax, **far), "invalid_client", 401)


# --- client authentication ------------------------------------------------------------------------


def test_a_failed_basic_is_401_with_a_challenge(provider: Provider, service: Client) -> None:
    response = ask(provider, basic(service.client_id, "wrong"), grant_type="client_credentials", scope="email")
    assert_refused(response, "invalid_client", 401)
    assert response.headers["WWW-Authenticate"].startswith("Basic ")


def secrets_that_fail(secret: str) -> list[str]:
    return ["", " ", secret[:-1], secret + "x", secret + "\0", "\0", secret.lower(), "o2s_" + "x" * 66, "x" * 2000, "ü"]


@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_wrong_secrets(provider: Provider, method: str, number: int) -> None:
    service = provider.client(redirect_uris=[], scopes=["email"], token_endpoint_auth_method=method)
    secret = secrets_that_fail(service.secret or "")[number]
    if method == "client_secret_basic":
        headers = basic(service.client_id, secret, lambda text: quote(text, safe=""))
        response = ask(provider, headers, grant_type="client_credentials", scope="email")
    else:
        data = {"client_id": service.client_id, "client_secret": secret}
        response = ask(provider, grant_type="client_credentials", scope="email", **data)
    if "\0" in secret and method == "client_secret_post":
        assert_refused(response, "invalid_request")
    else:
        assert_refused(response, "invalid_client", 401)


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YQ",
        "Basic YQ==",  # no colon
        "Basic OmI=",  # no id
        "Basic /////w==",  # no UTF-8
        "Basic JTAwOmI=",  # NUL
        "Basic " + base64.b64encode(b"%ff:x").decode(),
        "Basic a, Basic b",
        "Basic \t",
    ],
)
def test_a_malformed_basic_header(provider: Provider, header: str) -> None:
    response = ask(provider, {"Authorization": header}, grant_type="client_credentials")
    assert_refused(response, "invalid_client", 401)


def test_two_methods_at_once(provider: Provider, service: Client) -> None:
    headers = basic(service.client_id, service.secret or "")
    data = {"client_id": service.client_id, "client_secret": service.secret}
    response = ask(provider, headers, grant_type="client_credentials", scope="email", **data)
    assert_refused(response, "invalid_request")


def test_client_id_beside_basic_has_to_agree(provider: Provider, service: Client, client: Client) -> None:
    headers = basic(service.client_id, service.secret or "")
    good = ask(provider, headers, grant_type="client_credentials", scope="email", client_id=service.client_id)
    assert good.status_code == 200
    bad = ask(provider, headers, grant_type="client_credentials", scope="email", client_id=client.client_id)
    assert_refused(bad, "invalid_request")


@pytest.mark.parametrize(
    ("registered", "used"),
    [
        ("client_secret_basic", "client_secret_post"),
        ("client_secret_post", "client_secret_basic"),
        ("client_secret_basic", "none"),
        ("client_secret_post", "none"),
    ],
)
def test_the_registered_method_is_enforced(provider: Provider, registered: str, used: str) -> None:
    service = provider.client(redirect_uris=[], scopes=["email"], token_endpoint_auth_method=registered)
    data: dict[str, Any] = {"grant_type": "client_credentials", "scope": "email"}
    headers = basic(service.client_id, service.secret or "") if used == "client_secret_basic" else {}
    if used != "client_secret_basic":
        data["client_id"] = service.client_id
    if used == "client_secret_post":
        data["client_secret"] = service.secret
    assert_refused(ask(provider, headers, **data), "invalid_client", 401)


def test_a_public_client_with_a_secret_is_refused(provider: Provider) -> None:
    client = provider.client(token_endpoint_auth_method="none")
    response = client.post("/oauth/token", grant_type="authorization_code", client_secret="x")
    assert_refused(response, "invalid_client", 401)


def test_a_public_client_without_client_id(provider: Provider, ada: Browser) -> None:
    client = provider.client(token_endpoint_auth_method="none")
    code = client.code(ada)
    response = ask(provider, grant_type="authorization_code", code=code, code_verifier=client.verifier)
    assert_refused(response, "invalid_client", 401)
    assert client.exchange(code).status_code == 200


@pytest.mark.parametrize("secret", ["short", "p:a%s+s w&örd", "=" * 10, "s" * 42, "l" * 43, "ü" * 500])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_brought_along_secrets_and_odd_ids(provider: Provider, method: str, secret: str) -> None:
    """Both halves of Basic are form-encoded (RFC 6749, 2.3.1)."""
    service = provider.client(
        client_id="od:d%id+&",
        client_secret=secret,
        redirect_uris=[],
        scopes=["email"],
        token_endpoint_auth_method=method,
    )
    if method == "client_secret_basic":
        headers = basic(service.client_id, secret, lambda text: quote(text, safe=""))
        response = ask(provider, headers, grant_type="client_credentials", scope="email")
    else:
        data = {"client_id": service.client_id, "client_secret": secret}
        response = ask(provider, grant_type="client_credentials", scope="email", **data)
    assert response.status_code == 200
    with provider.app.app_context():
        row = provider.db.session.query(provider.oauth2.models.ClientSecret).one()
        assert secret not in row.digest
        assert row.digest.startswith("scrypt:") == (len(secret) < 43)
        assert row.imported


def test_an_unknown_client_looks_like_a_wrong_secret(provider: Provider, service: Client) -> None:
    unknown = ask(provider, basic("nobody", "wrong"), grant_type="client_credentials")
    wrong = ask(provider, basic(service.client_id, "wrong"), grant_type="client_credentials")
    assert (unknown.status_code, unknown.json) == (wrong.status_code, wrong.json)
    assert dict(unknown.headers) == dict(wrong.headers)


@pytest.mark.parametrize("secret", ["short", "x" * 66])
def test_the_work_of_a_refusal_does_not_tell_whether_a_client_exists(
    provider: Provider, service: Client, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    """Counted in hashes, since time is noise: none for a long secret, one scrypt for a short one."""
    from flask_oauth2server.domain import secrets

    checked: list[str] = []
    real = secrets.check_password_hash
    monkeypatch.setattr(secrets, "check_password_hash", lambda h, p: checked.append(h) or real(h, p))
    short = provider.client(client_secret="brought", redirect_uris=[], scopes=["email"])
    counts = []
    for client_id in ("nobody", service.client_id, short.client_id):
        checked.clear()
        ask(provider, basic(client_id, secret), grant_type="client_credentials")
        counts.append(len(checked))
    assert counts == ([1, 1, 1] if secret == "short" else [0, 0, 0])


def test_secrets_overlap_until_one_is_revoked(provider: Provider, service: Client) -> None:
    def works(secret: str | None) -> bool:
        headers = basic(service.client_id, secret or "")
        return ask(provider, headers, grant_type="client_credentials", scope="email").status_code == 200

    with provider.app.app_context():
        new = provider.oauth2.rotate_secret(provider.oauth2.get_client(service.client_id))
    assert works(service.secret)
    assert works(new)
    with provider.app.app_context():
        provider.oauth2.revoke_secret(provider.oauth2.get_client(service.client_id), (service.secret or "")[-4:])
    assert not works(service.secret)
    assert works(new)


def test_a_secret_may_be_given_an_end(provider: Provider, service: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with provider.app.app_context():
        provider.oauth2.rotate_secret(provider.oauth2.get_client(service.client_id), old_expire_in=3600)
    headers = basic(service.client_id, service.secret or "")
    assert ask(provider, headers, grant_type="client_credentials", scope="email").status_code == 200
    now = clock.timestamp()
    monkeypatch.setattr(clock, "timestamp", lambda: now + 3601)
    assert_refused(ask(provider, headers, grant_type="client_credentials", scope="email"), "invalid_client", 401)


def test_the_last_use_of_a_secret_is_noted_once_a_minute(
    provider: Provider, service: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def last_used() -> Any:
        with provider.app.app_context():
            return provider.db.session.query(provider.oauth2.models.ClientSecret).one().last_used_at

    start = clock.timestamp()
    seen = []
    for seconds in (0, 30, 61):
        monkeypatch.setattr(clock, "timestamp", lambda seconds=seconds: start + seconds)
        service.post("/oauth/token", grant_type="client_credentials", scope="email")
        seen.append(last_used())
    assert seen[0] == seen[1] < seen[2]


def test_a_disabled_client(provider: Provider, service: Client) -> None:
    token = service.post("/oauth/token", grant_type="client_credentials", scope="email").json["access_token"]
    with provider.app.app_context():
        provider.oauth2.disable_client(provider.oauth2.get_client(service.client_id))
    response = service.post("/oauth/token", grant_type="client_credentials", scope="email")
    assert_refused(response, "invalid_client", 401)
    assert provider.api().get("/oauth/ping/", headers=bearer(token)).status_code == 401
    with provider.app.app_context():
        provider.oauth2.enable_client(provider.oauth2.get_client(service.client_id))
    assert provider.api().get("/oauth/ping/", headers=bearer(token)).status_code == 200


def test_a_deleted_client(any_provider: Provider) -> None:
    client = any_provider.client()
    tokens = client.tokens(any_provider.browser("ada"))
    code = client.code(any_provider.browser("ada"))
    with any_provider.app.app_context():
        any_provider.oauth2.delete_client(any_provider.oauth2.get_client(client.client_id))
        models = any_provider.oauth2.models
        for model in (models.Client, models.ClientSecret, models.Authorization, models.Grant, models.Token):
            assert any_provider.db.session.query(model).count() == 0
    assert any_provider.api().get("/oauth/ping/", headers=bearer(tokens["access_token"])).status_code == 401
    assert_refused(client.exchange(code), "invalid_client", 401)
    again = any_provider.client(client_id=client.client_id)
    assert any_provider.api().get("/oauth/ping/", headers=bearer(tokens["access_token"])).status_code == 401
    assert_refused(again.refresh(tokens["refresh_token"]))


def test_signals_tell_the_private_reason(provider: Provider, service: Client) -> None:
    heard: list[dict[str, Any]] = []

    def hear(app: Any, **arguments: Any) -> None:
        heard.append(arguments)

    with signals.request_refused.connected_to(hear), signals.client_authentication_failed.connected_to(hear):
        ask(provider, basic(service.client_id, "wrong"), grant_type="client_credentials")
        ask(provider, basic("nobody", "wrong"), grant_type="client_credentials")
    assert [event["detail"] for event in heard] == ["the credential is wrong"] * 2 + ["no such client"] * 2


def test_cors_is_answered_also_on_errors(provider: Provider) -> None:
    origin = {"Origin": "https://app.example"}
    preflight = provider.api().options("/oauth/token", headers={**origin, "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Methods"] == "POST"
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    for response in (preflight, provider.api().post("/oauth/token", headers=origin)):
        assert response.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert "Origin" in response.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in response.headers
    introspection = provider.api().post("/oauth/introspect", headers=origin)
    assert "Access-Control-Allow-Origin" not in introspection.headers
