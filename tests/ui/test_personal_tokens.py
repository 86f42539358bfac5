"""Personal tokens: made once, shown once, never given more, ended at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flask_oauth2server import Scope, clock
from flask_oauth2server.ui import visit

from ..support import Browser, Provider
from .conftest import CONFIG
from .pages import (
    HOME,
    NEW_TOKEN,
    csrf,
    day,
    fields,
    form,
    heading,
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

GONE = "This value was shown once and is gone. If you did not copy it, make another."
TOO_LONG = "This page was open too long, and nothing was changed. Please try again."
DAY = 86400


def only(provider: Provider) -> Any:
    """The one personal token there is."""
    with provider.app.app_context():
        (token,) = provider.db.session.query(provider.oauth2.models.Token).filter_by(revoked_at=None)
        provider.db.session.expunge(token)
        return token


def problems(page: Any) -> list[str]:
    """What the summary on top says, and stands at the field as well."""
    root = parse(page)
    (summary,) = root.all(role="alert") or [None]
    if summary is None:
        return []
    listed = [item.text for item in summary.all("li")]
    ids = {element.attributes["id"] for element in root.all() if "id" in element.attributes}
    assert {link.attributes["href"][1:] for link in summary.all("a")} <= ids
    return listed


def view_of(page: Any, name: str) -> str:
    """The address behind Rename."""
    return next(link.attributes["href"] for link in row(page, name).all("a") if link.text.startswith("Rename"))


# --- the form -------------------------------------------------------------------------------------


def test_the_form_says_what_a_token_is_and_ticks_nothing(ada: Browser) -> None:
    page = ada.visit(NEW_TOKEN)
    text = words(page)
    for sentence in (
        "New personal token Whoever holds it can act as you, within the limits you set here.",
        "Name So that you recognise it when you want to revoke it.",
        "Say where it will live and what for.",
        "Expiry It stops by itself on that day.",
        "What it may do Nothing is ticked to begin with. Tick only what the script needs.",
        "Another date Last day",
    ):
        assert sentence in text
    sent = fields(form(page, "Create token")[0])
    assert [sent["name"], sent["expiry"], sent["last_day"], "scopes" in sent] == [[""], ["90"], [""], False]
    chips = [chip.text for chip in parse(page).all(class_="o2-chip")]
    days = {"7 days": 7, "30 days": 30, "90 days": 90, "1 year": 365}
    dated = [f"{label} {day(days=n)}" for label, n in days.items()]
    assert chips == [*dated, "Another date"]


def test_it_is_made_for_as_long_as_chosen_and_shown_once(provider: Provider, ada: Browser) -> None:
    values = {"name": " build machine ", "expiry": "30", "scopes": ["email", "notes"]}
    page = press(ada, ada.visit(NEW_TOKEN), "Create token", **values)
    assert (page.status_code, page.headers["Cache-Control"], heading(page)) == (200, "no-store", "build machine")
    value = parse(page).one("code", id="o2-once-value").text
    text = words(page)
    for sentence in (
        f"Ends on {day(days=30)}",
        "Read your e-mail address, Read your notes",
        "Copy your token now Meridian keeps only a fingerprint, so this is the only time you can see it. If it gets "
        "lost, make another.",
        "Keep it in a password manager or your system's key store, not in a file you share.",
        "Try it Put it in the Authorization header, never in an address.",
        f'curl https://provider.example/oauth/ping/ \\ -H "Authorization: Bearer {value}"',
        "I have copied it",
    ):
        assert sentence in text
    assert value.startswith("o2p_") and works(provider, value)
    token = only(provider)
    assert token.expires_at - token.created_at == timedelta(days=30)
    assert [token.scope, token.name, token.user_id] == ["email notes", "build machine", 1]
    assert value not in ada.visit(HOME).text + ada.visit(f"{HOME}tokens/{token.id}/").text
    assert f"o2p_…{value[-4:]}" in row(ada.visit(HOME), "build machine").text


def test_reloading_makes_no_second_one_and_says_that_the_value_is_gone(provider: Provider) -> None:
    """A reload sends the form again, and so does a double press."""
    ada = provider.browser("ada")
    page = ada.visit(NEW_TOKEN)
    first = press(ada, page, "Create token", name="once", scopes=["email"])
    again = press(ada, page, "Create token", name="once", scopes=["email"])
    assert "Copy your token now" in words(first)
    assert GONE in words(again)
    assert "o2p_" not in again.text
    assert stored(provider, "Token") == 1
    other = press(ada, page, "Create token", name="another from the same page", scopes=["email"])
    assert GONE in words(other)
    assert stored(provider, "Token") == 1


def test_the_ticket_of_the_form_is_this_session_s_and_good_for_a_while(
    provider: Provider, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ada.visit(NEW_TOKEN)
    foreign = fields(form(provider.browser("bob").visit(NEW_TOKEN), "Create token")[0])["ticket"]
    for ticket in (None, "", "forged", foreign):
        refused = press(ada, page, "Create token", name="x", scopes=["email"], ticket=ticket)
        assert TOO_LONG in words(refused)
        assert fields(form(refused, "Create token")[0])["name"] == ["x"]
    another = provider.browser("ada")
    assert TOO_LONG in words(press(another, page, "Create token", name="x", scopes=["email"], csrf_token=csrf(another)))
    with monkeypatch.context() as patch:
        patch.setattr(visit, "_FORM_LIFETIME", -1)  # hours have passed
        refused = press(ada, page, "Create token", name="x", scopes=["email"])
        assert TOO_LONG in words(refused)
    assert stored(provider, "Token") == 0
    assert "Copy your token now" in words(press(ada, refused, "Create token"))


def test_an_expired_form_keeps_what_was_typed(provider: Provider, ada: Browser) -> None:
    page = press(ada, ada.visit(NEW_TOKEN), "Create token", name="typed", scopes=["notes"], expiry="7", csrf_token="x")
    sent = fields(form(page, "Create token")[0])
    assert [sent["name"], sent["scopes"], sent["expiry"]] == [["typed"], ["notes"], ["7"]]
    assert stored(provider, "Token") == 0
    assert TOO_LONG in words(page)
    assert "Copy your token now" in words(press(ada, page, "Create token"))


def test_everything_that_is_wrong_is_said_at_once(provider: Provider, ada: Browser) -> None:
    page = press(ada, ada.visit(NEW_TOKEN), "Create token", name="  ", expiry="date", last_day="")
    last = day(days=365)
    assert "Nothing has been saved. 3 things need your attention:" in words(page)
    assert problems(page) == [
        "Name: Give the token a name.",
        f"Last day: Choose a day between tomorrow and {last}.",
        "What it may do: Tick at least one thing it may do.",
    ]
    assert page.status_code == 200
    assert stored(provider, "Token") == stored(provider, "AuditEvent") == 0


@pytest.mark.parametrize("name", ["x" * 256, "a\nb", "a\x00", "\u202eevil", "a\u200bb"])
def test_names_are_kept_readable(provider: Provider, ada: Browser, name: str) -> None:
    page = press(ada, ada.visit(NEW_TOKEN), "Create token", name=name, scopes=["email"])
    if name == "a\x00":
        assert only(provider).name == "a"
    else:
        assert problems(page) == ["Name: Use at most 255 characters that can be seen."]


def test_names_are_shown_as_text(ada: Browser) -> None:
    personal_token(ada, "<b>x</b> “ü” \"q\" 'a'")
    assert names(ada.visit(HOME), "tokens") == ["<b>x</b> “ü” \"q\" 'a'"]


# --- how long -------------------------------------------------------------------------------------


def on(days: int) -> str:
    return (clock.now() + timedelta(days=days)).date().isoformat()


@pytest.mark.parametrize("days", [1, 2, 100, 364, 365])
def test_another_date_lasts_to_the_end_of_that_day(provider: Provider, ada: Browser, days: int) -> None:
    value = personal_token(ada, expiry="date", last_day=on(days))
    end = (clock.now() + timedelta(days=days + 1)).replace(hour=0, minute=0, second=0)
    assert abs(only(provider).expires_at - end) <= timedelta(seconds=1)
    with later(seconds=(end - clock.now()).total_seconds() - 60):
        assert works(provider, value)
    with later(seconds=(end - clock.now()).total_seconds() + 60):
        assert not works(provider, value)


@pytest.mark.parametrize(
    "last_day",
    [0, -1, -4000, 366, 367, 4000, "9999-12-31", "0001-01-01", "2027-02-30", "tomorrow", "", "99999-01-01", "１", None],
)
def test_no_other_date_is_accepted(provider: Provider, ada: Browser, last_day: int | str | None) -> None:
    sent = on(last_day) if isinstance(last_day, int) else last_day
    page = press(ada, ada.visit(NEW_TOKEN), "Create token", name="x", scopes=["email"], expiry="date", last_day=sent)
    last = day(days=365)
    assert problems(page) == [f"Last day: Choose a day between tomorrow and {last}."]
    assert stored(provider, "Token") == 0


@pytest.mark.parametrize("expiry", ["0", "-7", "8", "366", "999999999999", "", "never", None])
def test_no_other_choice_is_accepted(provider: Provider, ada: Browser, expiry: str | None) -> None:
    page = press(ada, ada.visit(NEW_TOKEN), "Create token", name="x", scopes=["email"], expiry=expiry)
    assert len(problems(page)) == 1
    assert stored(provider, "Token") == 0


def test_the_longest_life_is_a_setting(make: Callable[..., Provider]) -> None:
    lives = {"OAUTH2_PERSONAL_TOKEN_MAX_EXPIRES_IN": 60 * DAY, "OAUTH2_PERSONAL_TOKEN_EXPIRES_IN": 14 * DAY}
    provider = make(config={**CONFIG, **lives})
    ada = provider.browser("ada")
    page = ada.visit(NEW_TOKEN)
    chips = [radio.attributes["value"] for radio in parse(page).all("input", name="expiry")]
    assert chips == ["7", "14", "30", "date"]
    assert fields(form(page, "Create token")[0])["expiry"] == ["14"]
    refused = press(ada, page, "Create token", name="x", scopes=["email"], expiry="90")
    last = day(days=59)
    assert problems(refused) == [f"Last day: Choose a day between tomorrow and {last}."]
    personal_token(ada, expiry="date", last_day=on(59))
    assert stored(provider, "Token") == 1


def test_it_ends_by_itself_and_is_said_to_end_soon_and_to_have_ended(provider: Provider, ada: Browser) -> None:
    value = personal_token(ada, expiry="30")
    fact = lambda: row(ada.visit(HOME), "laptop").one(class_="o2-row-fact")  # noqa: E731
    assert fact().text == "ends in 30 days"
    with later(days=27.9):
        assert (fact().text, len(fact().all(class_="o2-warn"))) == ("ends in 2 days", 1)
    with later(days=31):
        ended = day(days=-1)
        assert (fact().text, len(fact().all(class_="o2-bad"))) == (f"ended {ended}", 1)
        assert not works(provider, value)
        page = landed(ada, press(ada, ada.visit(HOME), "Remove"))
        assert said(page) == "“laptop” is removed."
        assert names(page, "tokens") == []


# --- what it may do -------------------------------------------------------------------------------


def test_internal_scopes_are_not_offered_nor_taken(provider: Provider, ada: Browser) -> None:
    provider.oauth2.scopes.register(Scope("inside", "Do inside work", internal=True))
    page = ada.visit(NEW_TOKEN)
    assert "inside" not in page.text
    press(ada, page, "Create token", name="x", scopes=["inside", "email", "unknown"])
    assert only(provider).scope == "email"
    page = press(ada, ada.visit(NEW_TOKEN), "Create token", name="y", scopes=["inside"])
    assert problems(page) == ["What it may do: Tick at least one thing it may do."]


def test_a_hook_says_what_a_person_may_give(provider: Provider, ada: Browser) -> None:
    provider.oauth2.scopes.register(Scope("inside", internal=True))
    allowed = {"ada": ["notes", "inside", "unheard of"], "bob": ["email"]}
    provider.oauth2.personal_token_scopes(lambda user: allowed[user.name])
    offered = lambda browser: [  # noqa: E731
        box.attributes["value"] for box in parse(browser.visit(NEW_TOKEN)).all("input", name="scopes")
    ]
    assert [offered(ada), offered(provider.browser("bob"))] == [["notes"], ["email"]]
    press(ada, ada.visit(NEW_TOKEN), "Create token", name="x", scopes=["email", "notes", "inside"])
    assert only(provider).scope == "notes"
