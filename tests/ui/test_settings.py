"""What can use my account: the three lists, and how to end what stands there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask_wtf import CSRFProtect

from flask_oauth2server import Scope, signals

from ..support import CALLBACK, Browser, Client, Provider, answer_of
from .conftest import CONFIG
from .pages import (
    HOME,
    at,
    csrf,
    day,
    landed,
    later,
    names,
    parse,
    personal_token,
    press,
    row,
    said,
    stored,
    words,
    works,
)


def tokens_of(browser: Browser, client: Client) -> list[str]:
    """An access token, and a refresh token to be tried with :func:`refreshes`."""
    given = client.tokens(browser)
    return [given["access_token"], given["refresh_token"]]


def refreshes(client: Client, token: str) -> bool:
    return bool(client.refresh(token).status_code == 200)


def is_asked(browser: Browser, client: Client) -> bool:
    return bool(browser.visit(client.address()).status_code == 200)


# --- who may look ---------------------------------------------------------------------------------


def test_signed_out_people_are_sent_to_sign_in_and_come_back(provider: Provider) -> None:
    browser = provider.browser()
    sent = browser.visit(HOME)
    assert sent.status_code == 302
    assert sent.headers["Location"] == f"/login?next={HOME.replace('/', '%2F')}"
    browser.sign_in("ada")
    assert browser.visit(HOME).status_code == 200


def test_signed_out_it_is_401_where_the_host_has_no_login_page(provider: Provider) -> None:
    provider.app.login_manager.login_view = None  # type: ignore[attr-defined]
    assert provider.browser().visit(HOME).status_code == 401
    assert provider.browser().http.post(f"{HOME}clients/new/", data={"name": "Papers"}).status_code == 401
    assert stored(provider, "Client") == 0


def test_a_token_opens_no_page(provider: Provider, ada: Browser) -> None:
    value = personal_token(ada)
    answer = provider.api().get(HOME, headers={"Authorization": f"Bearer {value}"})
    assert answer.status_code == 302


def test_somebody_whom_the_host_has_shut_out_sees_nothing(provider: Provider, ada: Browser) -> None:
    with provider.app.app_context():
        provider.user("ada").is_active = False
        provider.db.session.commit()
    assert ada.visit(HOME).status_code == 302


# --- what the lists say ---------------------------------------------------------------------------


def test_an_empty_page_says_what_would_stand_here(ada: Browser) -> None:
    page = ada.visit(HOME)
    text = words(page)
    for sentence in (
        "What can use your Meridian account without your password, and what you have built yourself.",
        "No app can use your account",
        "When you sign in somewhere with Meridian, or connect an app to your library, it is listed here: what it may "
        "do, when it last did it, and a button to stop it.",
        "No personal tokens",
        "Make one for each script or computer, so that you can revoke one without touching the rest. You choose what "
        "it may do and when it ends.",
        "Building something for Meridian?",
        "Register it here and people can sign in to it with their Meridian account, or let it work with their library.",
        "Register a name and the address people come back to.",
        "Copy the client ID and secret into your app.",
        "Send people to Meridian; they press Allow and return to you.",
    ):
        assert sentence in text
    assert "curl https://provider.example/oauth/ping/" in text
    assert 'rel="next"' not in page.text
    assert [len(parse(page).all("form")), "Previous" in text] == [0, False]


def test_an_application_says_what_it_can_since_when_and_how_long(provider: Provider, ada: Browser) -> None:
    provider.oauth2.scopes.register(Scope("delete", "Delete everything", powerful=True))
    client = provider.client(
        scopes=["email", "delete"],
        contacts=["dev@reader.example"],
        client_uri="https://reader.example",
        policy_uri="https://reader.example/privacy",
    )
    answer_of(ada.allow(client.address(scope="email delete")))
    shown = row(ada.visit(HOME), "Reader")
    for sentence in (
        "dev@reader.example never used",
        "3 permissions 1 device",
        "It can Read your e-mail address Delete everything Powerful",
        "or until you revoke it",
        "Where it is connected This connection",
        "Allowed",
        "Revoke access for Reader? It loses your account at once. What it has already copied stays with it.",
    ):
        assert sentence in shown.text
    assert "Not checked" not in shown.text
    links = {link.attributes["href"]: link.attributes["rel"] for link in shown.all("a")}
    assert links == dict.fromkeys(
        ("https://reader.example", "https://reader.example/privacy"), "noopener noreferrer nofollow"
    )
    client.tokens(ada)
    assert "last used just now" in row(ada.visit(HOME), "Reader").text
    with later(hours=3):
        assert "last used 3 hours ago" in row(ada.visit(HOME), "Reader").text


def test_an_application_that_signs_in_says_what_it_is_told(provider: Provider, ada: Browser) -> None:
    provider.oauth2.user_claims("name", "nickname", "email")(lambda user: {"name": user.name})
    client = provider.client(scopes=["openid", "email", "profile", "offline_access"])
    asked = {"scope": "openid email", "claims": '{"userinfo": {"nickname": null}}'}
    ada.allow(client.address(**asked))
    shown = row(ada.visit(HOME), "Reader").text
    assert "3 permissions" in shown
    told = "Recognise you by an identifier that stays the same See your nickname See your e-mail address"
    assert f"Signed in with Meridian {told}" in shown
    assert f"Do this until you sign out of Meridian, or until {day(days=365)}" in shown
    assert "See your name" not in shown.partition("Signed in with")[2]
    ada.allow(client.address(scope="openid email offline_access"))
    assert "Do this while you are away" in row(ada.visit(HOME), "Reader").text

    apart = provider.client(name="Clinic", scopes=["openid"], subject_type="pairwise")
    ada.allow(apart.address(scope="openid"))
    assert "Recognise you by an identifier that other apps are not told" in row(ada.visit(HOME), "Clinic").text


def test_the_exact_time_stands_in_the_title(ada: Browser, client: Client) -> None:
    client.tokens(ada)
    for element in row(ada.visit(HOME), "Reader").all("time"):
        assert element.attributes["title"].endswith(" UTC")
        assert element.attributes["datetime"].endswith("Z")


def test_badges_are_for_what_is_not_checked_and_for_the_host_s_own(provider: Provider, ada: Browser) -> None:
    ada.allow(provider.client(name="Stranger", verified=False).address())
    ada.allow(provider.client(name="House", first_party=True).address())
    page = ada.visit(HOME)
    assert row(page, "Stranger").one(class_="o2-row-name").text == "Stranger Not checked"
    assert row(page, "House").one(class_="o2-row-name").text == "House Made by Meridian"


def test_a_client_that_cannot_refresh_is_not_there_while_one_is_away(provider: Provider, ada: Browser) -> None:
    client = provider.client(grant_types=["authorization_code"])
    client.tokens(ada)
    shown = row(ada.visit(HOME), "Reader").text
    assert "while you are away" not in shown
    assert "1 permission 1 device" in shown


def test_devices_and_places_are_shown_where_the_host_keeps_them(keeping: Provider) -> None:
    keeping.oauth2.place(lambda address: {"192.0.2.7": "Leipzig"}.get(address))
    ada, client = keeping.browser("ada"), keeping.client()
    ada.allow(client.address())
    at(ada, "192.0.2.7", "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0")
    ada.visit(client.address())
    shown = [device.text for device in row(ada.visit(HOME), "Reader").one(class_="o2-devices").all("li")]
    assert len(shown) == 2
    assert sum(text.startswith("Firefox on Windows, Leipzig") for text in shown) == 1
    assert sum("127.0.0.1" in text for text in shown) == 1
    page = press(ada, ada.visit(HOME), "Disconnect Firefox on Windows, Leipzig")
    assert said(landed(ada, page)) == "Disconnected. Firefox on Windows, Leipzig can no longer use your account."


def test_nothing_of_that_is_kept_otherwise(provider: Provider, ada: Browser, client: Client) -> None:
    ada.http.get(client.address(), headers={"User-Agent": "Firefox/140.0 Windows"})
    works(provider, client.tokens(ada)["access_token"])
    works(provider, personal_token(ada))
    assert stored(provider, "Authorization", address=None, device=None) == 1
    assert stored(provider, "Token", last_used_from=None) == stored(provider, "Token") == 2
    assert stored(provider, "AuditEvent", address=None, device=None) == stored(provider, "AuditEvent") > 0
    assert "This connection" in row(ada.visit(HOME), "Reader").text


def test_ten_devices_are_shown_and_the_others_counted(provider: Provider, ada: Browser, client: Client) -> None:
    ada.allow(client.address())
    for _ in range(11):
        ada.visit(client.address())
    shown = row(ada.visit(HOME), "Reader")
    assert "12 devices" in shown.text
    assert [len(shown.one(class_="o2-devices").all("form")), "and 2 more" in shown.text] == [10, True]
    assert "It loses your account at once on all 12 devices." in shown.text


def test_more_allowed_later_has_its_own_date(provider: Provider, ada: Browser, client: Client) -> None:
    ada.allow(client.address())
    with later(days=40):
        ada.allow(client.address(scope="email profile"))
        assert ", and more on " in row(ada.visit(HOME), "Reader").text


def test_what_is_only_remembered_is_listed_too(any_provider: Provider) -> None:
    """It would be let in without a question."""
    client, ada = any_provider.client(), any_provider.browser("ada")
    client.tokens(ada)
    with later(days=366):
        shown = row(ada.visit(HOME), "Reader")
        assert "never used 1 permission" in shown.text
        assert "Where it is connected" not in shown.text
        assert not is_asked(ada, client)
        landed(ada, press(ada, ada.visit(HOME), "Revoke access"))
        assert is_asked(ada, client)
        assert names(ada.visit(HOME), "authorised") == []


def test_a_client_that_is_switched_off_can_still_be_ended(provider: Provider, ada: Browser, client: Client) -> None:
    client.tokens(ada)
    with provider.app.app_context():
        provider.oauth2.disable_client(provider.oauth2.get_client(client.client_id))
    landed(ada, press(ada, ada.visit(HOME), "Revoke access"))
    assert names(ada.visit(HOME), "authorised") == []


def test_a_scope_that_is_registered_no_more_is_named_by_its_id(provider: Provider, ada: Browser) -> None:
    provider.oauth2.scopes.register(Scope("old", "An old thing"))
    client = provider.client(scopes=["old"])
    client.tokens(ada, scope="old")
    del provider.oauth2.scopes._scopes["old"]
    assert "It can old" in row(ada.visit(HOME), "Reader").text


# --- revoke and disconnect ------------------------------------------------------------------------


def test_revoke_ends_this_application_of_this_person_on_every_device(any_provider: Provider) -> None:
    reader, other = any_provider.client(), any_provider.client(name="Other")
    ada, bob = any_provider.browser("ada"), any_provider.browser("bob")
    ended = [tokens_of(ada, reader), tokens_of(any_provider.browser("ada"), reader)]
    spared = [tokens_of(bob, reader), tokens_of(ada, other)]
    heard: list[Any] = []

    def hear(app: Any, **told: Any) -> None:
        heard.append((told["client_id"], told["user_id"], told["reason"]))

    with signals.authorization_revoked.connected_to(hear):
        page = landed(ada, press(ada, ada.visit(HOME), "Revoke access", at=reader.client_id))
    assert said(page) == "Access revoked. Reader can no longer use your account."
    assert heard == [(reader.client_id, 1, "revoked by the user")] * 2
    assert [works(any_provider, access) for access, _ in ended] == [False, False]
    assert [refreshes(reader, refresh) for _, refresh in ended] == [False, False]
    assert [works(any_provider, access) for access, _ in spared] == [True, True]
    assert [refreshes(reader, spared[0][1]), refreshes(other, spared[1][1])] == [True, True]
    assert [is_asked(ada, reader), is_asked(bob, reader), is_asked(ada, other)] == [True, False, False]
    assert names(ada.visit(HOME), "authorised") == ["Other"]


def test_disconnect_ends_one_and_keeps_the_consent(provider: Provider) -> None:
    client, ada = provider.client(), provider.browser("ada")
    first, second = tokens_of(ada, client), tokens_of(ada, client)
    with provider.app.app_context():
        user = provider.user("ada")
        public_id = provider.oauth2.list_authorizations(user=user)[0][0].public_id
    page = landed(ada, press(ada, ada.visit(HOME), "Disconnect", at=public_id))
    assert said(page) == "Disconnected. This connection can no longer use your account."
    assert [works(provider, first[0]), refreshes(client, first[1])] == [False, False]
    assert [works(provider, second[0]), refreshes(client, second[1])] == [True, True]
    assert not is_asked(ada, client)


def test_pressing_twice_ends_nothing_else(ada: Browser, client: Client) -> None:
    client.tokens(ada)
    page = ada.visit(HOME)
    assert [press(ada, page, "Disconnect").status_code, press(ada, page, "Disconnect").status_code] == [303, 303]
    assert press(ada, page, "Revoke access").status_code == 303
    assert press(ada, page, "Revoke access").status_code in (303, 404)
    assert names(ada.visit(HOME), "authorised") == []


@pytest.fixture(params=["alone", "CSRFProtect first", "CSRFProtect last"])
def guarded(request: pytest.FixtureRequest, make: Callable[..., Provider]) -> Provider:
    """With and without the host's CSRFProtect."""
    protect = CSRFProtect()

    def before(app: Any) -> None:
        for view in ("login", "logout"):
            protect.exempt(app.view_functions[view])
        if request.param.endswith("first"):
            protect.init_app(app)

    provider = make(config=CONFIG, before=before)
    if request.param.endswith("last"):
        protect.init_app(provider.app)
    return provider


def addresses(provider: Provider, ada: Browser, client: Client) -> list[str]:
    """Everything on the index that a form posts to."""
    access = client.tokens(ada)["access_token"]
    assert works(provider, access)
    assert works(provider, personal_token(ada))
    found = [form.attributes["action"] for form in parse(ada.visit(HOME)).all("form", method="post")]
    assert len(found) == 3, found
    return found


@pytest.mark.parametrize("token", [None, "", "forged", "somebody else's"])
def test_nothing_is_ended_without_a_good_token(guarded: Provider, token: str | None) -> None:
    ada = guarded.browser("ada")
    sent = csrf(guarded.browser("bob")) if token and token.startswith("somebody") else token
    for address in addresses(guarded, ada, guarded.client()):
        answer = ada.http.post(address, data={} if sent is None else {"csrf_token": sent})
        message = said(landed(ada, answer))
        assert message == "This page was open too long, and nothing was changed. Please try again."
    assert stored(guarded, "Authorization", revoked_at=None) == 1
    assert stored(guarded, "Token", revoked_at=None) == 2
    assert stored(guarded, "Consent") == 1


def test_with_a_good_token_everything_is_ended(guarded: Provider) -> None:
    ada = guarded.browser("ada")
    good = csrf(ada)
    for address in addresses(guarded, ada, guarded.client()):
        assert ada.http.post(address, data={"csrf_token": good}).status_code == 303
    page = ada.visit(HOME)
    assert [names(page, "authorised"), names(page, "tokens")] == [[], []]


def test_looking_changes_nothing_and_leads_back(guarded: Provider) -> None:
    ada = guarded.browser("ada")
    for address in addresses(guarded, ada, guarded.client()):
        for method in ("GET", "HEAD"):
            answer = ada.http.open(address, method=method)
            assert (answer.status_code, answer.headers["Location"]) == (303, HOME)
            assert said(ada.visit(HOME)) == ""
        assert ada.http.delete(address).status_code == 405
    assert stored(guarded, "Authorization", revoked_at=None) == 1
    assert stored(guarded, "Token", revoked_at=None) == 2


# --- whose it is ----------------------------------------------------------------------------------


def test_what_is_another_person_s_is_not_there(any_provider: Provider) -> None:
    client, ada, bob = any_provider.client(), any_provider.browser("ada"), any_provider.browser("bob")
    posts = addresses(any_provider, ada, client)
    before = [names(ada.visit(HOME), section) for section in ("authorised", "tokens")]
    good = csrf(bob)
    for address in posts:
        assert bob.visit(address).status_code == 404
        assert bob.http.post(address, data={"csrf_token": good}).status_code == 404
        assert "Reader" not in bob.visit(HOME).text
    assert [names(ada.visit(HOME), section) for section in ("authorised", "tokens")] == before
    assert stored(any_provider, "Authorization", revoked_at=None) == 1
    assert stored(any_provider, "Token", revoked_at=None) == 2


HUGE = "9" * 38
NOWHERE = [
    "authorised/nobody/revoke/",
    "authorised/~1/revoke/",
    "authorised/~99999999999999999/revoke/",
    f"authorised/~{HUGE}/revoke/",
    "authorised/~x/revoke/",
    "authorizations/nothing/disconnect/",
    "tokens/1/",
    "tokens/1/revoke/",
    f"tokens/{HUGE}/",
    f"tokens/{HUGE}/revoke/",
    "security/1/not-me/",
    f"security/{HUGE}/not-me/",
    "clients/~1/",
    "clients/~1/edit/",
    "clients/nobody/",
    f"clients/nobody/secrets/{HUGE}/revoke/",
    "authorised/%00/revoke/",
    "authorizations/%00/disconnect/",
    "clients/a%00/",
    "offers/%00/",
]


def test_what_does_not_exist_is_not_there(any_provider: Provider) -> None:
    any_provider.client()
    ada = any_provider.browser("ada")
    good = csrf(ada)
    for address in NOWHERE:
        for answer in (ada.visit(HOME + address), ada.http.post(HOME + address, data={"csrf_token": good})):
            assert answer.status_code == 404, address
            ours = "There is nothing here It does not exist, or it is somebody else's."
            assert HUGE in address or ours in words(answer)


@pytest.mark.parametrize(
    "client_id", ["a/b", "a%2Fb", ".", "..", "~1", "~2", "~", "a?b=c", "a#b", "a;b", 'a"><b>', "x" * 512, "new", "A"]
)
def test_a_client_of_any_id_can_be_ended_and_edited(provider: Provider, ada: Browser, client_id: str) -> None:
    with provider.app.app_context():
        provider.oauth2.create_client(name="First", client_id="a", redirect_uris=[CALLBACK], scopes=["email"])
        values = {"client_id": client_id, "redirect_uris": [CALLBACK], "scopes": ["email"]}
        _, secret = provider.oauth2.create_client(name="Odd", owner=provider.user("ada"), **values)
    client = Client(provider, client_id, secret, [CALLBACK])
    answer_of(ada.allow(client.address()))
    landed(ada, press(ada, ada.visit(HOME), "Revoke access"))
    assert is_asked(ada, client)
    (address,) = (link.attributes["href"] for link in parse(ada.visit(HOME)).all("a", class_="o2-row"))
    page = ada.visit(address)
    assert page.status_code == 200
    assert parse(page).one("code", id="o2-client-id").text == client_id
    edit = ada.visit(parse(page).all("a", class_="o2-button")[0].attributes["href"])
    page = landed(ada, press(ada, edit, "Save changes", description="Changed"))
    assert "Changed" in words(page)
