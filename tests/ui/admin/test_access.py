"""Tokens and authorizations of everybody: found, looked at, ended; values are nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import chain
from typing import Any
from urllib.parse import quote

import pytest

from flask_oauth2server import clock
from flask_oauth2server.domain import audit

from ...conftest import close
from ...support import Browser, Client, Provider, build
from ..conftest import CONFIG
from ..pages import Element, fields, form, landed, later, parse, personal_token, press, said, stored, words, works

TOKENS, AUTHORIZATIONS = "/admin/oauth2/tokens/", "/admin/oauth2/authorizations/"
FIND, END = f"{TOKENS}find/", "/admin/oauth2/access/end/"
ODD = ("-1", "0", "x", "9" * 400, "1e9", "٣", "\0", "🙂", "' OR 1=1 --", "~", "~9", "%", "a" * 5000)


def rows(page: Any) -> list[Element]:
    """The rows of the table."""
    return parse(page).one("tbody").all("tr")


def texts(page: Any) -> list[str]:
    """What is read of each row."""
    return [row.text for row in rows(page)] if parse(page).all("tbody") else []


def confirmed(browser: Browser, page: Any, button: str) -> Any:
    """The page after the one that asks."""
    return landed(browser, press(browser, page, button))


def own_token(provider: Provider) -> tuple[Client, str]:
    """A client that acts for itself, and its token."""
    robot = provider.client(client_id="robot", name="Robot", redirect_uris=[], grant_types=["client_credentials"])
    answer = robot.post("/oauth/token", grant_type="client_credentials", scope="email")
    return robot, answer.json["access_token"]


# --- looking --------------------------------------------------------------------------------------


class House:
    """A provider with something of everything; ada is its administrator."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        provider.oauth2.admin_required(lambda user: user.name == "ada")
        self.ada, self.bob = provider.browser("ada"), provider.browser("bob")
        self.reader = provider.client(client_id="reader")
        self.given = self.reader.tokens(self.bob)
        self.laptop = personal_token(self.bob, "laptop")
        self.own = own_token(provider)[1]
        self.ada_laptop = personal_token(self.ada, "desk")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all tests that look."""
    provider = build(f"sqlite:///{tmp_path_factory.mktemp('access')}/house.sqlite", config=CONFIG)
    yield House(provider)
    close(provider)


def test_all_tokens_are_listed_and_no_value_is(house: House) -> None:
    page = house.ada.visit(TOKENS)
    assert [text.split(" email ")[0] for text in texts(page)] == [
        f"Personal token of ada, issued just now ada desk o2p_…{house.ada_laptop[-4:]}",
        "Client's own token of Robot, issued just now nobody Robot",
        f"Personal token of bob, issued just now bob laptop o2p_…{house.laptop[-4:]}",
        "Access and refresh token of bob, issued just now bob Reader",
    ]
    for value in (house.given["access_token"], house.given["refresh_token"], house.own):
        assert value not in page.text and value[-4:] not in page.text
    text = texts(house.ada.visit(AUTHORIZATIONS))
    assert len(text) == 1 and text[0].startswith("bob Reader email just now just now in 30 days End… Reader for bob")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("user=bob", ["laptop", "Reader"]),
        ("user=BO", ["laptop", "Reader"]),
        ("user=bo", ["laptop", "Reader"]),
        ("user=2", ["laptop", "Reader"]),
        ("client=reader", ["Reader"]),
        ("client=robot", ["Robot"]),
        ("user=ada&client=reader", []),
        ("user=bob&client=reader", ["Reader"]),
    ],
)
def test_they_are_filtered_by_person_and_client(house: House, query: str, found: list[str]) -> None:
    text = texts(house.ada.visit(f"{TOKENS}?{query}"))
    assert len(text) == len(found) and all(name in row for name, row in zip(found, text, strict=True))
    assert len(texts(house.ada.visit(f"{AUTHORIZATIONS}?{query}"))) == ("Reader" in found)


def test_a_filter_can_be_taken_off_again(house: House) -> None:
    page = house.ada.visit(f"{TOKENS}?user=bob&client=reader")
    chips = {a.all("bdi")[0].text: a.attributes["href"] for a in parse(page).all("a", class_="o2-removable")}
    assert chips == {"Person: bob": f"{TOKENS}?client=reader", "Client: Reader": f"{TOKENS}?user=bob"}
    whole = parse(page).one("a", href=f"{AUTHORIZATIONS}?user=bob&client=reader")
    assert whole.text == "Authorizations"  # the other list keeps the filter


def test_nobody_is_found(house: House) -> None:
    for query in ("user=zoe", "client=none"):
        page = house.ada.visit(f"{TOKENS}?{query}")
        assert f"Nobody and nothing is found by “{query.partition('=')[2]}”" in words(page)
        assert "Revoke everything" not in words(page)


def test_who_is_meant_is_asked(provider: Provider) -> None:
    house = House(provider)
    with provider.app.app_context():
        provider.db.session.add(provider.User(name="bobby"))
        provider.db.session.commit()
    for path in (TOKENS, AUTHORIZATIONS):
        page = house.ada.visit(f"{path}?user=bo&client=reader")
        assert not texts(page) and "Whom do you mean?" in words(page) and "Revoke" not in words(page)
        links = {a.text: a.attributes["href"] for a in parse(page).one("main").all("a")}
        assert links["bob"] == f"{path}?user=2&client=reader" and "bobby" in links
        assert len(texts(house.ada.visit(links["bob"]))) == 1


@pytest.mark.parametrize("field", ["user", "client", "after"])
def test_odd_words_in_addresses_are_no_errors(house: House, field: str) -> None:
    for odd in ODD:
        for path in (TOKENS, AUTHORIZATIONS):
            assert house.ada.visit(f"{path}?{field}={quote(odd)}").status_code == 200, (path, field, odd)
    raw = f"{TOKENS}?{field}=%ff%fe"
    assert house.ada.visit(raw).status_code in (200, 400)


def test_lists_are_turned_by_key(provider: Provider) -> None:
    ada = provider.browser("ada")
    with provider.app.app_context():
        server, bob = provider.app.extensions["oauth2server"], provider.user("bob").id
        for number in range(60):
            values = {"user_id": bob, "name": f"machine {number}", "scope": "email", "hint": "abcd"}
            end = clock.now() + timedelta(days=9)
            server.storage.tokens.add(expires_at=end, access_digest=f"{number:064}", created_at=clock.now(), **values)
        provider.db.session.commit()
    first = ada.visit(f"{TOKENS}?user=bob")
    seen = [texts(first)]
    page = first
    while older := [a for a in parse(page).all("a") if a.text == "Next"]:
        page = ada.visit(older[0].attributes["href"])
        seen.append(texts(page))
    assert [len(found) for found in seen] == [25, 25, 10]
    assert all(f"machine {n} " in row for n, row in zip(range(59, -1, -1), chain(*seen), strict=True))
    newer = [a.attributes["href"] for a in parse(page).all("a") if a.text == "Previous"]
    assert texts(ada.visit(newer[0])) == seen[1] and "60 in all" in words(page)
    newest = [a.attributes["href"] for a in parse(ada.visit(newer[0])).all("a") if a.text == "Previous"]
    assert newest == [f"{TOKENS}?user=bob"]
    assert texts(ada.visit(f"{TOKENS}?after=1")) == texts(first)  # what stood there has gone


def test_what_has_ended_is_told_and_cannot_be_chosen(provider: Provider) -> None:
    house = House(provider)
    with later(days=400):
        late = provider.browser("ada")
        page = late.visit(TOKENS)
        assert all("expired, " in text for text in texts(page)) and len(rows(page)) == 4
        assert not parse(page).all("input", type="checkbox")
        assert "expired" in texts(late.visit(AUTHORIZATIONS))[0]
        assert not [b for b in parse(late.visit(AUTHORIZATIONS)).all("button") if b.text.startswith("End…")]
    with later(days=85):
        (soon,) = parse(provider.browser("ada").visit(f"{TOKENS}?user=bob")).all(class_="o2-is-warn")
        assert soon.text == "in 5 days"  # the personal token, and no other
    assert house.reader.refresh(house.given["refresh_token"]).status_code == 200
    assert "Access token of bob" in words(house.ada.visit(TOKENS))  # its refresh token was used


# --- ending ---------------------------------------------------------------------------------------


def choose(browser: Browser, page: Any, *beginnings: str) -> Any:
    """Tick the rows that begin so, and press the button below."""
    ticked = [
        row.one("input", type="checkbox").attributes["value"] for row in rows(page) if row.text.startswith(beginnings)
    ]
    assert len(ticked) >= len(beginnings)
    return press(browser, page, "Revoke chosen…", token=ticked)


def test_chosen_tokens_are_ended_after_a_page_that_says_what_stops(provider: Provider) -> None:
    house = House(provider)
    asked = choose(house.ada, house.ada.visit(TOKENS), "Personal token of bob", "Client's own token")
    assert asked.status_code == 200 and "Revoke 2 tokens?" in words(asked)
    assert "Whatever uses them is refused at once." in words(asked)
    assert works(provider, house.laptop) and works(provider, house.own)  # not yet
    done = confirmed(house.ada, asked, "Revoke tokens")
    assert said(done) == "Ended, at once: 2 authorizations and tokens."
    assert not works(provider, house.laptop) and not works(provider, house.own)
    assert works(provider, house.ada_laptop) and works(provider, house.given["access_token"])
    with provider.app.app_context():
        noted = provider.db.session.query(provider.oauth2.models.AuditEvent).filter_by(kind=audit.TOKEN_ENDED)
        facts = [(e.client_id, e.name, e.reason, e.actor_kind, e.actor) for e in noted.order_by("client_id")]
    by = ("ended by an administrator", "administrator", "1")
    assert sorted(facts, key=str) == sorted([(None, "laptop", *by), ("robot", None, *by)], key=str)
    again = house.ada.http.post(END, data=fields_of(asked, "Revoke tokens"))
    assert said(landed(house.ada, again)) == "That had ended already."


def fields_of(page: Any, button: str) -> dict[str, Any]:
    """What that form sends."""
    return dict(fields(form(page, button)[0]))


def test_a_refresh_token_takes_its_authorization_with_it(provider: Provider) -> None:
    house = House(provider)
    second = house.reader.refresh(house.given["refresh_token"]).json
    asked = choose(house.ada, house.ada.visit(f"{TOKENS}?client=reader"), "Access token of bob")
    assert "A refresh token takes its whole authorization with it." in words(asked)
    assert "1 is ended, with all its tokens." in words(asked)
    done = confirmed(house.ada, asked, "Revoke token")
    assert said(done) == "Ended, at once: 1 authorization or token."
    assert done.request.full_path == f"{TOKENS}?client=reader"  # back to what was filtered
    assert not works(provider, second["access_token"]) and not works(provider, house.given["access_token"])
    assert house.reader.refresh(second["refresh_token"]).status_code == 400
    assert "ended with its authorization" in words(done)


def test_an_authorization_is_ended_and_the_consent_stays(provider: Provider) -> None:
    house = House(provider)
    asked = press(house.ada, house.ada.visit(AUTHORIZATIONS), "End… Reader for bob")
    assert "End 1 authorization?" in words(asked) and "The consent stays" in words(asked)
    done = confirmed(house.ada, asked, "End authorization")
    assert done.request.path == AUTHORIZATIONS and "ended by an administrator, just now" in words(done)
    assert not works(provider, house.given["access_token"])
    assert house.bob.visit(house.reader.address()).status_code == 302  # nothing is asked
    assert stored(provider, "AuditEvent", kind=audit.ENDED, reason="ended by an administrator") == 1


def test_nothing_was_ticked(provider: Provider) -> None:
    house = House(provider)
    for data in ({}, {"token": ["x", "-1", "9" * 30, "\0"]}, {"authorization": ["x\0", "🙂", "a" * 5000]}):
        csrf = fields_of(house.ada.visit(TOKENS), "Revoke chosen…")["csrf_token"]
        page = landed(house.ada, house.ada.http.post(END, data={"csrf_token": csrf, "confirmed": "yes", **data}))
        assert said(page) == ("That had ended already." if data else "Tick what you want to end.")
    assert works(provider, house.laptop)


def test_everything_of_a_person(provider: Provider) -> None:
    house = House(provider)
    other = house.reader.tokens(house.ada)
    page = house.ada.visit(f"{TOKENS}?user=bob")
    asked = press(house.ada, page, "Revoke everything of bob…")
    assert "It ends 1 authorization and 1 personal token, at once" in words(asked)
    done = confirmed(house.ada, asked, "Revoke everything")
    assert said(done) == "Ended, at once: 2 authorizations and tokens."
    assert not works(provider, house.laptop) and not works(provider, house.given["access_token"])
    assert works(provider, house.ada_laptop) and works(provider, other["access_token"]) and works(provider, house.own)
    assert house.bob.visit(house.reader.address()).status_code == 200  # asked again
    assert stored(provider, "AuditEvent", kind=audit.CONSENT_FORGOTTEN) == 1


def test_everything_of_a_client_and_of_both(any_database: str) -> None:
    provider = build(any_database, config=CONFIG)
    try:
        house = House(provider)
        ours, phone = house.reader.tokens(house.ada), provider.client(client_id="phone", name="Phone")
        theirs = phone.tokens(house.bob)
        asked = press(
            house.ada, house.ada.visit(f"{TOKENS}?user=bob&client=phone"), "Revoke all that Phone has of bob…"
        )
        assert "It ends 1 authorization, at once" in words(asked)
        assert said(confirmed(house.ada, asked, "Revoke everything")).startswith("Ended, at once: 1 ")
        assert not works(provider, theirs["access_token"]) and works(provider, house.given["access_token"])
        asked = press(house.ada, house.ada.visit(f"{AUTHORIZATIONS}?client=reader"), "Revoke everything of Reader…")
        assert "It ends 2 authorizations and 0 tokens of its own" in words(asked)
        confirmed(house.ada, asked, "Revoke everything")
        assert not works(provider, ours["access_token"]) and not works(provider, house.given["access_token"])
        assert stored(provider, "Consent") == 0 and works(provider, house.laptop)
        asked = press(house.ada, house.ada.visit(f"{TOKENS}?client=robot"), "Revoke everything of Robot…")
        assert "It ends 0 authorizations and 1 token of its own" in words(asked)
        confirmed(house.ada, asked, "Revoke everything")
        assert not works(provider, house.own)
        again = landed(house.ada, house.ada.http.post(END, data=fields_of(asked, "Revoke everything")))
        assert said(again) == "That had ended already."
        for odd in ("\0", "9" * 400):  # what one of the databases may take amiss
            for page in ("tokens/?user={0}&client={0}&after={0}", "audit/?person={0}&client={0}", "failures/?q={0}"):
                assert house.ada.visit(f"/admin/oauth2/{page.format(quote(odd))}").status_code == 200, page
            assert press(house.ada, house.ada.visit(TOKENS), "Find", value=odd).status_code in (200, 303)
    finally:
        close(provider)


def test_half_of_what_was_meant_ends_nothing(provider: Provider) -> None:
    house = House(provider)
    sent = fields_of(house.ada.visit(f"{TOKENS}?user=bob&client=reader"), "Revoke all that Reader has of bob…")
    for change in ({"everything_client": "none"}, {"everything_user": "77"}, {"everything_user": "x" * 9000}):
        answer = house.ada.http.post(END, data={**sent, **change, "confirmed": "yes"})
        assert said(landed(house.ada, answer)) == "That had ended already."
    assert works(provider, house.laptop) and works(provider, house.given["access_token"])


def test_the_verbs_say_what_they_did(provider: Provider) -> None:
    house = House(provider)
    with provider.app.app_context():
        oauth2, model = provider.oauth2, provider.oauth2.models.Token
        with pytest.raises(ValueError, match="Name a user or a client"):
            oauth2.revoke_access()
        tokens = model.query.order_by(model.id).all()
        assert [oauth2.revoke_token(token) for token in tokens] == [True] * 4
        assert [oauth2.revoke_token(token) for token in model.query.order_by(model.id)] == [False] * 4
        assert oauth2.revoke_access(user=provider.user("bob")) == 0
    assert not works(provider, house.laptop)


# --- finding by value -----------------------------------------------------------------------------


def paste(browser: Browser, value: str, back: str = TOKENS) -> Any:
    """The page that says what is known of a value; it is not on it."""
    page = press(browser, browser.visit(back), "Find", value=value)
    assert page.status_code == 200 and (len(value) < 8 or value not in page.text)
    return page


def test_a_value_is_found_by_its_digest(provider: Provider) -> None:
    house = House(provider)
    sentences = {
        house.given["access_token"]: "This is a live access token of bob for Reader.",
        f"Bearer {house.given['access_token']}": "This is a live access token of bob for Reader.",
        f"  {house.given['refresh_token']}\r\n": "This is a live refresh token of bob for Reader.",
        house.laptop: "This is a live personal token of bob: laptop.",
        house.own: "This is a live access token of Robot itself.",
        house.reader.code(house.bob): "This is a live authorization code of bob for Reader.",
    }
    for value, sentence in sentences.items():
        assert sentence in words(paste(house.ada, value)), sentence
    asked = press(house.ada, paste(house.ada, house.laptop), "Revoke…")
    assert works(provider, house.laptop)
    confirmed(house.ada, asked, "Revoke token")
    page = paste(house.ada, house.laptop)
    assert "This was a personal token of bob: laptop. It was issued" in words(page)
    assert "It was revoked just now" in words(page) and not [b for b in parse(page).all("button") if "Revoke" in b.text]


def test_the_story_of_a_rotated_token(provider: Provider) -> None:
    house = House(provider)
    successor = house.reader.refresh(house.given["refresh_token"]).json
    page = paste(house.ada, house.given["refresh_token"], "/admin/oauth2/failures/")
    assert "This was a refresh token of bob for Reader." in words(page)
    assert "its successor was not used yet" in words(page)
    asked = press(house.ada, page, "Revoke…")  # the family lives on, and can be ended from here
    confirmed(house.ada, asked, "Revoke token")
    assert not works(provider, successor["access_token"])


@pytest.mark.parametrize("value", [*ODD, "o2a_" + "x" * 60, "Bearer ", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_values_that_are_none(house: House, value: str) -> None:
    page = press(house.ada, house.ada.visit(TOKENS), "Find", value=value)
    if page.status_code == 303:
        assert value.replace("\0", "").strip() in ("", "Bearer")
    else:
        assert "No token has this value. It may have been purged." in words(page)


@pytest.mark.parametrize("number", ["9999999999", str(2**63)])
def test_a_number_that_is_no_key_finds_nobody(any_provider: Provider, number: str) -> None:
    any_provider.oauth2.admin_required(lambda user: user.name == "ada")
    ada = any_provider.browser("ada")
    for address in ("clients/?q=", "tokens/?user=", "authorizations/?user=", "failures/?q=", "audit/?person="):
        page = ada.visit(f"/admin/oauth2/{address}{number}")
        assert page.status_code == 200, address


def test_without_a_user_model_what_is_typed_may_be_no_key_of_the_host(make: Callable[..., Provider]) -> None:
    provider = make(user_model=False)  # its loader makes a number of a key
    provider.oauth2.admin_required(lambda user: user.name == "ada")
    ada = provider.browser("ada")
    for typed in ("ada", "9" * 30, "1", "%00"):
        for address in ("clients/?q=", "tokens/?user=", "authorizations/?user=", "failures/?q=", "audit/?person="):
            assert ada.visit(f"/admin/oauth2/{address}{typed}").status_code == 200, (address, typed)
