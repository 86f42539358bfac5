"""A client is tried: what the page shows, keeps and never tells; the ready code below it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from flask_oauth2server.oauth import trial

from ...conftest import close
from ...openid import knowing
from ...support import CALLBACK, Browser, Provider, build
from ..conftest import CONFIG
from ..pages import Element, fields, form, heading, parse, press, said, words

CLIENTS = "/admin/oauth2/clients/"
READER, ROBOT, API = f"{CLIENTS}reader/try/", f"{CLIENTS}robot/try/", f"{CLIENTS}api/try/"
#: So many strange scopes are kept in a form.
MOST_KEPT = 20
NONE = {"token_endpoint_auth_method": "none"}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A provider called Meridian, where ada is an administrator; a client of every kind."""
    provider = build(
        f"sqlite:///{tmp_path_factory.mktemp('trial')}/x.sqlite", config={**CONFIG, "OAUTH2_ENABLE_IMPLICIT": True}
    )
    provider.oauth2.admin_required(lambda user: user.name == "ada")
    provider.client(client_id="reader", redirect_uris=[CALLBACK, "https://client.example/2"])
    provider.client(client_id="robot", redirect_uris=[], grant_types=["client_credentials"], scopes=["email"])
    provider.client(client_id="api", preset="resource-server", redirect_uris=[], scopes=[])
    yield provider
    close(provider)


@pytest.fixture(scope="module")
def ada(provider: Provider) -> Browser:
    """The browser of ada, who is an administrator."""
    return provider.browser("ada")


def tried(browser: Browser, path: str = READER, button: str = "Start", **changes: Any) -> Any:
    page = press(browser, browser.visit(path), button, **changes)
    assert page.status_code == 200
    return page


def panel(page: Any, title: str) -> Element:
    """The card with that heading."""
    (found,) = [e for e in parse(page).all("section") if e.all("h2") and e.all("h2")[0].text == title]
    return found


def test_the_form_begins_with_what_is_registered(ada: Browser) -> None:
    page = ada.visit(READER)
    assert heading(page) == "Try it"
    assert "Nothing has been tried yet." in words(page)
    sent = fields(form(page, "Start")[0])
    assert (sent["redirect_uri"], sent["scopes"]) == ([CALLBACK], ["email", "profile", "notes"])
    assert [option.attributes["value"] for option in parse(page).all("option")] == [
        CALLBACK,
        "https://client.example/2",
    ]


def test_it_works(provider: Provider, ada: Browser) -> None:
    page = tried(ada, scopes=["email"])
    assert re.fullmatch(r"It works\. Code received, exchanged, token valid\. \d+ ms\.", said(page))
    assert panel(page, "Result").text.endswith("The token allowed email. What it obtained is revoked.")
    steps = panel(page, "Requests and answers")
    assert [e.text for e in steps.all("summary")] == ["Authorization request", "Token request", "Refresh"]
    shown = [e.text for e in steps.all("pre")]
    assert shown[0].startswith("GET https://provider.example/oauth/authorize")
    assert f"302 {CALLBACK} code = (53 characters)" in shown[0]
    assert "200 access_token = (53 characters)" in shown[1]
    assert page.headers["Cache-Control"] == "no-store"
    assert not re.search(r"o2[acrs]_\w{20}", page.text)
    with provider.app.app_context():
        rows = provider.db.session.query(provider.oauth2.models.Authorization).filter_by(revoked_at=None)
        assert rows.count() == 0
    assert fields(form(page, "Start")[0])["scopes"] == ["email"]


def test_it_shows_what_the_client_is_told(provider: Provider, ada: Browser) -> None:
    knowing(provider)
    provider.client(client_id="signin", scopes=["openid", "email"])
    page = tried(ada, "/admin/oauth2/clients/signin/try/", scopes=["openid", "email"])
    assert re.fullmatch(r"It works\. Code received, exchanged, ID token valid\. \d+ ms\.", said(page))
    header, claims, userinfo = (json.loads(e.text) for e in panel(page, "What it is told of you").all("pre"))
    assert header["alg"] == "RS256"
    assert (claims["aud"], claims["sub"]) == ("signin", "1")
    assert userinfo["email"] == "ada@example.org"
    assert not re.search(r"eyJ\w{20}", page.text)


def test_a_service_is_tried(ada: Browser) -> None:
    page = ada.visit(ROBOT)
    assert "redirect_uri" not in fields(form(page, "Start")[0])
    assert "Only check the request" not in words(page)
    assert said(tried(ada, ROBOT)).startswith("It works. Token received, valid. ")


def test_only_the_request_is_checked(provider: Provider, ada: Browser) -> None:
    page = tried(ada, button="Only check the request")
    assert said(page).startswith("The request is good. The person would be asked. ")
    assert "It obtained nothing." in panel(page, "Result").text
    provider.client(client_id="ours", first_party=True)
    page = tried(ada, f"{CLIENTS}ours/try/", "Only check the request")
    assert "The person would not be asked: the client is first-party." in said(page)


def test_a_failure_is_explained_in_place(ada: Browser) -> None:
    page = tried(ada, redirect_uri=f"{CALLBACK}/", scopes=["email"])
    assert said(page) == "The redirect URI is not registered."
    assert "It obtained nothing." in panel(page, "Result").text
    difference = panel(page, "The difference")
    assert [mark.text for mark in difference.all("mark")] == ["/"]
    assert "One character more: a slash at the end." in difference.text
    remedy = panel(page, "To fix it")
    (link,) = remedy.all("a")
    assert link.attributes["href"].startswith(f"{CLIENTS}reader/edit/?add_redirect_uri=https://client.example/cb/")
    checks = panel(page, "What was checked, in order").text
    assert "Passed: The client is known" in checks
    assert "Failed: The redirect URI belongs to the client" in checks
    assert "400 error = invalid_request" in panel(page, "Requests and answers").text
    again = fields(form(page, "Start")[0])
    assert (again["redirect_uri"], again["scopes"]) == ([f"{CALLBACK}/"], ["email"])
    assert said(press(ada, page, "Start", redirect_uri=CALLBACK)).startswith("It works.")


@pytest.mark.parametrize(
    ("changes", "words_of_it"),
    [
        ({"scopes": None}, "No scope was asked for"),
        ({"scopes": ["email", "more"]}, "The client may not ask for one of the scopes"),
        ({"scopes": ["\0"]}, "The client may not ask for one of the scopes"),
        ({"scopes": [f"s{n}" for n in range(300)]}, "The client may not ask for one of the scopes"),
        ({"redirect_uri": ""}, "No redirect URI was sent"),
        ({"redirect_uri": "a\0b"}, "The redirect URI is no absolute address"),
        ({"redirect_uri": f"https://client.example/{'x' * 30_000}"}, "The redirect URI is not registered"),
        ({"redirect_uri": "https://client.example/ü</script>\"'"}, ""),
        ({"redirect_uri": None, "scopes": None}, "No redirect URI was sent"),
    ],
)
def test_whatever_is_sent_by_hand_is_answered(ada: Browser, changes: dict[str, Any], words_of_it: str) -> None:
    page = tried(ada, **changes)
    assert said(page).startswith(words_of_it)
    assert panel(page, "To fix it")
    sent = changes.get("scopes", ["email", "profile", "notes"]) or []
    assert fields(form(page, "Start")[0]).get("scopes", []) == sent[:MOST_KEPT]


def test_scopes_of_a_service_are_judged(ada: Browser) -> None:
    assert said(tried(ada, ROBOT, scopes=["more"])).startswith("The client may not ask for one of the scopes")


def test_what_this_server_does_not_offer(provider: Provider, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    server = provider.app.extensions["oauth2server"]
    monkeypatch.delitem(server.grants, "client_credentials")
    assert said(tried(ada, ROBOT)) == "The grant type is not offered here."
    monkeypatch.delitem(server.response_types, "code")
    assert "This server does not offer the code flow." in words(ada.visit(READER))


def test_no_code_for_an_authentication_of_the_hosts_own(
    provider: Provider, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = provider.app.extensions["oauth2server"]
    own = server.client_auths["client_secret_basic"]._replace(find=lambda _: None)
    monkeypatch.setitem(server.client_auths, "by_stamp", own)
    provider.client(client_id="stamped", token_endpoint_auth_method="by_stamp")
    page = ada.visit(f"{CLIENTS}stamped/try/")
    assert panel(page, "Ready code").text.endswith("There is none for a client that authenticates by by_stamp.")


@pytest.mark.parametrize("path", [READER, ROBOT])
def test_a_disabled_client(provider: Provider, ada: Browser, path: str) -> None:
    with provider.app.app_context():
        client = provider.oauth2.get_client(path.split("/")[-3])
        provider.oauth2.disable_client(client)
        page = tried(ada, path)
        provider.oauth2.enable_client(client)
    assert "The client is disabled, and refused whatever it sends." in words(page)
    assert "The client is disabled" in said(page)
    assert "Failed:" in panel(page, "What was checked, in order").text


def test_what_could_not_be_revoked_is_told(ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial._Runner, "_is_refused", lambda *_: False)
    page = tried(ada)
    assert "What it obtained could not be revoked. End it by hand. Its tokens" in panel(page, "Result").text


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"grant_types": ["implicit"], "response_types": ["token"]}, "by the implicit grant, which cannot be tried"),
        ({"redirect_uris": [], "grant_types": ["refresh_token"]}, "None of its grants can be tried here."),
        ({"preset": "resource-server", "redirect_uris": [], "scopes": []}, "there is no flow to try"),
    ],
)
def test_there_is_nothing_to_try(provider: Provider, ada: Browser, values: dict[str, Any], sentence: str) -> None:
    client = provider.client(**values)
    address = f"{CLIENTS}{client.client_id}/"
    for page in (ada.visit(f"{address}try/"), ada.visit(address)):
        assert sentence in words(page)
        assert not [button for button in parse(page).all("button") if button.text == "Start"]
    token = fields(form(ada.visit(READER), "Start")[0])["csrf_token"]
    page = ada.http.post(f"{address}try/", data={"csrf_token": token, "redirect_uri": "x"})
    assert page.status_code == 200
    assert said(page) == ""


def test_without_a_good_csrf_token_nothing_is_run(
    provider: Provider, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "run", None)
    page = tried(ada, csrf_token="forged", redirect_uri="https://kept.example/")
    assert said(page).startswith("This page was open too long")
    assert fields(form(page, "Start")[0])["redirect_uri"] == ["https://kept.example/"]
    assert provider.browser("bob").visit(READER).status_code == 403
    assert ada.visit(f"{CLIENTS}nobody/try/").status_code == 404


def test_the_card_of_the_client_starts_it(ada: Browser) -> None:
    page = ada.visit(f"{CLIENTS}reader/")
    card = panel(page, "Try it")
    assert [a.attributes["href"] for a in card.all("a")] == [READER]
    page = press(ada, page, "Start", scopes=["profile"])
    assert (heading(page), said(page)[:9]) == ("Try it", "It works.")


def test_without_an_issuer(tmp_path: Any) -> None:
    provider = build(f"sqlite:///{tmp_path}/x.sqlite", config={"OAUTH2_ISSUER": None})
    provider.oauth2.admin_required(lambda _: True)
    provider.client(client_id="reader")
    page = provider.browser("ada").visit(READER)
    assert "Set OAUTH2_ISSUER first" in words(page)
    assert "Ready code" not in words(page)
    close(provider)


# --- ready code -----------------------------------------------------------------------------------


def test_ready_code_can_be_copied(provider: Provider, ada: Browser) -> None:
    page = parse(ada.visit(READER))
    ready = panel(ada.visit(READER), "Ready code: People sign in")
    assert "the code reads it from the environment, as CLIENT_SECRET" in ready.text
    titles = [e.text for e in ready.all("summary")]
    assert titles == ["curl", "requests-oauthlib", "Authlib", "flask-oauthlib"]
    buttons = [e.attributes["data-o2-copy"] for e in page.all("button") if "data-o2-copy" in e.attributes]
    assert buttons == [e.attributes["id"] for e in ready.all("pre")]
    assert len(set(buttons)) == len(buttons) == 4
    assert "It knows no PKCE, which this client requires." in ready.text


def test_ready_code_of_others(provider: Provider, ada: Browser) -> None:
    assert "curl" in panel(ada.visit(ROBOT), "Ready code: In its own name").text
    assert "introspect" in panel(ada.visit(API), "Ready code: Is a token good?").text
    provider.client(client_id="page", **NONE)
    assert "It has no secret" in panel(ada.visit(f"{CLIENTS}page/try/"), "Ready code: People sign in").text


def test_values_are_text_of_the_page(provider: Provider, ada: Browser) -> None:
    strange = "a</pre><script>alert(1)</script>\"'"
    client = provider.client(client_id=strange, name="</script><script>", **NONE)
    with provider.app.app_context():
        address = f"{CLIENTS}~{provider.oauth2.get_client(client.client_id).id}/try/"
    page = tried(ada, address)
    assert not [e for e in parse(page).all("script") if "src" not in e.attributes]
    assert strange in parse(page).one("pre", id="code-curl_code").text
