"""Signing keys: what the page shows of each, and who may rotate and withdraw them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select, update

from flask_oauth2server import jose
from flask_oauth2server.domain.keys import Keys
from flask_oauth2server.errors import Outdated

from ...support import Browser, Provider
from ..conftest import CONFIG
from ..pages import Element, csrf, form, heading, landed, later, parse, press, said, words

KEYS = "/admin/oauth2/keys/"
ROTATE = f"{KEYS}rotate/"
Make = Callable[..., Provider]


@pytest.fixture
def keys(provider: Provider) -> Iterator[Keys]:
    with provider.app.app_context():
        yield provider.app.extensions["oauth2server"].keys


@pytest.fixture
def ada(provider: Provider) -> Browser:
    return provider.browser("ada")


def table(page: Any) -> list[list[str]]:
    """The cells of each key."""
    return [
        [cell.text for cell in row.all() if cell.tag in ("td", "th")]
        for body in parse(page).all("tbody")
        for row in body.all("tr")
    ]


def lanes(page: Any) -> list[Element]:
    return [svg for svg in parse(page).all("svg", class_="o2-lane") if svg.attributes.get("role") == "img"]


def states(keys: Keys) -> list[str]:
    return [key.state for key in keys.overview()]


def events(provider: Provider) -> list[tuple[str, str]]:
    """What the audit has of keys, and who did it."""
    model = provider.oauth2.models.AuditEvent
    rows = provider.db.session.scalars(select(model).where(model.kind.startswith("key ")).order_by(model.id))
    return [(row.kind, row.actor_kind) for row in rows]


# --- what is shown --------------------------------------------------------------------------------


def test_before_the_first_key_it_says_when_one_is_made(provider: Provider, keys: Keys, ada: Browser) -> None:
    page = ada.visit(KEYS)
    assert "No key has been made yet" in words(page) and "when the first ID token needs it" in words(page)
    assert not parse(page).all("table")
    page = landed(ada, press(ada, page, "Make a key now"))
    assert said(page) == "Another RS256 key signs from now on."
    assert [(key.alg, key.state) for key in keys.overview()] == [("RS256", "active")]
    assert events(provider) == [("key made", "administrator")]
    (kid,) = (key.kid for key in keys.overview())
    assert parse(page).all("code", id=f"key-{kid}")
    link = parse(ada.visit("/admin/oauth2/audit/")).one("a", href=f"{KEYS}#key-{kid}")
    assert link.text == kid


def test_the_section_has_its_place(ada: Browser) -> None:
    entries = [link.text for link in parse(ada.visit(KEYS)).one("nav", class_="o2-side").all("a")]
    assert [entry.split(" 0")[0] for entry in entries][-3:] == ["Failures", "Signing keys", "Audit log"]


def test_each_key_has_a_lane_and_a_row(keys: Keys, ada: Browser) -> None:
    keys.prepare("ES256")
    keys.prepare("RS256")
    keys.rotate("RS256", at_once=True)
    keys.rotate("RS256")
    keys.revoke(keys.overview()[0].kid)  # of ES256
    page = ada.visit(KEYS)
    shown = [(row[0], row[2]) for row in table(page)]
    assert shown == [
        *(("Next", "RS256"), ("Active", "RS256"), ("Retired", "RS256")),
        *(("Active", "ES256"), ("Withdrawn", "ES256")),
    ]
    first = next(key for key in keys.overview() if key.state == "next")
    assert table(page)[0][1] == first.kid and table(page)[0][4].startswith("from ")
    assert table(page)[0][5] == "–" and table(page)[2][4].startswith("until ")
    assert [row[6].split(" ")[0] for row in table(page)] == ["Mark", "Mark", "Withdraw…", "Mark", ""]
    kinds = [[rect.attributes["class"] for rect in lane.all("rect")] for lane in lanes(page)]
    assert kinds[:2] == [["o2-key-published", "o2-key-signing"]] * 2
    assert "signs from" in lanes(page)[0].attributes["aria-label"]
    assert "encrypted with a key derived from SECRET_KEY and never shown" in words(page)
    assert [panel.text for panel in parse(page).all("h3")] == ["RS256", "ES256"]


def test_no_private_part_is_shown(provider: Provider, keys: Keys, ada: Browser) -> None:
    keys.prepare("ES256")
    (row,) = keys.rows()
    page = ada.visit(KEYS).text
    assert row.private not in page and keys._secret(row)["d"] not in page


def test_what_has_ended_is_in_the_table_alone(keys: Keys, ada: Browser) -> None:
    keys.prepare("ES256")
    keys.rotate("ES256", at_once=True)
    with later(days=300):
        page = ada.visit(KEYS)
        assert [row[0] for row in table(page)] == ["Active", "Ended"]
        assert len(lanes(page)) == 1


def test_lanes_stay_within_their_months(keys: Keys, ada: Browser) -> None:
    keys.prepare("ES256")
    for days in (0, 40, 89, 100, 200):
        with later(days=days):
            keys.prepare("ES256")
            for lane in lanes(ada.visit(KEYS)):
                for rect in lane.all("rect"):
                    x, width = (float(rect.attributes[name].rstrip("%")) for name in ("x", "width"))
                    assert x >= 0 and width > 0 and x + width <= 100.001


def test_keys_that_are_replaced_by_hand_alone(make: Make) -> None:
    provider = make(config={**CONFIG, "OAUTH2_KEY_ROTATE_AFTER": 0})
    provider.oauth2.admin_required(lambda _user: True)
    with provider.app.app_context():
        provider.app.extensions["oauth2server"].keys.prepare("ES256")
    page = provider.browser("ada").visit(KEYS)
    assert "Keys are replaced by hand alone." in words(page)
    assert table(page)[0][4].startswith("since ")


def test_a_lost_secret_key_is_told_with_advice(provider: Provider, keys: Keys, ada: Browser) -> None:
    keys.prepare("ES256")
    keys.prepare_salt()
    keys.rotate("ES256")
    provider.app.config.update(SECRET_KEY="another secret of the tests")
    browser = provider.browser("ada")
    page = browser.visit(KEYS)
    text = words(page)
    assert "Nothing can be signed with ES256" in text and "The next ES256 key" in text
    assert "Put the former one into SECRET_KEY_FALLBACKS" in text and "salt of pairwise names" in text
    assert [row[0] for row in table(page)] == ["Next cannot be read", "Active cannot be read"]
    assert not parse(page).all("button", name="how")  # to wait would not help
    landed(browser, press(browser, page, "Rotate now", at="rotate"))
    assert states(keys) == ["retired", "revoked", "active"]
    assert "cannot be read" not in " ".join(row[0] for row in table(browser.visit(KEYS)))


def test_a_damaged_row_is_told(provider: Provider, keys: Keys, ada: Browser) -> None:
    keys.prepare("ES256")
    (row,) = keys.rows()
    changed = update(provider.oauth2.models.SigningKey.__table__).values(private=row.private[:-4] + "AAAA")
    provider.db.session.execute(changed)
    provider.db.session.commit()
    assert "Its row in the database is damaged. Rotate now" in words(ada.visit(KEYS))


def test_without_openid_there_is_no_such_page(make: Make) -> None:
    provider = make(config={**CONFIG, "OAUTH2_ENABLE_OPENID": False})
    provider.oauth2.admin_required(lambda _user: True)
    ada = provider.browser("ada")
    assert ada.visit(KEYS).status_code == 404
    assert "Signing keys" not in words(ada.visit("/admin/oauth2/"))


# --- rotate ---------------------------------------------------------------------------------------


def test_the_key_that_waits_signs_from_now_on(provider: Provider, keys: Keys, ada: Browser) -> None:
    keys.prepare("ES256")
    keys.rotate("ES256")
    waits = keys.overview()[-1].kid
    assert "will refuse tokens for a while" in words(ada.visit(KEYS))  # it was published just now
    with later(hours=3):
        browser = provider.browser("ada")
        page = browser.visit(KEYS)
        confirm = form(page, "Rotate now")[0].text
        assert "Sign with the next ES256 key from now on?" in confirm
        assert "It was published 3 hours ago, so clients have had time to fetch it." in confirm
        page = landed(browser, press(browser, page, "Rotate now"))
        assert said(page) == "Another ES256 key signs from now on."
        assert keys.signer("ES256").kid == waits
    assert events(provider)[-1] == ("key rotated", "administrator")


def test_without_one_a_new_key_signs_or_is_published_first(keys: Keys, ada: Browser) -> None:
    keys.prepare("ES256")
    page = ada.visit(KEYS)
    confirm = form(page, "Rotate now")[0].text
    assert "Sign with a new ES256 key from now on?" in confirm and "for a while" in confirm
    assert "publish it first: it signs by itself 1 day later" in confirm
    after = landed(ada, press(ada, page, "Publish it first"))
    assert said(after).startswith("The next ES256 key is published. It signs from ")
    assert states(keys) == ["active", "next"]
    assert not parse(after).all("button", name="how")
    landed(ada, press(ada, after, "Rotate now"))
    landed(ada, press(ada, ada.visit(KEYS), "Rotate now"))
    assert states(keys) == ["retired", "retired", "active"]


def test_of_two_administrators_one_rotates(keys: Keys, ada: Browser) -> None:
    keys.prepare("ES256")
    page = ada.visit(KEYS)
    for button in ("Rotate now", "Publish it first"):
        press(ada, page, "Rotate now")
        assert "The keys were changed meanwhile" in said(landed(ada, press(ada, page, button)))
    assert states(keys) == ["retired", "active"]


@pytest.mark.parametrize("sent", [{"alg": "none"}, {"alg": ""}, {}])
def test_an_algorithm_that_is_none_is_ignored(keys: Keys, ada: Browser, sent: dict[str, str]) -> None:
    answer = ada.http.post(ROTATE, data={"csrf_token": csrf(ada), **sent})
    assert (answer.status_code, answer.headers["Location"]) == (303, KEYS)
    assert keys.overview() == []


def test_without_what_was_seen_nothing_is_rotated(keys: Keys, ada: Browser) -> None:
    keys.prepare("ES256")
    ada.http.post(ROTATE, data={"csrf_token": csrf(ada), "alg": "ES256"})
    assert states(keys) == ["active"]


# --- withdraw -------------------------------------------------------------------------------------


def withdraw(ada: Browser, kid: str) -> Any:
    return ada.visit(f"{KEYS}{kid}/withdraw/")


def test_a_key_that_leaked_is_withdrawn_in_two_steps(provider: Provider, keys: Keys, ada: Browser) -> None:
    keys.prepare("ES256")
    bad = keys.signer("ES256").kid
    page = ada.visit(KEYS)
    (link,) = parse(page).all("a", class_="o2-danger-button")
    assert link.text == f"Mark as leaked… {bad}"
    page = ada.visit(link.attributes["href"])
    assert heading(page) == f"Withdraw {bad} at once?"
    assert "Every ID token it signed becomes invalid. A new key signs from now on." in words(page)
    assert states(keys) == ["active"]
    after = landed(ada, press(ada, page, "Withdraw"))
    assert said(after) == "The key is withdrawn, and another one signs."
    assert states(keys) == ["revoked", "active"]
    assert events(provider)[1] == ("key revoked", "administrator")
    assert said(landed(ada, press(ada, page, "Withdraw"))) == "That key was withdrawn already."
    assert states(keys) == ["revoked", "active"]


def test_it_says_what_takes_its_place(keys: Keys, ada: Browser) -> None:
    keys.prepare("ES256")
    keys.rotate("ES256", at_once=True)
    keys.rotate("ES256")
    retired, active, waits = (key.kid for key in keys.overview())
    assert f"The next key, {waits}, signs from now on." in words(withdraw(ada, active))
    assert "signs from now on" not in words(withdraw(ada, retired))
    page = withdraw(ada, waits)
    assert "It has signed nothing yet." in words(page)
    assert said(landed(ada, press(ada, page, "Withdraw"))) == "The key is withdrawn."
    assert table(ada.visit(KEYS))[0][4] == "never"


def test_two_at_once_withdraw_one_key(keys: Keys, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    keys.prepare("ES256")
    page = withdraw(ada, keys.signer("ES256").kid)

    def too_late(_kid: str) -> None:
        raise Outdated("revoked")

    monkeypatch.setattr(keys, "revoke", too_late)
    assert said(landed(ada, press(ada, page, "Withdraw"))) == "That key was withdrawn already."


def test_an_unknown_key_is_not_there(ada: Browser) -> None:
    assert withdraw(ada, "nobody").status_code == 404
    assert withdraw(ada, "pairwise").status_code == 404
    assert ada.http.post(f"{KEYS}x/withdraw/", data={"csrf_token": csrf(ada), "confirmed": "yes"}).status_code == 404


# --- who may --------------------------------------------------------------------------------------


def test_others_can_do_nothing(provider: Provider, keys: Keys) -> None:
    keys.prepare("ES256")
    kid = keys.signer("ES256").kid
    bob = provider.browser("bob")
    sent = {"csrf_token": csrf(bob), "alg": "ES256", "seen": f"{kid} -", "confirmed": "yes"}
    for address in (ROTATE, f"{KEYS}{kid}/withdraw/"):
        assert bob.http.post(address, data=sent).status_code == 403
        answer = provider.browser().http.post(address, data=sent)
        assert (answer.status_code, answer.headers["Location"].startswith("/login")) == (302, True)
    assert bob.visit(KEYS).status_code == 403
    assert states(keys) == ["active"]


@pytest.mark.parametrize("token", ["", "made up"])
def test_without_a_good_csrf_token_nothing_is_done(keys: Keys, ada: Browser, token: str) -> None:
    keys.prepare("ES256")
    kid = keys.signer("ES256").kid
    sent = {"csrf_token": token, "alg": "ES256", "seen": f"{kid} -", "confirmed": "yes"}
    page = landed(ada, ada.http.post(ROTATE, data=sent))
    assert "nothing was changed" in said(page)
    assert "nothing was changed" in said(ada.http.post(f"{KEYS}{kid}/withdraw/", data=sent))
    assert states(keys) == ["active"]


# --- OAUTH2_SIGNING_KEYS --------------------------------------------------------------------------


def test_configured_keys_are_shown_and_not_touched(make: Make) -> None:
    first, second = jose.made("ES256"), jose.made("ES256")
    setting = json.dumps({"keys": [first, second]})
    provider = make(config={**CONFIG, "OAUTH2_SIGNING_KEYS": setting})
    provider.oauth2.admin_required(lambda _user: True)
    ada = provider.browser("ada")
    page = ada.visit(KEYS)
    assert "Keys come from OAUTH2_SIGNING_KEYS; change them there." in words(page)
    assert table(page) == [["Active", first["kid"], "ES256"], ["Retired", second["kid"], "ES256"]]
    assert not lanes(page) and not parse(page).one("main").all("button")
    assert first["d"] not in page.text
    sent = {"csrf_token": csrf(ada), "alg": "ES256", "seen": "- -", "confirmed": "yes"}
    for address in (ROTATE, f"{KEYS}{first['kid']}/withdraw/"):
        assert "change them there" in said(landed(ada, ada.http.post(address, data=sent)))
