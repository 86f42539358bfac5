"""The page of one client, and what an administrator does there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flask_oauth2server import clock
from flask_oauth2server.storage.daily_counts import Counted
from flask_oauth2server.ui.admin import client_page

from ...support import CALLBACK, Browser, Client, Provider
from ..pages import Element, form, heading, landed, later, parse, press, said, stored, words

CLIENTS = "/admin/oauth2/clients/"
READER = f"{CLIENTS}reader/"


def model(provider: Provider, name: str = "reader") -> Any:
    """The client as it is stored; inside an app context."""
    provider.db.session.expire_all()
    return provider.oauth2.get_client(name)


def facts(page: Any) -> dict[str, str]:
    settings = parse(page).one("section", id="settings").one("dl")
    return dict(zip([e.text for e in settings.all("dt")], [e.text for e in settings.all("dd")], strict=True))


def rows(page: Any, section: str) -> list[Element]:
    return parse(page).one("section", id=section).all("tr")[1:]


def events(provider: Provider, kind: str) -> int:
    return stored(provider, "AuditEvent", kind=kind)


def fail(provider: Provider, client_id: str, **causes: int) -> None:
    """Refusals that are kept."""
    with provider.app.app_context():
        pk = provider.oauth2.get_client(client_id).id
        for cause, times in causes.items():
            for number in range(times):
                values = {"error": "invalid_grant", "status": 400, "endpoint": "oauth2server.access_token", "facts": {}}
                values |= {"client_pk": pk, "client_id": client_id, "created_at": clock.now() - timedelta(hours=number)}
                row = provider.oauth2.models.Failure(reference=f"F-{cause[:4]}-{number}", cause=cause, **values)
                provider.db.session.add(row)
        provider.db.session.commit()


# --- what stands there ----------------------------------------------------------------------------


def test_the_page_tells_what_a_client_is(provider: Provider, reader: Client, ada: Browser) -> None:
    page = ada.visit(READER)
    assert heading(page) == "Reader"
    told = parse(page).one(class_="o2-client-facts").text
    assert told == "Confidential Not checked Enabled owned by bob"
    assert facts(page) == {
        "Redirect URIs": CALLBACK,
        "Scopes": "email profile notes",
        "Grants": "authorization_code refresh_token",
        "Response types": "code",
        "Client authentication": "client_secret_basic",
        "PKCE": "required, S256",
        "Access token": "1 hour",
        "Refresh token": "30 days unused, 365 days at most, replaced at each use",
        "Introspection": "its own tokens",
        "Asking people": "until they allow it",
        "Made": facts(page)["Made"],
    }


def test_what_is_set_otherwise_is_told(provider: Provider, ada: Browser) -> None:
    provider.client(
        client_id="other",
        redirect_uris=["http://127.0.0.1/cb"],
        scopes=["email"],
        require_pkce=False,
        first_party=True,
        may_introspect=True,
        access_token_expires_in=90,
        refresh_token_expires_in=7200,
        refresh_rotation="never",
        policy_uri="https://client.example/privacy",
    )
    told = facts(ada.visit(f"{CLIENTS}other/"))
    assert told["Redirect URIs"] == "http://127.0.0.1/cb any port"
    assert told["PKCE"] == "not required"
    assert (told["Access token"], told["Introspection"]) == ("90 seconds", "any token")
    assert told["Refresh token"] == "2 hours unused, 365 days at most, never replaced"
    assert told["Asking people"] == "never: they are not asked"
    assert told["Privacy policy"] == "https://client.example/privacy"


def test_a_public_client_and_one_of_its_own_name(provider: Provider, ada: Browser) -> None:
    provider.client(client_id="phone", token_endpoint_auth_method="none", application_type="native")
    page = ada.visit(f"{CLIENTS}phone/")
    assert "A public client has no secret." in words(page)
    assert not [b for b in parse(page).all("button") if b.text.startswith("New secret")]
    provider.client(client_id="robot", redirect_uris=[], grant_types=["client_credentials"], response_types=[])
    told = facts(ada.visit(f"{CLIENTS}robot/"))
    assert told["Redirect URIs"] == "none" and told["Grants"] == "client_credentials"
    assert not {"PKCE", "Refresh token", "Response types"} & told.keys()


@pytest.mark.parametrize("seconds", [1, 60, 61, 7200, 86400])
def test_lifetimes_in_words(provider: Provider, seconds: int) -> None:
    told = {1: "1 second", 60: "1 minute", 61: "61 seconds", 7200: "2 hours", 86400: "1 day"}
    with provider.app.test_request_context():
        assert client_page.lasting(seconds) == told[seconds]


def test_a_client_without_an_owner_or_with_one_that_is_gone(provider: Provider, ada: Browser) -> None:
    provider.client(client_id="orphan")
    assert "owned by nobody" in words(ada.visit(f"{CLIENTS}orphan/"))


def test_ids_that_cannot_stand_in_an_address_are_found_by_their_key(provider: Provider, ada: Browser) -> None:
    provider.client(client_id="https://reader.example/client.json", name="By its address")
    with provider.app.app_context():
        pk = model(provider, "https://reader.example/client.json").id
    page = ada.visit(f"{CLIENTS}~{pk}/")
    assert heading(page) == "By its address"
    page = landed(ada, press(ada, page, "Disable"))
    assert heading(page) == "By its address" and "Disabled." in said(page)


@pytest.mark.parametrize("address", ["nobody", "~999999", "READER", "~x"])
def test_what_is_not_there_is_404(provider: Provider, reader: Client, ada: Browser, address: str) -> None:
    assert ada.visit(f"{CLIENTS}{address}/").status_code == 404
    token = form(ada.visit(READER), "Disable")[0].one("input", name="csrf_token").attributes["value"]
    for act in ("check", "disable", "secrets", "sign-out", "delete"):
        assert ada.http.post(f"{CLIENTS}{address}/{act}/", data={"csrf_token": token}).status_code == 404


def test_names_are_names(provider: Provider, ada: Browser) -> None:
    provider.client(client_id="odd", name="<script>x</script> “&amp;”", description="<b>bold</b>")
    page = ada.visit(f"{CLIENTS}odd/")
    assert heading(page) == "<script>x</script> “&amp;”"
    assert "<b>bold</b>" in words(page) and "<script>x" not in page.text


def test_the_block_of_the_host_is_shown(make: Callable[..., Provider], tmp_path: Any) -> None:
    folder = tmp_path / "templates" / "oauth2server" / "admin"
    folder.mkdir(parents=True)
    (folder / "client.html").write_text(
        '{% extends "oauth2server/admin/client_base.html" %}'
        "{% block client_extra %}<p>Ours: {{ app.client_id }}</p>{% endblock %}"
    )
    provider = make(before=lambda app: setattr(app, "template_folder", str(tmp_path / "templates")))
    provider.oauth2.admin_required(lambda _user: True)
    provider.client(client_id="reader")
    assert "Ours: reader" in words(provider.browser("ada").visit(READER))


# --- failures and chart ---------------------------------------------------------------------------


def test_one_cause_of_nearly_all_refusals_stands_on_top(provider: Provider, reader: Client, ada: Browser) -> None:
    fail(provider, "reader", code_used=9, secret_wrong=1)
    page = ada.visit(READER)
    (callout,) = parse(page).all(class_="o2-callout")[:1]
    assert callout.text.startswith(
        "10 requests refused in 7 days, nearly all for one reason: The code was used a second"
    )
    listed = parse(page).one("section", id="failures").all("li")
    assert [row.one(class_="o2-times").text for row in listed] == ["9×", "1×"]
    assert "invalid_grant at access_token" in listed[0].text
    assert callout.one("a").attributes["href"] == listed[0].one("a").attributes["href"]


@pytest.mark.parametrize("causes", [{"code_used": 2}, {"code_used": 5, "secret_wrong": 5}], ids=["few", "several"])
def test_without_one_cause_there_is_no_callout(
    provider: Provider, reader: Client, ada: Browser, causes: dict[str, int]
) -> None:
    fail(provider, "reader", **causes)
    assert "for one reason" not in words(ada.visit(READER))


def test_refusals_of_others_and_of_long_ago_are_not_counted(provider: Provider, reader: Client, ada: Browser) -> None:
    provider.client(client_id="other")
    fail(provider, "other", code_used=9)
    assert "Nothing was refused in the last 7 days." in words(ada.visit(READER))
    fail(provider, "reader", code_used=9)
    with later(days=8):
        browser = provider.browser("ada")
        assert "Nothing was refused in the last 7 days." in words(browser.visit(READER))


def test_all_refusals_are_counted_though_few_are_kept(provider: Provider, reader: Client, ada: Browser) -> None:
    fail(provider, "reader", code_used=5)
    with provider.app.app_context():
        server, pk = provider.app.extensions["oauth2server"], model(provider).id
        counts = {Counted(clock.now().date(), name, pk): times for name, times in (("refused", 184), ("issued", 7))}
        server.storage.unit.run(lambda: server.storage.daily_counts.add(counts))
    page = ada.visit(READER)
    assert "184 requests refused in 7 days, all for one reason" in words(page)
    bars = parse(page).all("svg", class_="o2-bars")
    assert [bar.attributes["aria-label"].partition(" in ")[0] for bar in bars] == [
        *("Tokens issued: 7", "Authorizations granted: 0", "Requests refused: 184"),
    ]
