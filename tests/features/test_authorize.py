"""RFC 6749, 3.1 and 4.1: the authorization endpoint."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import pytest

from flask_oauth2server import Scope

from ..support import CALLBACK, FORM, ISSUER, Browser, Client, Provider, answer_of, hidden_fields


def assert_page(response: Any, status: int = 400) -> None:
    """A page for people, and no way out to a client."""
    assert response.status_code == status
    assert "Location" not in response.headers
    assert response.mimetype == "text/html"


def assert_same(address: str, other: str) -> None:
    """Equal, whatever of them is percent-encoded."""
    one, two = urlsplit(address), urlsplit(other)
    assert (one.path, parse_qsl(one.query)) == (two.path, parse_qsl(two.query))


def assert_error(response: Any, error: str, state: str | None = "xyz") -> dict[str, str]:
    answer = answer_of(response)
    assert answer["error"] == error
    assert answer.get("state") == state
    assert answer["iss"] == ISSUER
    assert "code" not in answer
    return answer


# --- what comes back ------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["xyz", "a b&c=d#e%20+", "ünïcode ✓", "s" * 384, "'\"<script>", "%00"])
def test_state_comes_back_unchanged(client: Client, ada: Browser, state: str) -> None:
    assert answer_of(ada.allow(client.address(state=state)))["state"] == state


def test_no_state_comes_back_where_none_was_sent(client: Client, ada: Browser) -> None:
    assert "state" not in answer_of(ada.allow(client.address(state=None)))


def test_iss_comes_back_and_is_announced(provider: Provider, client: Client, ada: Browser) -> None:
    metadata = provider.api().get("/.well-known/oauth-authorization-server").json
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert answer_of(ada.allow(client.address()))["iss"] == metadata["issuer"] == ISSUER


def test_the_answer_after_a_post_is_303_and_without_one_302(client: Client, ada: Browser) -> None:
    first = ada.allow(client.address())
    assert (first.status_code, first.headers["Referrer-Policy"]) == (303, "no-referrer")
    assert ada.visit(client.address()).status_code == 302


# --- the redirect URI -----------------------------------------------------------------------------

OTHER_URIS = [
    "https://client.example/cb/",
    "https://client.example/CB",
    "https://client.example/cb?x=1",
    "https://client.example/cb?",
    "https://client.example/cb#",
    "https://client.example/cb#frag",
    "https://client.example/cb;x",
    "https://client.example/a/../cb",
    "https://client.example/%63b",
    "https://client.example/cb%2f",
    "https://client.example:443/cb",
    "https://CLIENT.example/cb",
    "HTTPS://client.example/cb",
    "http://client.example/cb",
    "https://client.example.evil.example/cb",
    "https://client.example@evil.example/cb",
    "https://evil.example/cb",
    "https://evil.example/https://client.example/cb",
    "//client.example/cb",
    "/cb",
    "https://client.example\\@evil.example/cb",
    " https://client.example/cb",
    "https://client.example/cb\n",
    "https://client.example/cb\r\nX-Injected: 1",
    "javascript:alert(1)",
    "urn:ietf:wg:oauth:2.0:oob",
    "https://[::1",
    "https://[0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0/cb",
]


@pytest.mark.parametrize("uri", OTHER_URIS)
@pytest.mark.parametrize("prompt", [None, "none"])
@pytest.mark.parametrize("signed_in", [True, False])
def test_any_other_redirect_uri_is_a_page(
    provider: Provider, client: Client, uri: str, prompt: str | None, signed_in: bool
) -> None:
    browser = provider.browser("ada" if signed_in else None)
    page = browser.visit(client.address(redirect_uri=uri, prompt=prompt))
    assert_page(page)
    assert "mismatching_redirect_uri" in page.text
    assert "javascript:" not in page.text.partition("Technical details")[0]
    assert "evil.example" not in page.text.partition("Technical details")[0]
    assert not re.search(r'(href|action|src)="(javascript|[^"]*evil)', page.text)


@pytest.mark.parametrize("broken", [{"response_type": "bogus"}, {"scope": "bogus"}, {"code_challenge": "x"}])
def test_no_error_of_another_kind_goes_to_an_unregistered_address(
    client: Client, ada: Browser, broken: dict[str, str]
) -> None:
    assert_page(ada.visit(client.address(redirect_uri="https://evil.example/", **broken)))


def test_the_one_redirect_uri_may_be_left_out(client: Client, ada: Browser) -> None:
    response = ada.allow(client.address(redirect_uri=None))
    assert response.headers["Location"].startswith(f"{CALLBACK}?code=")


def test_of_several_redirect_uris_one_must_be_named(provider: Provider, ada: Browser) -> None:
    client = provider.client(redirect_uris=[CALLBACK, "https://client.example/other"])
    assert_page(ada.visit(client.address(redirect_uri=None)))
    assert answer_of(ada.allow(client.address(redirect_uri="https://client.example/other")))["code"]


def test_a_query_that_was_registered_is_kept_as_it_is(provider: Provider, ada: Browser) -> None:
    client = provider.client(redirect_uris=["https://client.example/cb?a&b=1"])
    location = ada.allow(client.address()).headers["Location"]
    assert location.startswith("https://client.example/cb?a&b=1&code=o2c_")


@pytest.mark.parametrize("port", ["", ":1", ":8080", ":65535"])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_on_loopback_any_port_will_do(provider: Provider, ada: Browser, host: str, port: str) -> None:
    client = provider.client(redirect_uris=[f"http://{host}/cb?x=1"], token_endpoint_auth_method="none")
    response = ada.allow(client.address(redirect_uri=f"http://{host}{port}/cb?x=1"))
    assert response.headers["Location"].startswith(f"http://{host}{port}/cb?x=1&code=")


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:99999999/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:80a/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1:8080/cb2",
        "http://127.0.0.1:8080/cb?x",
        "http://127.0.0.2:8080/cb",
        "http://localhost:8080/cb",
        "http://localhost/cb",
        "https://127.0.0.1:8080/cb",
        "http://127.0.0.1:8080\\@evil.example/cb",
        "http://127.0.0.1:٨٠/cb",
        "http://[::1]:8080/cb",
    ],
)
def test_on_loopback_nothing_but_the_port_may_vary(provider: Provider, ada: Browser, uri: str) -> None:
    client = provider.client(redirect_uris=["http://127.0.0.1/cb"], token_endpoint_auth_method="none")
    assert_page(ada.visit(client.address(redirect_uri=uri)))


def test_localhost_counts_as_loopback_only_where_it_is_set(make: Any) -> None:
    provider = make(config={"OAUTH2_LOOPBACK_HOSTS": ["localhost"]})
    client = provider.client(redirect_uris=["http://localhost/cb"], token_endpoint_auth_method="none")
    response = provider.browser("ada").allow(client.address(redirect_uri="http://localhost:9999/cb"))
    assert response.headers["Location"].startswith("http://localhost:9999/cb?code=")


def test_a_private_use_scheme_gets_its_answer(provider: Provider, ada: Browser) -> None:
    uri = "com.example.reader:/cb"
    client = provider.client(redirect_uris=[uri], token_endpoint_auth_method="none", application_type="native")
    page = ada.visit(client.address())
    assert "This app runs on your device." in page.text
    assert page.headers["Content-Security-Policy"].find("form-action 'self' https: com.example.reader:;") > 0
    assert ada.answer(page).headers["Location"].startswith("com.example.reader:/cb?code=")


# --- the client -----------------------------------------------------------------------------------


@pytest.mark.parametrize("client_id", ["nobody", "READER", "reader ", "r%00", "ü", "x" * 3000, "' OR 1=1 --"])
def test_an_unknown_client_is_a_page(provider: Provider, ada: Browser, client_id: str) -> None:
    client = provider.client(client_id="reader")
    page = ada.visit(client.address(client_id=client_id))
    assert_page(page)
    assert "invalid_client_id" in page.text


def test_no_client_at_all_is_a_page(client: Client, ada: Browser) -> None:
    assert_page(ada.visit(client.address(client_id=None)))
    assert_page(ada.visit("/oauth/authorize"))


def test_a_disabled_client_is_a_page(provider: Provider, client: Client, ada: Browser) -> None:
    with provider.app.app_context():
        provider.oauth2.disable_client(provider.oauth2.get_client(client.client_id))
    page = ada.visit(client.address())
    assert_page(page)
    assert "has been switched off" in page.text


# --- errors that go back --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "bogus"}, "unsupported_response_type"),
        ({"response_type": "xcodex"}, "unsupported_response_type"),
        ({"response_type": "none"}, "unsupported_response_type"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"scope": "bogus"}, "invalid_scope"),
        ({"scope": "email bogus"}, "invalid_scope"),
        ({"scope": "Email"}, "invalid_scope"),
        ({"scope": 'em"ail'}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"prompt": "bogus"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "1e3"}, "invalid_request"),
        ({"max_age": "٣"}, "invalid_request"),
        ({"max_age": "9" * 30}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"request_uri": "https://client.example/r"}, "request_uri_not_supported"),
        ({"response_mode": "bogus"}, "invalid_request"),
        ({"response_mode": "web_message"}, "invalid_request"),
    ],
)
def test_other_errors_go_back_to_the_client(
    client: Client, ada: Browser, changes: dict[str, str | None], error: str
) -> None:
    response = ada.visit(client.address(**changes))
    answer = assert_error(response, error)
    parts = urlsplit(response.headers["Location"])
    assert response.headers["Location"].startswith(f"{CALLBACK}?error=")
    assert not parts.fragment
    assert all(" " <= c <= "~" and c not in '"\\' for c in answer["error_description"])


def test_a_grant_that_the_client_has_not_registered(provider: Provider, ada: Browser) -> None:
    provider_client = provider.client(response_types=[], grant_types=["client_credentials"])
    assert_error(ada.visit(provider_client.address()), "unauthorized_client")


def test_an_error_redirect_lets_no_stale_fragment_through(client: Client, ada: Browser) -> None:
    """A browser attaches the request's fragment to a Location that has none (RFC 9700, 4.1.3)."""
    assert ada.visit(client.address(scope="bogus")).headers["Location"].endswith("#")


def test_an_unverified_client_gets_an_error_by_a_button_only(make: Any) -> None:
    provider = make()
    client, ada = provider.client(verified=False), provider.browser("ada")
    page = ada.visit(client.address(scope="bogus"))
    assert (page.status_code, "Location" in page.headers) == (200, False)
    assert "Go to client.example" in page.text
    assert f'href="{CALLBACK}?error=invalid_scope&amp;state=xyz' in page.text
    assert_error(ada.visit(client.address(scope="bogus", prompt="none")), "invalid_scope")
    assert_error(ada.answer(ada.visit(client.address()), "no"), "access_denied")
    other = make(config={"OAUTH2_CONFIRM_UNVERIFIED_ERRORS": False})
    assert_error(other.browser("ada").visit(other.client(verified=False).address(scope="bogus")), "invalid_scope")


# --- parameters -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "code_challenge",
        "code_challenge_method",
        "prompt",
    ],
)
def test_a_parameter_sent_twice_is_refused_without_a_redirect(client: Client, ada: Browser, name: str) -> None:
    assert_page(ada.visit(f"{client.address(prompt='consent')}&{name}=again"))
    assert_page(ada.visit(f"{client.address(prompt='consent')}&{name}=email"))


def test_unknown_parameters_are_ignored_even_twice(client: Client, ada: Browser) -> None:
    assert answer_of(ada.allow(f"{client.address()}&foo=1&foo=2&user=bob&client=x&scopes=all&claims=%7B%7D"))["code"]


def test_empty_parameters_count_as_absent(client: Client, ada: Browser) -> None:
    assert answer_of(ada.allow(f"{client.address()}&prompt=&max_age=&request=&response_mode="))["code"]
    assert_error(ada.visit(client.address(response_type="")), "invalid_request")
    assert_error(ada.visit(client.address(code_challenge="", code_challenge_method="")), "invalid_request")


@pytest.mark.parametrize("raw", ["%ff", "%ed%a0%80", "%c0%80", "%00"])
def test_what_is_no_utf8_is_a_page(client: Client, ada: Browser, raw: str) -> None:
    assert_page(ada.visit(f"{client.address(state=None)}&state={raw}"))


@pytest.mark.parametrize("query", ["%", "%zz", "&&&", "=", "a", "client_id", "?", "%3f", "client_id=%"])
def test_garbage_is_a_page(provider: Provider, ada: Browser, query: str) -> None:
    assert_page(ada.visit(f"/oauth/authorize?{query}"))


def test_a_redirect_uri_cannot_add_a_second_code_or_state(client: Client, ada: Browser) -> None:
    evil = quote(f"{CALLBACK}?code=evil&state=evil", safe="")
    assert_page(ada.visit(f"{client.address(redirect_uri=None)}&redirect_uri={evil}"))
    answer = answer_of(ada.allow(client.address(state="x&code=evil&state=evil")))
    assert answer["state"] == "x&code=evil&state=evil"
    assert answer["code"].startswith("o2c_")


def test_post_works_like_get(provider: Provider, client: Client, ada: Browser) -> None:
    query = urlsplit(client.address()).query
    moved = ada.http.post("/oauth/authorize", data=query, content_type=FORM)
    assert moved.status_code == 303
    assert moved.headers["Location"] == client.address()
    assert answer_of(ada.allow(moved.headers["Location"]))["state"] == "xyz"
    bad = urlencode({"client_id": client.client_id, "redirect_uri": "https://evil.example/"})
    assert_page(ada.http.post("/oauth/authorize", data=bad, content_type=FORM))
    assert_page(ada.http.post("/oauth/authorize", data=f"{query}&state=2", content_type=FORM))
    assert_page(ada.http.post("/oauth/authorize", data="{}", content_type="application/json"))
    long = urlencode({"client_id": client.client_id, "response_type": "code", "state": "s" * 9000})
    assert_page(ada.http.post("/oauth/authorize", data=long, content_type=FORM), 414)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "FOO"])
def test_other_methods_are_a_page(client: Client, ada: Browser, method: str) -> None:
    response = ada.http.open(client.address(), method=method)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, POST"
    assert "Location" not in response.headers


# --- the person -----------------------------------------------------------------------------------


def test_nobody_is_redirected_to_a_client_before_signing_in(provider: Provider, client: Client) -> None:
    nobody = provider.browser()
    for address in (client.address(), client.address(scope="bogus"), client.address(response_type="bogus")):
        response = nobody.visit(address)
        assert response.status_code == 302
        path, _, query = response.headers["Location"].partition("?next=")
        assert path == "/login"
        assert_same(unquote(query), address)


def test_signing_in_leads_back_to_the_request(provider: Provider, client: Client) -> None:
    browser = provider.browser()
    login = browser.visit(client.address()).headers["Location"]
    back = browser.http.post(login, data={"name": "ada"})
    assert_same(back.headers["Location"], client.address())
    assert answer_of(browser.allow(back.headers["Location"]))["code"]


def test_prompt_none_without_a_session(provider: Provider, client: Client) -> None:
    assert_error(provider.browser().visit(client.address(prompt="none")), "login_required")


def test_prompt_none_without_consent_never_makes_one(provider: Provider, client: Client, ada: Browser) -> None:
    assert_error(ada.visit(client.address(prompt="none")), "consent_required")
    assert_error(ada.visit(client.address(prompt="none")), "consent_required")
    ada.allow(client.address())
    assert answer_of(ada.visit(client.address(prompt="none")))["code"]
    assert_error(ada.visit(client.address(prompt="none", scope="email profile")), "consent_required")


def test_a_deactivated_person_gets_no_code(provider: Provider, client: Client, ada: Browser) -> None:
    ada.allow(client.address())
    with provider.app.app_context():
        provider.user("ada").is_active = False
        provider.db.session.commit()
    assert ada.visit(client.address()).headers["Location"].startswith("/login?")
    assert_error(ada.visit(client.address(prompt="none")), "login_required")


def test_a_user_of_a_request_loader_is_no_person(make: Any) -> None:
    """A page can only be answered by somebody at a browser, not by whoever holds a key or a token."""
    provider = make()

    @provider.app.login_manager.request_loader
    def load(request: Any) -> Any:
        return provider.user("ada") if request.headers.get("X-Key") == "ada" else None

    client = provider.client()
    response = provider.api().get(client.address(), headers={"X-Key": "ada"})
    assert response.headers["Location"].startswith("/login?")


def test_an_access_token_is_no_person(provider: Provider, client: Client, ada: Browser) -> None:
    token = client.tokens(ada)["access_token"]
    response = provider.api().get(client.address(), headers={"Authorization": f"Bearer {token}"})
    assert response.headers["Location"].startswith("/login?")


# --- headers --------------------------------------------------------------------------------------


def test_pages_carry_the_security_headers(provider: Provider, client: Client, ada: Browser) -> None:
    pages = [ada.visit(client.address()), ada.visit(client.address(client_id="x")), ada.visit("/oauth/errors/")]
    for page in pages:
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page.text))
        assert " style=" not in page.text


def test_the_form_may_lead_to_the_redirect_uri(provider: Provider, ada: Browser) -> None:
    local = provider.client(redirect_uris=["http://127.0.0.1/cb"], token_endpoint_auth_method="none")
    page = ada.visit(local.address(redirect_uri="http://127.0.0.1:5005/cb"))
    assert "form-action 'self' https: http://127.0.0.1:5005;" in page.headers["Content-Security-Policy"]


def test_there_is_no_cors_on_the_authorization_endpoint(client: Client, ada: Browser) -> None:
    response = ada.http.get(client.address(), headers={"Origin": "https://client.example"})
    assert not [name for name, _ in response.headers if name.startswith("Access-Control")]


def test_the_error_page_echoes_no_text_of_its_address(provider: Provider) -> None:
    browser = provider.browser()
    page = browser.visit("/oauth/errors/?error=<script>alert(1)</script>&error_description=pwned")
    assert page.status_code == 200
    assert "pwned" not in page.text
    assert "alert" not in page.text
    assert "access_denied" in browser.visit("/oauth/errors/?error=access_denied").text


def test_the_host_may_render_error_pages_itself(make: Any) -> None:
    provider = make(config={"OAUTH2_PROVIDER_ERROR_ENDPOINT": "my_error"})
    provider.app.add_url_rule("/my-error", "my_error", lambda: "our own page")
    page = provider.browser().visit("/oauth/authorize")
    assert (page.status_code, page.text) == (400, "our own page")


def test_names_of_clients_are_escaped(provider: Provider, ada: Browser) -> None:
    client = provider.client(name="<script>alert(1)</script>", client_uri="https://x.example/'onclick='x")
    page = ada.visit(client.address())
    assert "<script>" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text


def test_a_default_scope_is_taken_where_none_is_asked_for(make: Any) -> None:
    provider = make()
    provider.oauth2.scopes.register(Scope("basic", "Know that you are here", default=True))
    client = provider.client(scopes=["basic", "email"])
    assert client.tokens(provider.browser("ada"), scope=None)["scope"] == "basic"


def test_hidden_fields_bind_nothing_that_can_be_changed(client: Client, ada: Browser) -> None:
    # "next" is the other form's, by which somebody else may sign in; it is held to paths of this server.
    assert set(hidden_fields(ada.visit(client.address()))) == {"csrf_token", "ticket", "next"}
