"""Lines of ``tests/REQUIREMENTS.rst`` that no other test of an endpoint covers."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from requests.utils import parse_dict_header

from ..support import CALLBACK, FORM, ISSUER, Browser, Client, Provider, answer_of, bearer, hidden_fields
from .test_authorization_code import assert_refused
from .test_authorize import assert_error, assert_page

METADATA = "/.well-known/oauth-authorization-server"
FOR_PROGRAMS = ["/oauth/token", "/oauth/introspect", "/oauth/revoke"]


# --- the authorization endpoint -------------------------------------------------------------------


def test_scopes_and_parameters_come_in_any_order(client: Client, ada: Browser) -> None:
    """The alternate happy flow, and scopes the other way round."""
    path, _, query = client.address(scope="profile email").partition("?")
    pairs = parse_qsl(query)
    for order in (pairs[::-1], random.Random(7).sample(pairs, len(pairs))):
        answer = answer_of(ada.allow(f"{path}?{urlencode(order)}"))
        assert answer["state"] == "xyz"
        assert client.exchange(answer["code"]).json["scope"] == "profile email"
    again = answer_of(ada.visit(client.address(scope="email profile")))  # no question: it is the same
    assert client.exchange(again["code"]).json["scope"] == "email profile"


@pytest.mark.parametrize(
    "hint",
    [
        {"display": "page"},
        {"display": "popup"},
        {"login_hint": "ada@client.example"},
        {"ui_locales": "se de-CH"},
        {"claims_locales": "se"},
        {"acr_values": "urn:mace:incommon:iap:silver 1"},
        {"nonce": "n" * 64},
        {"nonce": "n" * 384},
        {"extra": "foobar"},
    ],
    ids=lambda hint: next(iter(hint)),
)
def test_hints_and_unknown_parameters_are_no_error(client: Client, ada: Browser, hint: dict[str, str]) -> None:
    answer = answer_of(ada.allow(client.address(**hint)))
    assert set(answer) == {"code", "state", "iss"}
    assert client.exchange(answer["code"]).status_code == 200


@pytest.mark.parametrize("query", ["", "?", "?foo=baz", "?foo=bar&foo=bar", "?foo=bar&x=y", "?x=y&foo=bar", "?Foo=bar"])
def test_another_query_than_the_registered_one_is_a_page(provider: Provider, ada: Browser, query: str) -> None:
    client = provider.client(redirect_uris=[f"{CALLBACK}?foo=bar"])
    assert_page(ada.visit(client.address(redirect_uri=CALLBACK + query)))
    assert answer_of(ada.allow(client.address()))["foo"] == "bar"


@pytest.mark.parametrize("prompt", [None, "none", "login", "consent", "login consent", "bogus"])
@pytest.mark.parametrize("signed_in", [True, False])
def test_a_bad_client_is_a_page_whatever_the_prompt_and_method(
    provider: Provider, client: Client, signed_in: bool, prompt: str | None
) -> None:
    browser = provider.browser("ada" if signed_in else None)
    for changes in ({"client_id": "nobody"}, {"client_id": None}, {"redirect_uri": "https://evil.example/cb"}):
        address = client.address(**changes, prompt=prompt, scope="bogus", max_age="0")
        assert_page(browser.visit(address))
        assert_page(browser.http.post("/oauth/authorize", data=urlsplit(address).query, content_type=FORM))


@pytest.mark.parametrize("mode", ["web_message", "form_post.jwt", "jwt", "query fragment"])
def test_no_response_mode_but_the_announced_ones(provider: Provider, client: Client, ada: Browser, mode: str) -> None:
    assert provider.api().get(METADATA).json["response_modes_supported"] == ["query", "fragment", "form_post"]
    assert_error(ada.visit(client.address(response_mode=mode)), "invalid_request")


def test_a_preflight_opens_the_authorization_endpoint_to_no_origin(client: Client, ada: Browser) -> None:
    headers = {"Origin": "https://client.example", "Access-Control-Request-Method": "GET"}
    for response in (
        ada.http.options(client.address(), headers=headers),
        ada.http.get(client.address(scope="bogus"), headers=headers),
        ada.http.get(client.address(client_id="nobody"), headers=headers),
    ):
        assert not [name for name, _ in response.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("state", ["a\r\nSet-Cookie: x=1", "a\nLocation: https://evil.example/", "\x0b\x85\u2028"])
def test_a_state_splits_no_header(client: Client, ada: Browser, state: str) -> None:
    for response in (ada.allow(client.address(state=state)), ada.visit(client.address(state=state, scope="bogus"))):
        assert answer_of(response)["state"] == state
        assert response.headers["Location"].isascii() and response.headers["Location"].isprintable()
        assert response.headers.get_all("Location") == [response.headers["Location"]]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-For": "evil.example", "X-Forwarded-Prefix": "/evil.example", "X-Forwarded-Port": "666"},
        {"Forwarded": "for=evil.example;host=evil.example;proto=http"},
        {"X-Original-URL": "https://evil.example/", "X-Rewrite-URL": "https://evil.example/"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_no_header_decides_where_an_answer_goes(
    provider: Provider, client: Client, ada: Browser, headers: dict[str, str]
) -> None:
    ada.allow(client.address())
    told = ada.http.get(client.address(prompt="none"), headers={**headers, "Cookie": _cookie(ada)})
    assert answer_of(told)["iss"] == ISSUER
    assert told.headers["Location"].startswith(f"{CALLBACK}?")
    nobody = provider.api()
    for response in (
        nobody.get(client.address(), headers=headers),
        nobody.post("/oauth/authorize", data=urlsplit(client.address()).query, content_type=FORM, headers=headers),
        nobody.get(client.address(prompt="none"), headers=headers),
    ):
        assert response.status_code in (302, 303)
        assert "evil.example" not in response.headers["Location"]


def _cookie(browser: Browser) -> str:
    return f"session={browser.http.get_cookie('session').value}"


SCRIPT = "\"'><script>alert(1)</script>"


def test_what_was_sent_is_shown_escaped_or_not_at_all(provider: Provider, client: Client, ada: Browser) -> None:
    odd = provider.client(name=SCRIPT, description=SCRIPT, contacts=[SCRIPT])
    for page in (
        ada.visit(client.address(state=SCRIPT, nonce=SCRIPT)),
        ada.visit(odd.address(state=SCRIPT)),
        ada.visit(client.address(client_id=SCRIPT)),
        ada.visit(client.address(redirect_uri=f"https://client.example/{SCRIPT}")),
        ada.visit(f"{client.address()}&scope={quote(SCRIPT)}"),
        ada.visit(f"/oauth/errors/?error={quote(SCRIPT)}"),
    ):
        assert page.mimetype == "text/html"
        assert "<script>" not in page.text


@pytest.mark.parametrize("path", FOR_PROGRAMS)
def test_json_is_never_html(client: Client, path: str) -> None:
    response = client.post(path, grant_type=SCRIPT, token=SCRIPT, token_type_hint=SCRIPT)
    assert response.mimetype == "application/json"
    assert "<script" not in response.text
    assert isinstance(json.loads(response.text), dict)


def test_a_get_answers_no_consent_page(provider: Provider, client: Client, ada: Browser) -> None:
    fields = hidden_fields(ada.visit(client.address()))
    page = ada.visit(f"{client.address()}&{urlencode({**fields, 'confirm': 'yes'})}")
    assert page.status_code == 200
    assert 'name="confirm"' in page.text
    with provider.app.app_context():
        models = provider.oauth2.models
        for model in (models.Authorization, models.Grant, models.Consent, models.Replay):
            assert provider.db.session.query(model).count() == 0


@pytest.mark.parametrize("what", ["scope", "client_id", "code_challenge", "state"])
def test_a_very_long_value_is_refused_or_kept_whole(client: Client, ada: Browser, what: str) -> None:
    response = ada.visit(client.address(**{what: "x" * 7000}))
    if what == "state":
        assert answer_of(ada.answer(response))["state"] == "x" * 7000
    elif what == "client_id":
        assert_page(response)
    else:
        assert_error(response, "invalid_scope" if what == "scope" else "invalid_request")


# --- the token endpoint ---------------------------------------------------------------------------


def test_a_confidential_client_authenticates_to_redeem_a_code(provider: Provider, ada: Browser) -> None:
    client = provider.client(token_endpoint_auth_method="client_secret_post")
    other = provider.client(name="Other", token_endpoint_auth_method="client_secret_post")
    code = client.code(ada)
    for secret in (None, "", "wrong", other.secret, (client.secret or "")[:-1]):
        assert_refused(client.exchange(code, basic=False, client_secret=secret), "invalid_client", 401)
    assert client.exchange(code, basic=False, client_secret=client.secret).status_code == 200


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_the_secret_of_another_client_fails(provider: Provider, method: str) -> None:
    values = {"redirect_uris": [], "scopes": ["email"], "token_endpoint_auth_method": method}
    mine, other = provider.client(**values), provider.client(name="Other", **values)
    by_basic = method == "client_secret_basic"

    def answer(secret: str | None) -> Any:
        sent = Client(provider, mine.client_id, secret, [])
        further = {} if by_basic else {"client_secret": secret}
        return sent.post("/oauth/token", basic=by_basic, grant_type="client_credentials", scope="email", **further)

    assert_refused(answer(other.secret), "invalid_client", 401)
    assert answer(mine.secret).status_code == 200


def test_tokens_are_long_enough_and_never_the_same(provider: Provider, client: Client, ada: Browser) -> None:
    """62^22 is more than 2^128, 62^27 more than 2^160."""
    seen: list[str] = [client.secret or ""]
    for _ in range(12):
        tokens = client.tokens(ada)
        seen += [tokens["access_token"], tokens["refresh_token"]]
        seen.append(client.refresh(tokens["refresh_token"]).json["refresh_token"])
    with provider.app.app_context():
        seen.append(provider.oauth2.create_personal_token(provider.user("ada"), name="x", scopes=[]))
    chance = [value.partition("_")[2][:-6] for value in seen]  # less the prefix and the checksum
    assert len(set(chance)) == len(seen)
    assert all(len(text) >= 27 and text.isalnum() and len(set(text)) > 10 for text in chance)
    assert len({text[:8] for text in chance}) == len({text[-8:] for text in chance}) == len(seen)


def test_every_token_answer_is_as_libraries_want_it(provider: Provider, client: Client, ada: Browser) -> None:
    first = client.exchange(client.code(ada))
    service = provider.client(redirect_uris=[], scopes=["email"])
    for response in (
        first,
        client.refresh(first.json["refresh_token"]),
        service.post("/oauth/token", grant_type="client_credentials", scope="email"),
    ):
        assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
        assert response.json["token_type"] == "Bearer"
        assert isinstance(response.json["scope"], str)
        assert isinstance(response.json["expires_in"], int)
        assert None not in response.json.values()
        assert 0 < response.json["expires_in"] <= 3600


def test_a_very_long_scope_or_list_of_scopes_is_refused(provider: Provider) -> None:
    service = provider.client(redirect_uris=[], scopes=["email"])
    for scope in ("x" * 10_000, "email " * 5_000 + "x", " ".join(f"s{number}" for number in range(5_000))):
        response = service.post("/oauth/token", grant_type="client_credentials", scope=scope)
        assert_refused(response, "invalid_scope")
        assert len(response.text) < 500


@pytest.mark.parametrize("path", FOR_PROGRAMS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "PROPFIND"])
def test_programs_are_answered_in_json_whatever_the_verb(provider: Provider, path: str, method: str) -> None:
    response = provider.api().open(path, method=method)
    if method == "OPTIONS" and path != "/oauth/introspect":
        assert (response.status_code, response.text) == (204, "")  # a preflight
        return
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert (response.mimetype, response.headers["Cache-Control"]) == ("application/json", "no-store")


@pytest.mark.parametrize("path", FOR_PROGRAMS)
@pytest.mark.parametrize("content_type", ["application/json", "text/html", "multipart/form-data; boundary=x", "", "x"])
def test_programs_are_answered_in_json_whatever_the_content_type(client: Client, path: str, content_type: str) -> None:
    pair = base64.b64encode(f"{client.client_id}:{client.secret}".encode()).decode()
    response = client.provider.api().post(
        path, data=b'{"token": "x"}', content_type=content_type, headers={"Authorization": f"Basic {pair}"}
    )
    assert_refused(response, "invalid_request")
    assert response.mimetype == "application/json"


# --- browser apps, transport, the resource ----------------------------------------------------------


def test_browser_apps_may_revoke_from_any_origin(provider: Provider, ada: Browser) -> None:
    origin = {"Origin": "https://app.example"}
    client = provider.client(token_endpoint_auth_method="none")
    tokens = client.tokens(ada)
    preflight = provider.api().options("/oauth/revoke", headers={**origin, "Access-Control-Request-Method": "POST"})
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Methods"]) == (204, "POST")
    for data in ({"token": tokens["refresh_token"]}, {}):
        response = client.post("/oauth/revoke", headers=origin, **data)
        assert response.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert "Access-Control-Allow-Credentials" not in response.headers
    assert provider.api().get("/oauth/ping/", headers=bearer(tokens["access_token"])).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/oauth/authorize", 302),
        ("POST", "/oauth/token", 401),
        ("POST", "/oauth/introspect", 401),
        ("POST", "/oauth/revoke", 401),
        ("GET", METADATA, 200),
        ("GET", "/oauth/ping/", 401),
    ],
)
def test_every_endpoint_wants_https_of_other_machines(
    provider: Provider, client: Client, method: str, path: str, status: int
) -> None:
    address = client.address() if path == "/oauth/authorize" else path
    data = {"grant_type": "client_credentials", "client_id": client.client_id} if method == "POST" else None

    def ask(**how: Any) -> Any:
        return provider.api().open(address, method=method, data=data, environ_base={"REMOTE_ADDR": "192.0.2.7"}, **how)

    plain, encrypted = ask(), ask(base_url="https://provider.example")
    assert (plain.status_code, "Location" in plain.headers) == (400, False)
    assert encrypted.status_code == status  # a form is read, and lacks the secret
    if method == "POST":
        assert plain.json["error_description"] == "Use https."


def test_the_challenge_can_be_parsed(provider: Provider, client: Client, ada: Browser) -> None:
    api = provider.api()
    answers = [
        api.get("/oauth/ping/"),
        api.get("/oauth/ping/", headers=bearer("garbage")),
        api.get("/oauth/invalid/"),
        api.get("/oauth/invalid/", headers=bearer(client.tokens(ada)["access_token"])),
    ]
    told = []
    for response in answers:
        (challenge,) = response.headers.get_all("WWW-Authenticate")
        scheme, _, parameters = challenge.partition(" ")
        assert scheme == "Bearer"
        told.append(parse_dict_header(parameters))
        assert response.www_authenticate.parameters == told[-1]
    assert [parameters.get("error") for parameters in told] == [None, "invalid_token", None, "insufficient_scope"]
    assert [parameters.get("scope") for parameters in told] == [None, None, "invalid_scope", "invalid_scope"]


def test_a_challenge_of_the_token_endpoint_names_basic(make: Callable[..., Provider]) -> None:
    response = make().api().post("/oauth/token", data={"grant_type": "client_credentials"})
    assert response.status_code == 401
    assert response.www_authenticate.type == "basic"
    assert response.www_authenticate.parameters["realm"]
