"""Every text can be translated: none is left out, and where Flask-Babel is there it is used."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import flask_babel
import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from flask import Flask
from flask_babel import Babel

from flask_oauth2server import clock
from flask_oauth2server.ui import dates

from ..support import Browser, Provider
from .conftest import CONFIG, behind_a_proxy
from .pages import (
    HOME,
    NEW_CLIENT,
    NEW_TOKEN,
    Element,
    heading,
    landed,
    later,
    parse,
    personal_token,
    png,
    press,
    said,
    words,
)
from .states import development_pages, every_page

OPEN, CLOSE = "⟦", "⟧"
#: Elements whose text is data: identifiers, addresses, values, names that people have given.
DATA = {"bdi", "code", "pre", "textarea", "script", "del", "ins"}
READ_OUT = ("title", "aria-label", "placeholder", "alt", "data-o2-copied")
#: What the pages show besides, as it is: it comes from the host, from a client, or from the tests.
NAMES = (
    "Meridian",
    "bare",
    "Read your e-mail address",
    "See your name",
    "Read your notes",
    "Burn it",
    "Library",
    "https://",
    *("client_secret_basic", "client_secret_post", "none"),
    *("RFC 6749", "RFC 9700"),
    *("RS256", "PS256", "ES256", "EdDSA", "RSA-OAEP-256", "ECDH-ES"),
)


class Bracketed:
    """A catalogue in which everything stands in brackets."""

    def ugettext(self, message: str) -> str:
        return f"{OPEN}{message}{CLOSE}"

    def ungettext(self, singular: str, plural: str, num: int) -> str:
        return self.ugettext(singular if num == 1 else plural)


@pytest.fixture
def bracketed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flask-Babel has that catalogue; its dates stand in brackets as well."""
    monkeypatch.setattr(flask_babel.Domain, "get_translations", lambda _self: Bracketed())
    monkeypatch.setattr(flask_babel, "format_date", lambda moment, *_, **__: f"{OPEN}{moment:%A %d %B}{CLOSE}")


def outside(shown: str) -> str:
    """What stands outside of all brackets."""
    depth, left = 0, []
    for character in shown:
        depth += (character == OPEN) - (character == CLOSE)
        assert depth >= 0, f"unbalanced: {shown}"
        if depth == 0 and character != CLOSE:
            left.append(character)
    assert depth == 0, f"unbalanced: {shown}"
    return "".join(left)


def visible(element: Element) -> str:
    """The text of an element without what is data in it."""
    parts = []
    for child in element.children:
        if isinstance(child, str):
            parts.append(child)
        elif child.tag not in DATA:
            parts.append(visible(child))
    inside = "".join(parts)
    return inside if element.tag in ("a", "b", "span", "time", "i") else f"\n{inside}\n"


def sentences(page: Any) -> Iterator[str]:
    """Everything that is read on a page, or read out."""
    root = parse(page)
    yield visible(root)
    for element in root.walk():
        yield from (value for name, value in element.attributes.items() if name in READ_OUT)
        if element.tag == "input" and element.attributes.get("type") in ("submit", "button", "reset"):
            yield element.attributes.get("value", "")


def left_out(page: Any, names: tuple[str, ...]) -> set[str]:
    """Words of a page that did not go through the translation and are no names."""
    found = set()
    for sentence in sentences(page):
        rest = outside(sentence)
        for name in sorted((*NAMES, *names), key=len, reverse=True):
            rest = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", rest)
        rest = re.sub(r"o2s_…\w{4}|https?://\S+|[\w.+-]+@[\w.-]+|\b[\w-]+(\.[\w-]+)+\b|\b\d{2}:\d{2} UTC\b", " ", rest)
        found |= {line.strip() for line in rest.splitlines() if re.search(r"[^\W\d_]{2}", line)}
    return found


PEOPLE = ("ada", "bob", "Maker", "Ada")
CLIENTS = (
    *(
        "First",
        "Second",
        "Native0",
        "Native1",
        "Native2",
        "Bare",
        "Sited",
        "Termed",
        "House",
        "Known",
        "Papers",
        "Paper",
    ),
    *("Public", "Offered", "Used", "Broken", "Unchecked", "Kept", "Laptop", "One", "Two"),
)


@pytest.mark.usefixtures("bracketed")
def test_no_text_of_a_page_is_left_out(make: Callable[..., Provider]) -> None:
    config = {**CONFIG, "OAUTH2_KEEP_ADDRESSES": True, "OAUTH2_HELP_URL": "/help", "OAUTH2_PRIVACY_URL": "/privacy"}
    keeping = behind_a_proxy(make(config=config, before=Babel))
    keeping.oauth2.place(lambda address: {"203.0.113.9": "Leipzig"}.get(address))
    seen: dict[str, set[str]] = {}
    count = 0
    for name, page in every_page(keeping):
        count += 1
        assert page.mimetype == "text/html", (name, page.status_code, page.headers.get("Location"))
        for words_left in left_out(page, (*PEOPLE, *CLIENTS, "Leipzig")):
            seen.setdefault(words_left, set()).add(name)
    assert seen == {}
    assert count > 100


@pytest.mark.usefixtures("bracketed")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_text_of_the_bare_start_is_left_out(tmp_path: Path) -> None:
    def prepare(app: Flask) -> None:
        app.instance_path = str(tmp_path)
        Babel(app)

    seen = {name: left_out(page, (*PEOPLE, *ENDPOINTS)) for name, page in development_pages(prepare)}
    assert {name: left for name, left in seen.items() if left} == {}
    assert len(seen) == 9


#: Names of endpoints and clients, and what a server answered, as it is.
ENDPOINTS = (
    *(
        "authorize",
        "errors",
        "access_token",
        "revoke",
        "introspect",
        "jwks",
        "metadata",
        "metadata_1",
        "userinfo",
        "ping",
        "info",
        "invalid",
        "logo",
        "doctor",
    ),
    *("200 OK", "Try it", "test:scope"),
)


def test_the_test_would_notice() -> None:
    assert outside("⟦a⟦b⟧c⟧ d ⟦e⟧ f") == " d  f"
    button = '<button value="x" aria-label="Gone">⟦x⟧</button>'
    page = f'<body><p title="Forgotten">⟦Known⟧ Lost <bdi>Name</bdi></p>{button}</body>'
    assert left_out(page, ()) == {"Forgotten", "Lost", "Gone"}
    with pytest.raises(AssertionError, match="unbalanced"):
        outside("⟦a")


# --- with Flask-Babel -----------------------------------------------------------------------------

GERMAN = {
    "Applications": "Anwendungen",
    "New personal token": "Neues persönliches Token",
    "Give the token a name.": "Gib dem Token einen Namen.",
    "Allow %(app)s to use your %(host)s account?": "Darf %(app)s dein Konto bei %(host)s benutzen?",
    "“%(name)s” is revoked.": "„%(name)s“ ist widerrufen <und> weg.",
    "Line %(number)s: %(refusal)s": "Zeile %(number)s: %(refusal)s",
    "%(uri)s must start with https. Plain http is accepted only for 127.0.0.1, [::1] and localhost.": (
        "%(uri)s muss mit https beginnen."
    ),
    "“%(name)s” is taken. Choose another.": "„%(name)s“ ist vergeben.",
    "The file is %(size)s. Choose one of at most 200 KB.": "Die Datei hat %(size)s.",
}


@pytest.fixture
def german(make: Callable[..., Provider], tmp_path: Path) -> Provider:
    return translated(make, tmp_path, "de", GERMAN)


def translated(make: Callable[..., Provider], tmp_path: Path, locale: str, texts: dict[str, str]) -> Provider:
    """A provider with a catalogue."""
    folder = tmp_path / "translations" / locale / "LC_MESSAGES"
    folder.mkdir(parents=True)
    catalog = Catalog(locale=locale)
    for english, other in texts.items():
        catalog.add(english, other)
    catalog.add(("%(num)s day", "%(num)s days"), ("%(num)s Tag", "%(num)s Tage"))
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalog)

    def before(app: Any) -> None:
        Babel(app, default_locale=locale, default_translation_directories=str(tmp_path / "translations"))

    return make(config=CONFIG, before=before)


def test_german(german: Provider) -> None:
    ada = german.browser("ada")
    page = ada.visit(HOME)
    assert heading(page) == parse(page).one("title").text == "Anwendungen"
    html = parse(page).one("html")
    assert (html.attributes["lang"], html.attributes["dir"]) == ("de", "ltr")
    page = press(ada, ada.visit(NEW_TOKEN), "Create token", scopes=["email"])
    assert heading(page) == "Neues persönliches Token"
    assert "Gib dem Token einen Namen." in words(page)
    assert "7 Tage" in words(page)
    consent = ada.visit(german.client(name="<b>Leser</b>").address())
    assert heading(consent) == "Darf <b>Leser</b> dein Konto bei Meridian benutzen?"


def test_days_are_written_as_the_language_does(german: Provider) -> None:
    ada = german.browser("ada")
    with later(), german.app.test_request_context():  # the clock stands
        personal_token(ada)
        day = str(dates.day(clock.now()))
        assert re.search(r">\d+\. [A-ZÄ][a-zä]+ \d{4}</time>", day)
        assert re.search(r'title="[A-Z][a-z]+, \d+\. [A-ZÄ][a-zä]+ \d{4}, \d\d:\d\d UTC"', day)
        assert day in ada.visit(HOME).text.replace("&#34;", '"')


def test_what_a_rule_says_is_translated_with_its_values(german: Provider) -> None:
    ada = german.browser("ada")
    page = press(
        ada, ada.visit(NEW_CLIENT), "Create application", name="x", redirect_uris="http://a.example/", scopes=["email"]
    )
    assert "Zeile 1: http://a.example/ muss mit https beginnen." in words(page)
    page = press(ada, ada.visit(NEW_CLIENT), "Create application", logo=(BytesIO(png(size=201 * 1024)), "x"))
    assert "Die Datei hat 201 KB." in words(page)


def test_a_translation_is_text_of_the_page(german: Provider) -> None:
    """What a translator writes is no markup; what people write into it is none either."""
    ada = german.browser("ada")
    personal_token(ada, "<i>laptop</i>")
    page = landed(ada, press(ada, ada.visit(HOME), "Revoke token"))
    assert said(page) == "„<i>laptop</i>“ ist widerrufen <und> weg."
    assert parse(page).all("i") == parse(page).all("und") == []


def test_from_right_to_left(make: Callable[..., Provider], tmp_path: Path) -> None:
    provider = translated(make, tmp_path, "ar", {"Applications": "التطبيقات"})
    page = provider.browser("ada").visit(HOME)
    html = parse(page).one("html")
    assert (html.attributes["lang"], html.attributes["dir"]) == ("ar", "rtl")
    assert heading(page) == "التطبيقات"


def test_without_flask_babel_it_is_english(ada: Browser) -> None:
    html = parse(ada.visit(HOME)).one("html")
    assert (html.attributes["lang"], html.attributes["dir"]) == ("en", "ltr")
