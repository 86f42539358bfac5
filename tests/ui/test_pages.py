"""What every page has in common: headers, no code but our own, forms that are guarded; the host's own layout."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import url_for
from jinja2 import FileSystemLoader

from ..support import Browser, Provider
from .conftest import CONFIG
from .pages import HOME, NEW_TOKEN, SECURITY, Element, heading, parse, press, registered, words
from .states import every_page

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action {}; frame-ancestors 'none'; "
    "base-uri 'none'"
)


def guarded(answer: Any, form_action: str = "'self'") -> None:
    """The headers that every page has."""
    headers = answer.headers
    assert headers["Content-Security-Policy"] == POLICY.format(form_action)
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


# --- every route ----------------------------------------------------------------------------------


def addresses(provider: Provider) -> Iterator[str]:
    """An address of every page, as the map of the app has them."""
    ada = provider.browser("ada")
    client, address = registered(ada)
    link = parse(press(ada, ada.visit(address), "Make the link")).one("code", id="o2-once-value").text
    client.tokens(ada)
    press(ada, ada.visit(NEW_TOKEN), "Create token", name="x", scopes=["email"])
    with provider.app.app_context():
        public_id = provider.oauth2.list_authorizations(user=provider.user("ada"))[0][0].public_id
        (token,) = provider.oauth2.list_personal_tokens(provider.user("ada"))
        values = {
            "client_id": client.client_id,
            "name": client.client_id,
            "public_id": public_id,
            "token_id": token.id,
            "event_id": 1,
            "pk": 1,
            "value": link.split("/")[-2],
            "reference": "F-2222-3333",
            "kid": "a_key",
        }
    server = provider.app.extensions["oauth2server"]
    pages = {f"{route.blueprint}.{route.name}" for route in server.routes if route.page}
    rules = [rule for rule in provider.app.url_map.iter_rules() if rule.endpoint in pages]
    assert {rule.endpoint for rule in rules} == pages
    with provider.app.test_request_context():
        for rule in rules:
            yield url_for(rule.endpoint, **{name: values[name] for name in rule.arguments})


def test_every_route_guards_its_answers_signed_in_or_out(provider: Provider) -> None:
    found = list(addresses(provider))
    assert len(found) >= 20
    for who in (provider.browser("ada"), provider.browser("bob"), provider.browser()):
        for address in found:
            for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
                answer = who.http.open(address, method=method)
                assert answer.status_code in (200, 302, 303, 400, 403, 404, 405, 410), (method, address)
                guarded(answer)


def test_nobody_who_is_signed_out_sees_anything_of_anybody(provider: Provider) -> None:
    nobody = provider.browser()
    for address in addresses(provider):
        if address.startswith(HOME):
            for method in ("GET", "POST"):
                answer = nobody.http.open(address, method=method)
                if answer.status_code == 405:
                    assert method == "POST"
                    continue
                assert (answer.status_code, "Papers" in answer.text) == (302, False), address
                assert answer.headers["Location"].startswith("/login?next=")


# --- every page -----------------------------------------------------------------------------------

EVENTS = re.compile(r"^on[a-z]+$")
LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src", "use": "href"}


def check_code(root: Element, name: str) -> None:
    """No inline code or style, nothing from elsewhere."""
    assert root.all("style") == root.all("iframe") == root.all("object") == root.all("base") == [], name
    for element in root.walk():
        assert "style" not in element.attributes, (name, element.tag)
        assert not [attribute for attribute in element.attributes if EVENTS.match(attribute)], (name, element.tag)
        for attribute in ("href", "src", "action", "formaction", "poster", "srcset"):
            value = element.attributes.get(attribute, "")
            assert not value.lower().lstrip().startswith(("data:", "javascript:", "http:", "//")), (name, value)
        if element.tag in LOADED:
            value = element.attributes[LOADED[element.tag]]
            assert value.startswith("/") and not urlsplit(value).netloc, (name, value)
            assert element.tag != "script" or element.text == "", name
        if element.tag == "a" and urlsplit(element.attributes.get("href", "")).netloc:
            assert element.attributes["rel"] == "noopener noreferrer nofollow", (name, element.attributes)


def check_forms(root: Element, name: str) -> None:
    """Everything that changes something is posted, with a token, to this server."""
    for form in root.all("form"):
        method, sent = form.attributes.get("method", "get"), form.all("input", name="csrf_token")
        assert method in ("get", "post"), name
        if method == "get":
            assert form.attributes["role"] == "search", name
            assert sent == [], name
        else:
            assert len(sent) == 1 and len(sent[0].attributes["value"]) > 50, name
        assert not urlsplit(form.attributes.get("action", "")).netloc, name
        assert all("formaction" not in button.attributes for button in form.all("button")), name


def check_structure(root: Element, name: str) -> None:
    """One heading, a language, a title; what is named by an id is there, once."""
    titles = root.one("head").all("title")  # the bars of a chart have titles, too
    assert len(root.all("h1")) == len(titles) == len(root.all("main")) == 1, name
    assert titles[0].text and root.one("h1").text, name
    assert root.one("html").attributes["lang"] == "en", name
    ids = [element.attributes["id"] for element in root.walk() if "id" in element.attributes]
    assert len(ids) == len(set(ids)), (name, sorted(ids))
    for element in root.walk():
        named = f"{element.attributes.get('aria-describedby', '')} {element.attributes.get('aria-labelledby', '')}"
        wanted = [*named.split(), *([element.attributes["for"]] if "for" in element.attributes else [])]
        href = element.attributes.get("href", "")
        wanted += [href[1:]] if href.startswith("#") else []
        assert set(wanted) <= set(ids), (name, wanted)
        if element.tag == "svg":
            drawn = element.attributes.get("role") == "img" and element.attributes["aria-label"]
            assert drawn or element.attributes["aria-hidden"] == "true", name


def test_every_state_of_every_page(keeping: Provider) -> None:
    seen = 0
    for name, page in every_page(keeping):
        seen += 1
        root = parse(page)
        check_code(root, name)
        check_forms(root, name)
        check_structure(root, name)
        consent = root.all("button", name="confirm")
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith(POLICY.partition(" form-action")[0]), name
        assert policy.endswith("frame-ancestors 'none'; base-uri 'none'"), name
        if not consent:
            guarded(page)
    assert seen > 100


@pytest.mark.parametrize(
    ("uri", "form_action"),
    [
        ("https://client.example/cb", "'self' https:"),
        ("http://127.0.0.1:53682/cb", "'self' https: http://127.0.0.1:53682"),
        ("com.example.reader:/cb", "'self' https: com.example.reader:"),
    ],
)
def test_a_consent_may_lead_where_its_answer_goes(provider: Provider, ada: Browser, uri: str, form_action: str) -> None:
    client = provider.client(redirect_uris=[uri], application_type="native")
    guarded(ada.visit(client.address()), form_action)


def test_the_files_are_our_own(ada: Browser) -> None:
    root = parse(ada.visit(HOME))
    (style,), (script,) = root.all("link", rel="stylesheet"), root.all("script")
    with ada.visit(style.attributes["href"]) as sheet:
        assert (sheet.status_code, sheet.mimetype) == (200, "text/css")
        assert not re.search(r"url\(|@import|https?://", sheet.text)
    with ada.visit(script.attributes["src"]) as code:
        assert code.status_code == 200
        assert not re.search(r"eval\(|innerHTML|https?://", code.text)


# --- the host's own -------------------------------------------------------------------------------

LAYOUT = """<!doctype html><html lang="en"><head><title>{% block title %}{% endblock %} | Host</title>
{% block head %}<link rel="stylesheet" href="/host.css">{% endblock %}</head>
<body><nav id="host-nav">Host menu</nav><main>{% block main %}{% endblock %}</main></body></html>"""


def hosted(make: Callable[..., Provider], folder: Path, files: dict[str, str], **config: Any) -> Provider:
    """A provider whose app has templates of its own."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)

    def before(app: Any) -> None:
        app.jinja_loader = FileSystemLoader(str(folder))

    return make(config={**CONFIG, **config}, before=before)


def test_all_pages_stand_in_the_host_s_layout(make: Callable[..., Provider], tmp_path: Path) -> None:
    provider = hosted(make, tmp_path, {"host.html": LAYOUT}, OAUTH2_BASE_TEMPLATE="host.html")
    seen = 0
    for name, page in every_page(provider):
        root = parse(page)
        assert root.one("nav", id="host-nav").text == "Host menu", name
        assert root.one("head").one("title").text.endswith(" | Host"), name
        assert len(root.all("main")) == len(root.all("h1")) == 1, name
        assert root.all("header") == root.all("footer") == [], name
        sheets = [link.attributes["href"] for link in root.all("link", rel="stylesheet")]
        ours = ["oauth2server.css", "admin.css"] if root.all("div", class_="o2-admin") else ["oauth2server.css"]
        assert sheets == ["/host.css", *(f"/oauth/static/{sheet}" for sheet in ours)], name
        assert all(
            "o2" in element.attributes["class"] for element in root.one("main").children if isinstance(element, Element)
        )
        seen += 1
    assert seen > 100


BLOCKS = {
    "settings/index": ("token_footer_text", "client_footer_text", "navigation", "brand", "foot", "head"),
    "settings/client_view": ("navigation", "brand", "foot", "head"),
    "settings/security": ("navigation", "foot"),
    "settings/token_new": ("navigation", "foot"),
    "authorize": ("before_scopes", "after_scopes", "decision_note", "brand", "foot", "head"),
    "errors": ("brand", "foot", "head"),
    "sign_out": ("brand", "foot", "head"),
    "admin/index": ("overview_extra", "brand", "foot", "head"),
    "admin/client": ("client_extra", "brand", "foot", "head"),
}


def test_blocks_are_overridden_one_by_one(make: Callable[..., Provider], tmp_path: Path) -> None:
    files = {
        f"oauth2server/{page}.html": f'{{% extends "oauth2server/{page}_base.html" %}}'
        + "".join(f"{{% block {name} %}}{{{{ super() }}}}<!-- {page} {name} -->{{% endblock %}}" for name in blocks)
        for page, blocks in BLOCKS.items()
    }
    provider = hosted(make, tmp_path, files)
    provider.oauth2.admin_required(lambda user: user.name == "ada")
    ada = provider.browser("ada")
    client, address = registered(ada)
    shown = {
        "settings/index": ada.visit(HOME),
        "settings/client_view": ada.visit(address),
        "settings/security": ada.visit(SECURITY),
        "settings/token_new": ada.visit(NEW_TOKEN),
        "authorize": ada.visit(provider.client().address()),
        "errors": ada.visit("/oauth/authorize"),
        "sign_out": ada.visit("/oauth/sign-out/"),
        "admin/index": ada.visit("/admin/oauth2/"),
        "admin/client": ada.visit(f"/admin/oauth2/clients/{client.client_id}/"),
    }
    for page, blocks in BLOCKS.items():
        for name in blocks:
            assert shown[page].text.count(f"<!-- {page} {name} -->") == 1, (page, name)
    assert "Signed in as ada" in words(shown["authorize"])


def test_a_whole_page_is_replaced(make: Callable[..., Provider], tmp_path: Path) -> None:
    files = {"oauth2server/errors.html": "<title>{{ code }}</title><p>{{ reference }}"}
    page = hosted(make, tmp_path, files).browser().visit("/oauth/authorize")
    assert re.fullmatch(r"<title>invalid_request</title><p>F-\w{4}-\w{4}", page.text)
    guarded(page)


def test_further_sources_are_a_setting(make: Callable[..., Provider]) -> None:
    sources = {"style-src": "https://cdn.example", "font-src": "https://fonts.example", "default-src": "'self'"}
    page = make(config={"OAUTH2_CSP_SOURCES": sources}).browser("ada").visit(HOME)
    assert page.headers["Content-Security-Policy"] == (
        "default-src 'self'; style-src 'self' https://cdn.example; script-src 'self'; img-src 'self'; font-src "
        "https://fonts.example; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


@pytest.mark.parametrize(("theme", "attribute"), [("auto", None), ("light", "light"), ("dark", "dark")])
def test_the_theme_is_a_setting(make: Callable[..., Provider], theme: str, attribute: str | None) -> None:
    page = make(config={"OAUTH2_THEME": theme}).browser("ada").visit(HOME)
    assert parse(page).one("html").attributes.get("data-o2-theme") == attribute


def test_help_privacy_and_mark_are_settings(make: Callable[..., Provider]) -> None:
    urls = {"HELP": "/help?a=1&b=2", "PRIVACY": "/privacy", "PROVIDER_MARK": "/mark.svg"}
    provider = make(config={**CONFIG, **{f"OAUTH2_{name}_URL": url for name, url in urls.items()}})
    ada = provider.browser("ada")
    for page in (ada.visit(HOME), ada.visit(provider.client().address()), ada.visit("/oauth/authorize")):
        root = parse(page)
        links = {link.text: link.attributes["href"] for link in root.one("footer").all("a")}
        assert links.items() >= {"Help": "/help?a=1&b=2", "Privacy at Meridian": "/privacy"}.items()
        assert {image.attributes["src"] for image in root.all("img")} == {"/mark.svg"}


def test_without_settings_pages_nothing_points_to_them(make: Callable[..., Provider]) -> None:
    provider = make(config={**CONFIG, "OAUTH2_ENABLE_SETTINGS": False})
    ada = provider.browser("ada")
    assert ada.visit(HOME).status_code == 404
    page = ada.visit(provider.client().address())
    assert "You can take this back at any time." in words(page)
    assert HOME not in page.text
    assert heading(press(ada, ada.visit("/oauth/sign-out/"), "Sign out")) == "You are signed out"


def test_the_pages_live_where_the_host_wants_them(make: Callable[..., Provider]) -> None:
    config = {"OAUTH2_SETTINGS_URL_PREFIX": "/me/apps/", "OAUTH2_URL_PREFIX": "/o"}
    ada = make(config={**CONFIG, **config}).browser("ada")
    page = ada.visit("/me/apps/tokens/new/")
    assert "Copy your token now" in words(press(ada, page, "Create token", name="x", scopes=["email"]))
    assert "/account/" not in ada.visit("/me/apps/").text
