"""The page of one client, and what an administrator does there."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flask_oauth2server import clock
from flask_oauth2server.domain import audit
from flask_oauth2server.storage.daily_counts import Counted
from flask_oauth2server.ui.admin import client_page

from ...support import CALLBACK, Browser, Client, Provider, picture
from ..pages import Element, form, heading, landed, later, parse, press, said, stored, words, works

CLIENTS = "/admin/oauth2/clients/"
READER = f"{CLIENTS}reader/"


@pytest.fixture
def reader(provider: Provider) -> Client:
    """A confidential client that nobody has checked; bob owns it."""
    with provider.app.app_context():
        owner = provider.user("bob")
        return provider.client(client_id="reader", name="Reader", verified=False, owner=owner, logo=picture())


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


# --- check ----------------------------------------------------------------------------------------


def test_a_check_is_given_and_taken_back(provider: Provider, reader: Client, ada: Browser) -> None:
    page = landed(ada, press(ada, ada.visit(READER), "Mark as checked"))
    assert said(page) == "Marked as checked."
    assert "Checked" in facts(page)
    with provider.app.app_context():
        assert model(provider).verified and model(provider).verified_at is not None
    page = landed(ada, press(ada, page, "Take the check back"))
    assert "was taken back" in said(page) and "Checked" not in facts(page)
    with provider.app.app_context():
        assert not model(provider).verified and model(provider).verified_at is None
    with provider.app.app_context():
        notes = provider.oauth2.models.AuditEvent.query.filter(
            provider.oauth2.models.AuditEvent.actor_kind.is_not(None)
        )
        made = [row for row in notes if row.actor_kind == audit.ADMINISTRATOR]
        assert [(row.kind, row.client_name) for row in made] == [
            (audit.CLIENT_CHECKED, "Reader"),
            (audit.CLIENT_CHANGED, "Reader"),
        ]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Reader 2"},
        {"redirect_uris": [CALLBACK, "https://evil.example/"]},
        {"logo": picture(256)},
        {"logo": None},
        {"client_uri": "https://evil.example"},
    ],
    ids=["name", "redirect URIs", "logo", "logo away", "links"],
)
def test_what_was_changed_meanwhile_has_to_be_looked_at_again(
    provider: Provider, reader: Client, ada: Browser, changes: dict[str, Any]
) -> None:
    page = ada.visit(READER)
    with provider.app.app_context():
        provider.oauth2.edit_client(model(provider), by_owner=True, **changes)
    page = landed(ada, press(ada, page, "Mark as checked"))
    assert said(page) == "It was changed meanwhile. Look again before you mark it as checked."
    with provider.app.app_context():
        assert not model(provider).verified
    landed(ada, press(ada, page, "Mark as checked"))  # of the page as it is now
    with provider.app.app_context():
        assert model(provider).verified


def test_another_owner_has_to_be_looked_at_again(provider: Provider, reader: Client, ada: Browser) -> None:
    page = ada.visit(READER)
    with provider.app.app_context():
        server = provider.app.extensions["oauth2server"]
        key = provider.user("ada").id
        server.storage.unit.run(lambda: server.clients.hand_over(model(provider), key))
    assert "Look again" in said(landed(ada, press(ada, page, "Mark as checked")))


def test_a_check_needs_what_was_seen(provider: Provider, reader: Client, ada: Browser) -> None:
    for seen in (None, "", "0" * 64):
        page = press(ada, ada.visit(READER), "Mark as checked", seen=seen)
        assert "Look again" in said(landed(ada, page))
    assert said(landed(ada, press(ada, ada.visit(READER), "Mark as checked", check="perhaps"))) == ""
    with provider.app.app_context():
        assert not model(provider).verified


def test_an_administrator_sees_the_logo_that_is_to_be_checked(provider: Provider, reader: Client, ada: Browser) -> None:
    (image,) = parse(ada.visit(READER)).one(class_="o2-client-head").all("img")
    address = image.attributes["src"]
    assert ada.visit(address).data == picture()
    assert provider.browser("bob").visit(address).status_code == 200  # its owner
    assert provider.browser().visit(address).status_code == 404


# --- disable --------------------------------------------------------------------------------------


def test_a_client_is_disabled_and_enabled_by_one_press(provider: Provider, reader: Client, ada: Browser) -> None:
    token = reader.tokens(provider.browser("bob"))["access_token"]
    page = landed(ada, press(ada, ada.visit(READER), "Disable"))
    assert "Disabled." in said(page) and "Disabled" in parse(page).one(class_="o2-client-facts").text
    assert not works(provider, token)
    page = landed(ada, press(ada, page, "Enable"))
    assert "Enabled." in said(page) and works(provider, token)
    assert said(landed(ada, press(ada, page, "Disable", disable=None))) == ""
    assert works(provider, token)


# --- secrets --------------------------------------------------------------------------------------


def test_a_new_secret_is_shown_once_and_the_old_one_goes_on(provider: Provider, reader: Client, ada: Browser) -> None:
    before = ada.visit(READER)
    page = press(ada, before, "New secret")
    assert page.status_code == 200 and page.headers["Cache-Control"] == "no-store"
    value = parse(page).one("code", id="o2-once-value").text
    assert "goes on working until you revoke it" in words(page)
    assert page.text.count(value) == 1 and value not in ada.visit(READER).text
    for secret in (value, reader.secret):
        client = Client(provider, "reader", secret, [CALLBACK])
        assert "access_token" in client.tokens(provider.browser("bob"))
    again = press(ada, before, "New secret")  # a reload sends the same form
    assert "was shown once and is gone" in words(again) and value not in again.text
    assert stored(provider, "ClientSecret") == 2 and events(provider, audit.SECRET_MADE) == 1


def test_a_form_for_a_secret_needs_its_ticket(provider: Provider, reader: Client, ada: Browser) -> None:
    page = ada.visit(READER)
    assert "open too long" in said(landed(ada, press(ada, page, "New secret", ticket="made up")))
    assert stored(provider, "ClientSecret") == 1


def test_there_are_five_secrets_at_most(provider: Provider, reader: Client, ada: Browser) -> None:
    for _ in range(3):
        press(ada, ada.visit(READER), "New secret")
    page = ada.visit(READER)
    press(ada, page, "New secret")
    fresh = ada.visit(READER)
    assert "Revoke one first." in words(fresh)
    assert not [b for b in parse(fresh).all("button") if b.text.startswith("New secret")]
    late = landed(ada, press(ada, page, "New secret", ticket=_ticket(ada, provider)))
    assert said(late) == "Revoke one first."
    assert stored(provider, "ClientSecret", client_pk=1) == 5


def _ticket(ada: Browser, provider: Provider) -> str:
    """A good ticket for a further secret, from the page of another client."""
    provider.client(client_id="second")
    page = ada.visit(f"{CLIENTS}second/")
    return form(page, "New secret")[0].one("input", name="ticket").attributes["value"]


def test_a_secret_is_revoked(provider: Provider, reader: Client, ada: Browser) -> None:
    press(ada, ada.visit(READER), "New secret")
    page = ada.visit(READER)
    shown = parse(page).all("form")
    forms = [f for f in shown if "/revoke/" in f.attributes.get("action", "")]
    assert len(forms) == 2
    old = forms[1].attributes["action"]
    page = landed(ada, press(ada, page, "Revoke secret", at=old))
    assert said(page) == "The secret is revoked."
    assert reader.post("/oauth/token", grant_type="client_credentials").json["error"] == "invalid_client"
    assert said(landed(ada, press(ada, ada.visit(READER), "Revoke secret"))) == "The secret is revoked."
    assert stored(provider, "ClientSecret", revoked_at=None) == 0


def test_a_secret_of_another_client_is_left_alone(provider: Provider, reader: Client, ada: Browser) -> None:
    provider.client(client_id="other")
    page = ada.visit(READER)
    address = form(page, "Revoke secret")[0].attributes["action"]
    token = form(page, "Revoke secret")[0].one("input", name="csrf_token").attributes["value"]
    answer = ada.http.post(address.replace("/reader/", "/other/"), data={"csrf_token": token})
    assert said(landed(ada, answer)) == ""
    assert stored(provider, "ClientSecret", revoked_at=None) == 2


# --- authorizations -------------------------------------------------------------------------------


def test_the_latest_live_authorizations_stand_there(provider: Provider, reader: Client, ada: Browser) -> None:
    for _ in range(6):
        reader.tokens(provider.browser("bob"), scope="email profile")
    reader.tokens(ada)
    page = ada.visit(READER)
    listed = rows(page, "authorizations")
    assert len(listed) == 5
    assert [row.one("th").text for row in listed][:2] == ["ada", "bob"]
    assert listed[1].all("td")[0].text == "email profile"
    links = [a.text for a in parse(page).one("section", id="authorizations").all("a")]
    assert "All 7" in links and "Its tokens" in links


def test_one_authorization_is_ended_by_one_press(provider: Provider, reader: Client, ada: Browser) -> None:
    first = reader.tokens(provider.browser("bob"))["access_token"]
    second = reader.tokens(ada)["access_token"]
    page = ada.visit(READER)
    end = rows(page, "authorizations")[0].one("form").attributes["action"]  # ada's
    token = form(page, "Disable")[0].one("input", name="csrf_token").attributes["value"]
    assert said(landed(ada, ada.http.post(end, data={"csrf_token": token}))).startswith("Ended.")
    assert works(provider, first) and not works(provider, second)
    assert said(landed(ada, ada.http.post(end, data={"csrf_token": token}))) == "That had ended already."
    provider.client(client_id="other")
    left = rows(ada.visit(READER), "authorizations")[0].one("form").attributes["action"]
    for wrong in (
        left.replace("/reader/", "/other/"),
        re.sub(r"authorizations/.*/end", "authorizations/none/end", left),
    ):
        assert ada.http.post(wrong, data={"csrf_token": token}).status_code == 404
    assert works(provider, first)


def test_all_authorizations_are_ended(provider: Provider, reader: Client, ada: Browser) -> None:
    tokens = [reader.tokens(provider.browser(name))["access_token"] for name in ("ada", "bob")]
    page = ada.visit(READER)
    assert "2 people have to press Allow again." in words(page)
    page = landed(ada, press(ada, page, "End all authorizations"))
    assert said(page) == "All authorizations are ended. People have to press Allow again."
    assert not any(works(provider, token) for token in tokens)
    assert stored(provider, "Consent") == 0
    assert "Nobody has one now." in words(page)


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


# --- delete ---------------------------------------------------------------------------------------


def test_a_client_is_deleted_when_its_name_was_typed(provider: Provider, reader: Client, ada: Browser) -> None:
    token = reader.tokens(provider.browser("bob"))["access_token"]
    page = ada.visit(READER)
    assert "What breaks: 1 person loses the connection at once." in words(page)
    wrong = press(ada, page, "Delete client", confirm_name="Writer")
    assert wrong.status_code == 200 and "That is not its name. Nothing was deleted." in words(wrong)
    assert works(provider, token)
    page = landed(ada, press(ada, page, "Delete client", confirm_name=" Reader "))
    assert said(page) == "Reader is deleted."
    assert not works(provider, token) and ada.visit(READER).status_code == 404
    with provider.app.app_context():
        (event,) = provider.oauth2.models.AuditEvent.query.filter_by(kind=audit.CLIENT_DELETED)
        assert event.client_name == "Reader"


def test_what_breaks_is_told(provider: Provider, ada: Browser) -> None:
    client = provider.client(client_id="robot", redirect_uris=[], grant_types=["client_credentials"], response_types=[])
    assert "Nothing: it was never given a token." in words(ada.visit(f"{CLIENTS}robot/"))
    assert client.post("/oauth/token", grant_type="client_credentials", scope="email").status_code == 200
    assert "Its latest token was issued just now" in words(ada.visit(f"{CLIENTS}robot/"))


def test_what_was_deleted_in_another_tab_is_404(provider: Provider, reader: Client, ada: Browser) -> None:
    page = ada.visit(READER)
    with provider.app.app_context():
        provider.oauth2.delete_client(model(provider))
    for button in ("Mark as checked", "Disable", "New secret", "End all authorizations"):
        assert press(ada, page, button).status_code == 404
