"""What the tests of the pages share: pages taken apart, forms filled in and sent, pictures, another time."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urldefrag, urlencode

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from flask_oauth2server import clock

from ..support import CALLBACK, Browser, Client, Provider, bearer

HOME = "/account/settings/applications/"
SECURITY = f"{HOME}security/"
NEW_CLIENT = f"{HOME}clients/new/"
NEW_TOKEN = f"{HOME}tokens/new/"

_VOID = {"area", "base", "br", "col", "hr", "img", "input", "line", "link", "meta", "path", "rect", "source", "wbr"}
_INLINE = {"a", "b", "bdi", "code", "i", "mark", "span", "time"}


# --- a page taken apart ---------------------------------------------------------------------------


@dataclass(eq=False)
class Element:
    """An element of a page."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    def walk(self) -> Iterator[Element]:
        """This element and all below it, in their order."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """Those of a kind; ``class_`` demands one class among others."""
        wanted = attributes.pop("class_", "")
        return [
            element
            for element in self.walk()
            if (not tag or element.tag == tag)
            and (not wanted or wanted in element.attributes.get("class", "").split())
            and all(element.attributes.get(name) == value for name, value in attributes.items())
        ]

    def one(self, tag: str = "", **attributes: str) -> Element:
        """The only one of a kind."""
        (found,) = self.all(tag, **attributes)
        return found

    @property
    def text(self) -> str:
        """What is read of it, each run of spaces as one, without the marks of what was translated."""
        return re.sub(r"\s+", " ", re.sub("[⟦⟧]", "", self._raw())).strip()

    def _raw(self) -> str:
        inside = "".join(child if isinstance(child, str) else child._raw() for child in self.children)
        return inside if self.tag in _INLINE else f" {inside} "


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), f"an attribute came twice: {tag} {attrs}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse(page: Any) -> Element:
    """The tree of a page; what is nested wrongly fails."""
    builder = _Builder()
    builder.feed(page if isinstance(page, str) else page.text)
    builder.close()
    assert builder.open == [builder.root], "an element is not closed"
    return builder.root


def words(page: Any) -> str:
    """What a person reads of a page, in one line."""
    return parse(page).one("body").text


def heading(page: Any) -> str:
    """The one heading of the first order."""
    return parse(page).one("h1").text


def row(page: Any, name: str) -> Element:
    """The row of a list, or the element of a page, that is of *name*."""
    (found,) = [li for li in parse(page).all("li") if any(e.text == name for e in li.all("bdi")) and li.all("details")]
    return found


def names(page: Any, section: str) -> list[str]:
    """The names in a list of the index, in their order."""
    found = parse(page).one("section", id=section).all(class_="o2-row-name")
    return [element.all("bdi")[0].text for element in found]


def said(page: Any) -> str:
    """What a page says has just happened."""
    return " ".join(element.text for element in parse(page).all(role="status") if element.text)


# --- forms ----------------------------------------------------------------------------------------


def form(page: Any, button: str, at: str = "") -> tuple[Element, Element]:
    """The form with that button, and the button.

    :param at: a part of the address that it posts to, where several have such a button.
    """
    found = [
        (form, pressed)
        for form in parse(page).all("form")
        for pressed in form.all("button")
        if f"{pressed.text} ".startswith(f"{button} ") and at in form.attributes.get("action", "")
    ]
    assert len(found) == 1, (button, at, [(f.attributes, [b.text for b in f.all("button")]) for f, _ in found])
    return found[0]


def fields(form: Element) -> dict[str, list[str]]:
    """What a browser would send of a form as it stands."""
    found: list[tuple[str, str]] = []
    for element in form.all():
        name = element.attributes.get("name", "")
        kind = element.attributes.get("type", "text")
        if element.tag == "textarea" and name:
            found.append((name, "".join(c for c in element.children if isinstance(c, str)).lstrip("\r\n")))
        elif element.tag == "select" and name:
            options = element.all("option")
            chosen = [option for option in options if "selected" in option.attributes] or options[:1]
            found += [(name, option.attributes["value"]) for option in chosen]
        elif element.tag == "input" and name and kind != "file":
            sent = kind not in ("checkbox", "radio") or "checked" in element.attributes
            found += [(name, element.attributes.get("value", ""))] if sent else []
    return {name: [value for other, value in found if other == name] for name, _ in found}


def press(browser: Browser, page: Any, button: str, *, at: str = "", **changes: Any) -> Any:
    """Fill in the form with that button and press it.

    :param changes: values typed or ticked; None leaves a field out; a pair of a file and its name uploads one.
    """
    chosen, pressed = form(page, button, at)
    data: dict[str, Any] = {**fields(chosen), **changes}
    if pressed.attributes.get("name"):
        data[pressed.attributes["name"]] = pressed.attributes.get("value", "")
    data = {name: value for name, value in data.items() if value is not None}
    address = chosen.attributes.get("action") or page.request.full_path
    if chosen.attributes.get("method") != "post":
        return browser.visit(f"{urldefrag(page.request.path).url}?{urlencode(data, doseq=True)}")
    if "enctype" not in chosen.attributes:
        return browser.http.post(address, data=data)
    files = {name: FileStorage(v[0], v[1], name, *v[2:]) for name, v in data.items() if isinstance(v, tuple)}
    boundary, body = encode_multipart({**data, **files})
    return browser.http.post(address, data=body, content_type=f"multipart/form-data; boundary={boundary}")


def landed(browser: Browser, response: Any) -> Any:
    """The page that an answer leads to."""
    assert response.status_code == 303, (response.status_code, words(response))
    page = browser.visit(urldefrag(response.headers["Location"]).url)
    assert page.status_code == 200, page.status_code
    return page


def csrf(browser: Browser) -> str:
    """A good CSRF token of a signed-in person."""
    return fields(form(browser.visit(NEW_TOKEN), "Create token")[0])["csrf_token"][0]


# --- what a person has ----------------------------------------------------------------------------


def works(provider: Provider, token: str) -> bool:
    """Whether a token opens anything."""
    with provider.api().get("/oauth/ping/", headers=bearer(token)) as answer:  # its use is noted when that is closed
        return bool(answer.status_code == 200)


def personal_token(browser: Browser, name: str = "laptop", scopes: Sequence[str] = ("email",), **changes: Any) -> str:
    """The value of a personal token that is made by the form."""
    page = press(browser, browser.visit(NEW_TOKEN), "Create token", name=name, scopes=list(scopes), **changes)
    return parse(page).one("code", id="o2-once-value").text


def registered(browser: Browser, name: str = "Papers", **changes: Any) -> tuple[Client, str]:
    """An application that is registered by the form, and the address of its page."""
    values = {"redirect_uris": CALLBACK, "scopes": ["email"], **changes}
    page = press(browser, browser.visit(NEW_CLIENT), "Create application", name=name, **values)
    if page.status_code == 303:
        page = landed(browser, page)
    root = parse(page)
    shown = root.all("code", id="o2-once-value")
    client_id = root.one("code", id="o2-client-id").text
    uris = values["redirect_uris"].split()
    return Client(browser.provider, client_id, shown[0].text if shown else None, uris), f"{HOME}clients/{client_id}/"


def events(browser: Browser) -> list[str]:
    """The sentences of the security page, newest first."""
    return [event.all("p")[0].text for event in parse(browser.visit(SECURITY)).all(class_="o2-event")]


def stored(provider: Provider, model: str, **values: Any) -> int:
    """How many rows there are."""
    with provider.app.app_context():
        return int(provider.db.session.query(getattr(provider.oauth2.models, model)).filter_by(**values).count())


def use(provider: Provider, token: str, address: str) -> None:
    """A program uses a token from that address."""
    program = provider.api()
    at(program, address)
    with program.get("/oauth/ping/", headers=bearer(token)) as answer:
        assert answer.status_code == 200, answer.json


def day(**time: float) -> str:
    """The day in so many days, as English pages write it."""
    moment = clock.now() + timedelta(**time)
    return f"{moment.day} {moment:%B %Y}"


def at(browser: Any, address: str, agent: str = "") -> None:
    """From now on the proxy says that the requests come from there.

    :param browser: a :class:`Browser`, or an HTTP client.
    """
    client = getattr(browser, "http", browser)
    client.environ_base.update(HTTP_X_FORWARDED_FOR=address, HTTP_X_FORWARDED_PROTO="https", HTTP_USER_AGENT=agent)


@contextmanager
def later(**time: float) -> Iterator[None]:
    """The one clock is moved."""
    now, seconds = clock.timestamp(), timedelta(**time).total_seconds()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "timestamp", lambda: now + seconds)
        yield


# --- pictures -------------------------------------------------------------------------------------


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int = 128, height: int | None = None, *, size: int = 0) -> bytes:
    """A grey PNG; at least *size* bytes long."""
    height = width if height is None else height
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    start = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
    end = _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")
    missing = size - len(start) - len(end) - 12
    return start + (_chunk(b"prVt", b"\0" * missing) if missing > 0 else b"") + end


def jpeg(width: int = 128, height: int | None = None) -> bytes:
    """A grey baseline JPEG: each block is one code for no difference and one for the end of the block."""
    height = width if height is None else height
    table = bytes([1] + [0] * 15 + [0])
    segments = [
        (0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
        (0xDB, b"\0" + b"\1" * 64),
        (0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"),
        (0xC4, b"\0" + table),
        (0xC4, b"\x10" + table),
        (0xDA, b"\1\1\0\0\x3f\0"),
    ]
    head = b"".join(struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content for marker, content in segments)
    blocks = -(-width // 8) * -(-height // 8)
    return b"\xff\xd8" + head + b"\0" * -(-2 * blocks // 8) + b"\xff\xd9"


def webp(width: int = 128, height: int | None = None) -> bytes:
    """A lossless WebP of one colour: five prefix codes of one symbol each, so that no pixel takes a bit."""
    height = width if height is None else height
    bits = (width - 1) | (height - 1) << 14
    for code in range(5):
        bits |= 1 << 35 + 4 * code
    data = b"\x2f" + bits.to_bytes(11, "little")
    chunk = b"VP8L" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk
