"""Every page in every state that can be reached by HTTP, for what all of them have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

from flask import Flask

from flask_oauth2server import OAuth2Server, Scope
from flask_oauth2server.errors import IssuerUnknown, TooMany, Unavailable

from ..support import CALLBACK, Browser, Client, Provider, hidden_fields
from .admin.states import administration
from .pages import (
    HOME,
    NEW_CLIENT,
    NEW_TOKEN,
    SECURITY,
    later,
    parse,
    personal_token,
    png,
    press,
    registered,
    use,
)

#: Names that people and clients give; data, not texts.
SITES = {"client_uri": "https://a.example", "policy_uri": "https://a.example/p", "tos_uri": "https://a.example/t"}
BAD_CLIENT = {"redirect_uris": "http://a.example/\nx#y\njavascript:z\nnonsense", "scopes": []}

Page = tuple[str, Any]


def every_page(provider: Provider) -> Iterator[Page]:
    """What each state is called, and its page."""
    for part in (_empty, _consents, _settings, _tokens, _clients, _offers, _sign_out, _errors, administration):
        yield from part(provider)


def _empty(provider: Provider) -> Iterator[Page]:
    bob = provider.browser("bob")
    yield "settings, empty", bob.visit(HOME)
    yield "security, empty", bob.visit(SECURITY)
    yield "nothing matches", bob.visit(f"{HOME}?authorised_q=zz&tokens_q=zz&mine_q=zz")
    provider.oauth2.may_register(lambda _user: False)
    yield "may not register", bob.visit(HOME)
    provider.oauth2.hooks.pop("may_register")


def _consents(provider: Provider) -> Iterator[Page]:
    ada, scopes = provider.browser("ada"), provider.oauth2.scopes
    scopes.register(Scope("burn", "Burn it", "Library", powerful=True))
    offered = ["email", "profile", "notes", "burn"]
    first = provider.client(name="First", scopes=offered, contacts=["Maker"], **SITES)
    yield "consent", ada.visit(first.address(scope="email burn notes"))
    yield "consent, only optional", ada.visit(first.address(scope="notes"))
    yield "consent, refused", press(ada, ada.visit(first.address()), "Allow", ticket="x")
    ada.allow(first.address(scope="email"))
    yield "consent, more", ada.visit(first.address(scope="email profile"))
    yield "consent, two more", ada.visit(first.address(scope="email profile burn"))
    ada.allow(first.address(scope="email profile"))
    yield "consent, more again", ada.visit(first.address(scope="email profile burn"))
    two = provider.client(name="Second", redirect_uris=[CALLBACK, "https://b.example/"], verified=False)
    ada.allow(two.address())
    yield "consent, new host", ada.visit(two.address(redirect_uri="https://b.example/"))
    native: dict[str, Any] = {"token_endpoint_auth_method": "none", "application_type": "native"}
    for number, uri in enumerate(("http://127.0.0.1:80/", "http://localhost/", "com.example.a:/cb")):
        client = provider.client(name=f"Native{number}", redirect_uris=[uri], **native)
        yield f"consent, {uri}", ada.visit(client.address())
        ada.allow(client.address())
        yield f"consent, {uri}, again", ada.visit(client.address())
    for name, values in (
        ("Bare", {}),
        ("Sited", {"client_uri": "https://a.example"}),
        ("Termed", {"tos_uri": "https://a.example"}),
        ("House", {"first_party": True, "contacts": ["Maker"]}),
        ("Known", {"contacts": ["Maker"], "client_uri": "https://a.example"}),
    ):
        client = provider.client(name=name, **values)
        yield f"consent, {name}", ada.visit(client.address(prompt="consent"))


def _settings(provider: Provider) -> Iterator[Page]:
    ada = provider.browser("ada")
    yield "settings", ada.visit(HOME)
    client = Client(provider, *_of(provider, "First"), [CALLBACK])
    for _ in range(12):
        ada.visit(client.address())
    page = ada.visit(HOME)
    yield "settings, many devices", page
    ada.visit(client.address(scope="email profile"))
    with later(days=40):
        ada.allow(client.address(scope="email profile burn"))
        yield "settings, weeks later", ada.visit(HOME)
    for days in (0.001, 0.1, 1.1, 5, 100):
        with later(days=days):
            yield f"settings, {days} days later", ada.visit(HOME)
    disconnect = parse(page).all("form", class_="o2-meta")[0].attributes["action"]
    yield "disconnected", _after(ada, press(ada, page, "Disconnect", at=disconnect))
    name = client.client_id
    yield "revoked", _after(ada, press(ada, page, "Revoke access", at=name))
    yield (
        "expired form",
        _after(ada, press(ada, ada.visit(HOME), "Revoke access", at=_of(provider, "Second")[0], csrf_token="x")),
    )
    yield "security", ada.visit(SECURITY)


def _of(provider: Provider, name: str) -> tuple[str, str | None]:
    with provider.app.app_context():
        client = provider.db.session.query(provider.oauth2.models.Client).filter_by(name=name).one()
        return client.client_id, None


def _after(browser: Browser, answer: Any) -> Any:
    return browser.visit(answer.headers["Location"].partition("#")[0]) if answer.status_code == 303 else answer


def _tokens(provider: Provider) -> Iterator[Page]:
    ada = provider.browser("ada")
    page = ada.visit(NEW_TOKEN)
    yield "new token", page
    yield "new token, wrong", press(ada, page, "Create token", expiry="date", last_day="x")
    yield "new token, long name", press(ada, page, "Create token", name="x" * 300, expiry=None)
    good = {"name": "Laptop", "scopes": ["email", "profile", "notes"], "expiry": "7"}
    made = press(ada, page, "Create token", **good)
    yield "token made", made
    yield "token gone", press(ada, page, "Create token", **good)
    value = parse(made).one("code", id="o2-once-value").text
    use(provider, value, "203.0.113.9")
    personal_token(ada, "Two", scopes=["email", "profile"], expiry="365")
    personal_token(ada, "One", scopes=["email"], expiry="30")
    page = ada.visit(HOME)
    yield "settings with tokens", page
    with later(days=6.9):
        yield "settings, a token ends within hours", ada.visit(HOME)
    with later(days=6.999):
        yield "settings, a token ends within minutes", ada.visit(HOME)
    with later(days=20):
        ended = ada.visit(HOME)
        yield "settings, a token has ended", ended
        yield "token removed", _after(ada, press(ada, ended, "Remove"))
    views = [a.attributes["href"] for a in parse(page).all("a") if a.text.startswith("Rename")]
    page = ada.visit(views[0])
    yield "token", page
    yield "token, wrong", press(ada, page, "Save changes", name="", scopes=[])
    yield "token saved", _after(ada, press(ada, page, "Save changes"))
    yield "token revoked", _after(ada, press(ada, page, "Revoke token"))


def _clients(provider: Provider) -> Iterator[Page]:
    ada = provider.browser("ada")
    page = ada.visit(NEW_CLIENT)
    yield "new application", page
    yield "new application, wrong", press(ada, page, "Create application", name="", client_type="x", **BAD_CLIENT)
    wrong = {"client_uri": "x", "policy_uri": "x", "tos_uri": "x", "description": "x" * 5000}
    for number, (name, value) in enumerate(wrong.items()):
        values = {"redirect_uris": CALLBACK, "scopes": ["email"], name: value}
        yield f"new application, {name}", press(ada, page, "Create application", name=f"App{number}", **values)
    names = {"near": "Meridian App", "taken": "First", "long": "x" * 300}
    for what, name in names.items():
        page = press(ada, page, "Create application", name=name, redirect_uris=CALLBACK, scopes=["email"])
        yield f"new application, name {what}", page
    for uri in (
        "https://a@b.example/",
        "https://A.example/",
        "com.example.a:/cb",
        "https://a.example/?code=1",
        "https://ü/",
        "com.a:x@y",
    ):
        yield f"new application, {uri}", press(ada, page, "Create application", name="App", redirect_uris=uri)
    for what, content in {
        "no picture": b"<svg/>",
        "small": png(9),
        "KB": png(size=201 * 1024),
        "MB": png(size=1434 * 1024),
    }.items():
        yield f"new application, logo {what}", press(ada, page, "Create application", logo=(BytesIO(content), "x"))
    page = ada.visit(NEW_CLIENT)
    values = {"name": "Papers", "redirect_uris": f"{CALLBACK}\nhttp://127.0.0.1/", "scopes": ["email", "burn"]}
    values |= {"description": "Kept", "logo": (BytesIO(png()), "x.png")}
    yield "application made", press(ada, page, "Create application", **values)
    yield "application sent twice", _after(ada, press(ada, page, "Create application", **{**values, "logo": None}))
    address = f"{HOME}clients/{_of(provider, 'Papers')[0]}/"
    page = ada.visit(address)
    yield "application", page
    secret = press(ada, page, "New secret")
    yield "new secret", secret
    yield "new secret, again", press(ada, page, "New secret")
    for _ in range(3):
        press(ada, ada.visit(address), "New secret")
    yield "five secrets", ada.visit(address)
    yield "a sixth secret", _after(ada, press(ada, secret, "New secret", reset="yes"))
    revoke = [
        form.attributes["action"]
        for form in parse(ada.visit(address)).all("form")
        if "secrets" in form.attributes["action"]
    ]
    yield "secret revoked", _after(ada, press(ada, ada.visit(address), "Revoke secret", at=revoke[0]))
    edit = ada.visit(f"{address}edit/")
    yield "edit", edit
    yield "edit, wrong", press(ada, edit, "Save changes", name="", **BAD_CLIENT)
    yield "saved", _after(ada, press(ada, edit, "Save changes"))
    for changes in ({"name": "Paper"}, {"remove_logo": "yes"}, {"redirect_uris": CALLBACK}):
        with provider.app.app_context():
            client = provider.oauth2.get_client(address.split("/")[-2])
            provider.oauth2.edit_client(client, verified=True)
        yield f"application, checked, {changes}", ada.visit(address)
        yield f"edited {changes}", _after(ada, press(ada, ada.visit(f"{address}edit/"), "Save changes", **changes))
    public, where = registered(ada, "Public", client_type="public")
    yield "public application", ada.visit(where)
    provider.browser("bob").allow(public.address())
    yield "application of one", ada.visit(where)
    ada.allow(public.address())
    page = ada.visit(where)
    yield "application of two", page
    yield "settings with applications", ada.visit(HOME)
    yield "wrong name to delete", press(ada, page, "Delete application", confirm_name="x")
    yield "signed out everybody", _after(ada, press(ada, page, "Sign everybody out"))
    yield "deleted", _after(ada, press(ada, page, "Delete application", confirm_name="Public"))


def _offers(provider: Provider) -> Iterator[Page]:
    ada, bob = provider.browser("ada"), provider.browser("bob")
    _, address = registered(ada, "Offered", description="Kept")
    page = press(ada, ada.visit(address), "Make the link")
    yield "offer made", page
    link = parse(page).one("code", id="o2-once-value").text.partition(".example")[2]
    yield "application offered", ada.visit(address)
    taking = bob.visit(link)
    yield "offer", taking
    yield "taken over", _after(bob, press(bob, taking, "Take it over"))
    yield "offer gone", bob.visit(link)
    press(bob, bob.visit(address), "Make the link")
    yield "withdrawn", _after(bob, press(bob, bob.visit(address), "Withdraw"))
    yield "security of the owner", ada.visit(SECURITY)
    with later(minutes=1):
        client, token = provider.client(name="Used"), personal_token(ada, "Used")
        use(provider, client.tokens(ada)["access_token"], "198.51.100.1")
        use(provider, token, "198.51.100.1")
        client.exchange(client.code(ada))
        code = client.code(ada)
        client.exchange(code)
        client.exchange(code)
        client.post("/oauth/revoke", token=client.tokens(ada)["refresh_token"])
        ada.answer(ada.visit(client.address(prompt="consent")), "no")
        page = ada.visit(SECURITY)
        yield "security, full", page
        posts = [form.attributes["action"] for form in parse(page).all("form", method="post")]
        yield "not me", _after(ada, press(ada, page, "End it at once", at=posts[0]))
        yield "not me, twice", _after(ada, press(ada, page, "End it at once", at=posts[0]))


def _sign_out(provider: Provider) -> Iterator[Page]:
    ada = provider.browser("ada")
    page = ada.visit("/oauth/sign-out/")
    yield "sign out", page
    yield "signed out", press(ada, page, "Sign out")


def _errors(provider: Provider) -> Iterator[Page]:
    ada, client = provider.browser("ada"), provider.client(name="Broken")
    yield "redirect URI unknown", ada.visit(client.address(redirect_uri="https://evil.example/"))
    yield "client unknown", ada.visit(client.address(client_id="nobody"))
    yield "malformed", ada.visit("/oauth/authorize?client_id=a&client_id=b")
    yield "named in the address", ada.visit("/oauth/errors/?error=access_denied")
    yield "not there", ada.visit(f"{HOME}tokens/77777/")
    yield "not allowed", ada.http.delete(HOME)
    yield "too large", ada.http.post(NEW_CLIENT, data=b"x" * 5_000_000, content_type="multipart/form-data; boundary=x")
    yield "not safe", ada.http.get(HOME, environ_overrides={"REMOTE_ADDR": "203.0.113.9"})
    unchecked = provider.client(name="Unchecked", verified=False)
    yield "error of an unchecked one", ada.visit(unchecked.address(scope="bogus"))
    with provider.app.app_context():
        provider.oauth2.disable_client(provider.oauth2.get_client(client.client_id))
    yield "client disabled", ada.visit(client.address())
    server = provider.app.extensions["oauth2server"]
    for seconds in (30, 130):
        with failing(server, "rates", TooMany(seconds, "too many")):
            yield f"too many, {seconds}", ada.visit(HOME)
    with failing(server, "issuer", Unavailable("the database is gone")):
        yield "busy", ada.visit(client.address())
    with failing(server, "issuer", IssuerUnknown("OAUTH2_ISSUER is not set")):
        yield "not ready", ada.visit(client.address())


class failing:  # noqa: N801
    """A part of the server that raises."""

    def __init__(self, server: Any, name: str, error: Exception) -> None:
        self.server, self.name, self.error = server, name, error

    def __enter__(self) -> None:
        def fail(*_: Any) -> None:
            raise self.error

        self.before = getattr(self.server, self.name)
        setattr(self.server, self.name, fail)

    def __exit__(self, *_: object) -> None:
        setattr(self.server, self.name, self.before)


def development_pages(prepare: Callable[[Flask], None]) -> Iterator[Page]:
    """The pages of the bare start.

    :param prepare: called with the app before the extension is.
    """
    app = Flask("bare")
    prepare(app)
    OAuth2Server(app)
    browser = app.test_client()
    yield "start without its key", browser.get("/oauth/")
    browser.get(f"/oauth/?key={app.extensions['oauth2server'].subjects.admits.__self__.key}")
    page = browser.get("/oauth/")
    yield "start", page
    page = browser.get("/oauth/sign-in/")
    yield "sign in", page
    token = hidden_fields(page)
    yield "sign in, no name", browser.post("/oauth/sign-in/", data=token)
    yield "sign in, long name", browser.post("/oauth/sign-in/", data={**token, "name": "x" * 101})
    yield "sign in, bad name", browser.post("/oauth/sign-in/", data={**token, "name": "a\x07"})
    browser.post("/oauth/sign-in/", data={**token, "name": "Ada"})
    page = browser.get("/oauth/")
    yield "start, signed in", page
    for confirm in ("yes", "no"):
        sent = browser.post("/oauth/try-it/", data=hidden_fields(browser.get("/oauth/")))
        asked = browser.get(sent.headers["Location"])
        answer = asked
        if asked.status_code == 200:
            answer = browser.post(sent.headers["Location"], data={**hidden_fields(asked), "confirm": confirm})
        yield f"tried, {confirm}", browser.get(answer.headers["Location"].rstrip("#"))
