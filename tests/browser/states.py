"""Every page for people in every state, and how one gets there."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from . import data
from .data import ADA, IDA, NORA, THEO, TOMAS
from .visitor import Visitor, World

SETTINGS = "/account/settings/applications/"
HOUSE = "/admin/oauth2/"
TRY_NOTEBOOK = f"{HOUSE}clients/notebook/try/"
PAPERTRAIL = f"{SETTINGS}clients/papertrail/"
NEW_CLIENT, NEW_TOKEN = f"{SETTINGS}clients/new/", f"{SETTINGS}tokens/new/"
LINK = "https://reader.papertrail.example/callback"


@dataclass(frozen=True)
class State:
    """A page in one state.

    :ivar name: of the page and the state.
    :ivar shows: words that are on it.
    :ivar person: who looks at it; None: nobody is signed in.
    :ivar path: where it is.
    :ivar then: what is done there.
    :ivar before: what is done to the database before.
    :ivar folds: whether all of them are opened.
    """

    name: str
    shows: str
    person: str | None
    path: str
    then: Callable[[Visitor], None] | None = None
    before: Callable[[World], None] | None = None
    app: str = "main"
    folds: bool = True

    def reach(self, visitor: Visitor) -> None:
        """Go there."""
        if self.before is not None:
            self.before(visitor.world)
        visitor.visit(self.path, self.app)
        if self.then is not None:
            self.then(visitor)


def asking(client_id: str, redirect_uri: str | None, scope: str = "profile email items.read", **more: str) -> str:
    """An authorization request."""
    asked = {"response_type": "code", "client_id": client_id, "scope": scope, "state": "xyz"}
    if redirect_uri is not None:
        asked["redirect_uri"] = redirect_uri
    proof = {"code_challenge": "c" * 43, "code_challenge_method": "S256"}
    return f"/oauth/authorize?{urlencode({**asked, **proof, **more})}"


#: The default scopes and all others.
ALL = " ".join(data.EVERYTHING)
SOME = "profile email items.read notes.read"


# --- what is done on the way ----------------------------------------------------------------------


def _forge_ticket(visitor: Visitor) -> None:
    visitor.page.locator("[name=ticket]").evaluate("field => { field.value = 'old'; }")
    visitor.press("Allow")


def _fill_in_client(visitor: Visitor, name: str = "Shelf Reader", kind: str = "confidential") -> None:
    page = visitor.page
    page.locator("#name").fill(name)
    page.locator("#redirect_uris").fill("https://shelf.example/callback\nhttps://shelf.example/second")
    page.locator(f"[name=client_type][value={kind}]").check()
    page.locator("[name=scopes][value=email]").check()
    visitor.press("Create application")


def _refused_client(visitor: Visitor) -> None:
    page = visitor.page
    page.locator("#name").fill("Meridian Reader")
    page.locator("#client_uri").fill("shelf")
    page.locator("#redirect_uris").fill("https://ok.example/a\nhttp://shelf.example/b\nhttps://shelf.example/c#d")
    page.locator("#logo").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
    visitor.press("Create application")


def _new_secret(visitor: Visitor) -> None:
    visitor.press("New secret")


def _same_form_twice(visitor: Visitor) -> None:
    """New secret, and then the browser sends the same form again."""
    visitor.press("New secret")
    visitor.page.get_by_text("Copy it now").wait_for()
    visitor.page.reload()


def _offer(visitor: Visitor) -> None:
    visitor.page.get_by_text("Transfer…").click()
    visitor.press("Make the link")


def _follow_offer(visitor: Visitor) -> None:
    _offer(visitor)
    link = visitor.page.locator("#o2-once-value").inner_text()
    visitor.context.clear_cookies()
    visitor.sign_in(NORA)
    visitor.page.goto(link)


def _delete_wrongly(visitor: Visitor) -> None:
    visitor.page.get_by_text("Delete application…").click()
    visitor.page.get_by_label("Type ").fill("Something else")
    visitor.press("Delete application")


def _delete_client_wrongly(visitor: Visitor) -> None:
    visitor.page.get_by_text("Delete client…").click()
    visitor.page.get_by_label("Type ").fill("Something else")
    visitor.press("Delete client")


def _nameless_client(visitor: Visitor) -> None:
    visitor.page.locator("#redirect_uris").fill("http://shelf.example/b")
    visitor.press("Register client")


def _start(visitor: Visitor) -> None:
    visitor.press("Start")


def _start_wrongly(visitor: Visitor) -> None:
    visitor.page.get_by_label("Redirect URI to send").fill("https://bench.example/back/")
    visitor.press("Start")


def _choose_tokens(visitor: Visitor) -> None:
    for box in visitor.page.locator("[name=token]").all()[:3]:
        box.check()
    visitor.page.get_by_role("button", name="Revoke chosen…").click()


def _look_for_a_token(visitor: Visitor) -> None:
    visitor.page.locator("[name=value]").first.fill("o2a_nothing")
    visitor.press("Find")


def _rename(visitor: Visitor) -> None:
    visitor.page.locator("#name").fill("Papertrail Reader 2")
    visitor.press("Save changes")


def _make_token(visitor: Visitor) -> None:
    visitor.page.locator("#name").fill("my script")
    visitor.page.locator("[name=scopes][value=email]").check()
    visitor.press("Create token")
    visitor.page.get_by_text("Copy your token now").wait_for()


def _make_token_twice(visitor: Visitor) -> None:
    _make_token(visitor)
    visitor.page.reload()


def _nothing_filled_in(visitor: Visitor) -> None:
    visitor.page.locator("[name=expiry][value=date]").check()
    visitor.press("Create token")


def _take_everything_away(visitor: Visitor) -> None:
    for box in visitor.page.locator("[name=scopes]").all():
        box.uncheck()
    visitor.page.locator("#name").fill("")
    visitor.press("Save changes")


def _end_one(visitor: Visitor) -> None:
    row = visitor.page.locator("#tokens .o2-details", has_text="Jupyter").first
    row.locator("summary").first.click()
    row.get_by_text("Revoke…").click()
    row.get_by_role("button", name="Revoke token").click()


def _older(visitor: Visitor) -> None:
    visitor.page.get_by_role("link", name="Next").click()
    visitor.page.get_by_role("link", name="Previous").wait_for()


def _disconnect_while_busy(visitor: Visitor) -> None:
    visitor.page.get_by_text("Papertrail Reader").first.click()
    with locked(visitor.world):
        visitor.page.locator("details", has_text="Papertrail Reader").get_by_role("button", name="Disconnect").click()
        visitor.page.locator("h1", has_text="busy").wait_for()


def _search(visitor: Visitor) -> None:
    visitor.page.get_by_role("searchbox", name="Search personal tokens").fill("machine 2")
    visitor.page.locator("#tokens").get_by_role("button", name="Search").click()


def _reload(visitor: Visitor) -> None:
    visitor.page.reload()


def _sign_out(visitor: Visitor) -> None:
    visitor.press("Sign out")


def _with_key(visitor: Visitor) -> None:
    visitor.visit(f"/oauth/?key={visitor.world.urls['key']}", "bare")


def _sign_in_bare(visitor: Visitor) -> None:
    _with_key(visitor)
    visitor.page.locator("#name").fill("ada")
    visitor.press("Sign in")


def _try_it(visitor: Visitor) -> None:
    _sign_in_bare(visitor)
    visitor.press("Try it")
    visitor.press("Allow")


# --- what is done before --------------------------------------------------------------------------


@contextlib.contextmanager
def locked(world: World) -> Iterator[None]:
    """Somebody else writes to the database, and does not come to an end."""
    with contextlib.closing(sqlite3.connect(world.database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def _allowed(person: str, client_id: str, scopes: str, **more: Any) -> Callable[[World], None]:
    def before(world: World) -> None:
        with world.provider.app.app_context():
            client, user = world.provider.oauth2.get_client(client_id), world.provider.user(person)
            if world.provider.oauth2.models.Consent.query.filter_by(user_id=user.id, client_pk=client.id).count() == 0:
                data.allow(world.provider, user, client, scopes.split(), **more)
                world.provider.db.session.commit()

    return before


def _again(client_id: str, scopes: str, *hosts: str) -> Callable[[World], None]:
    return _allowed(NORA, client_id, scopes, hosts=hosts, age=timedelta(days=70))


def _secrets_of_all_kinds(world: World) -> None:
    oauth2 = world.provider.oauth2
    with world.provider.app.app_context():
        client = oauth2.get_client("papertrail")
        for _ in range(5 - len(oauth2.list_secrets(client))):
            oauth2.rotate_secret(client)


# --- the table ------------------------------------------------------------------------------------

WEB, HARVESTER = LINK, "https://harvester.digital-preservation.ncdp.example/oauth/callback"
LOOPBACK, SCHEME = "http://127.0.0.1:53682/callback", "com.example.pocketshelf:/callback"
BENCH, ARABIC = "https://bench.example/back", "https://xn--mgbayc6b.example/cb"
SECURITY = f"{SETTINGS}security/"

CONSENT = [
    State("consent", "You decide", NORA, asking("papertrail", WEB, ALL)),
    State("consent unchecked", "has not checked this app", NORA, asking("harvester", HARVESTER, ALL)),
    State("consent loopback", "port 53682", NORA, asking("citations", LOOPBACK)),
    State("consent scheme", "an app on this device", NORA, asking("pocket", SCHEME)),
    State("consent right to left", "قارئ", NORA, asking("arabic", ARABIC)),
    State("consent optional only", "Tick at least one", NORA, asking("papertrail", WEB, "notes.read publish")),
    State("consent refused ticket", "Please choose again", NORA, asking("papertrail", WEB, ALL), _forge_ticket),
    State(
        "consent more",
        "It now asks for",
        NORA,
        asking("notebook", BENCH, ALL),
        before=_again("notebook", "profile email notes.read", "bench.example"),
    ),
    State(
        "consent new host",
        "It now returns to a new address",
        THEO,
        asking("papertrail", WEB, "profile email"),
        before=_allowed(THEO, "papertrail", "profile"),
    ),
    State(
        "consent each time",
        "asks each time",
        THEO,
        asking("citations", LOOPBACK),
        before=_allowed(THEO, "citations", "profile email items.read", hosts=["127.0.0.1"]),
    ),
]
ERRORS = [
    State("error redirect uri", "could not be connected", NORA, asking("papertrail", "https://evil.example/")),
    State("error unknown client", "does not know this app", None, asking("nobody", WEB)),
    State("error stopped client", "has been switched off", NORA, asking("stopped", "https://importer.example/cb")),
    State("error damaged", "This link is damaged", NORA, asking("papertrail", WEB) + "&scope=email"),
    State("error unchecked client", "Go to harvester", NORA, asking("harvester", HARVESTER, "audit")),
    State("error named", "This link is damaged", None, "/oauth/errors/?error=invalid_scope"),
    State("error missing", "There is nothing here", NORA, f"{SETTINGS}clients/papertrail/"),
    State("error offer", "no longer open", NORA, f"{SETTINGS}offers/nothing/"),
    State("error too many", "Too many tries", NORA, asking("papertrail", WEB), _reload, app="strict"),
    State("error not ready", "is not ready for this", NORA, asking("papertrail", WEB), app="unready"),
    State("error busy", "Nothing was changed", THEO, SETTINGS, _disconnect_while_busy, app="strict"),
]
LISTS = [
    State("applications", "Jupyter on the cluster", THEO, SETTINGS),
    State("applications empty", "No app can use your account", IDA, SETTINGS),
    State("applications many", "1 to 25 of", ADA, SETTINGS, folds=False),
    State("applications second page", "26 to", ADA, f"{SETTINGS}?tokens_page=2&mine_page=2&authorised_page=2"),
    State("applications search", "machine 27", ADA, f"{SETTINGS}?authorised_q=Paper&mine_q=27", _search, folds=False),
    State("applications nothing found", "Nothing matches", ADA, f"{SETTINGS}?authorised_q=x1&tokens_q=x2&mine_q=x3"),
    State("applications no registration", "Ask the people who run", NORA, SETTINGS, app="strict"),
    State("applications after ending", "is revoked.", THEO, SETTINGS, _end_one),
    State("security events", "You allowed", THEO, SECURITY),
    State("security events many", "Next", ADA, SECURITY),
    State("security events older", "You allowed", ADA, SECURITY, _older),
    State("security events empty", "Nothing has happened yet", IDA, SECURITY),
    State("security events no addresses", "does not keep addresses", IDA, SECURITY, app="strict"),
]
FORMS = [
    State("new application", "Where people return", NORA, NEW_CLIENT),
    State("new application refused", "Nothing has been saved", NORA, NEW_CLIENT, _refused_client),
    State("new application made", "Copy its secret now", NORA, NEW_CLIENT, _fill_in_client),
    State(
        "new application public",
        "A public client has no secret",
        NORA,
        NEW_CLIENT,
        lambda visitor: _fill_in_client(visitor, "Shelf Phone", "public"),
    ),
    State("application", "To rotate", THEO, PAPERTRAIL),
    State("application public", "proves itself with PKCE", THEO, f"{SETTINGS}clients/widget/"),
    State("application new secret", "New secret. Copy it now", THEO, PAPERTRAIL, _new_secret),
    State("application secret gone", "was shown once and is gone", THEO, PAPERTRAIL, _same_form_twice),
    State("application five secrets", "Revoke one first", THEO, PAPERTRAIL, before=_secrets_of_all_kinds),
    State("application offer", "Copy the link for the new owner", THEO, PAPERTRAIL, _offer),
    State("application offered", "An offer is open until", THEO, PAPERTRAIL),
    State("application delete refused", "That is not its name", THEO, PAPERTRAIL, _delete_wrongly),
    State("edit application", "Remove the logo", THEO, f"{PAPERTRAIL}edit/"),
    State("edit application changed", "will check the application again", THEO, f"{PAPERTRAIL}edit/", _rename),
    State("new token", "Nothing is ticked", NORA, NEW_TOKEN),
    State("new token refused", "Give the token a name", NORA, NEW_TOKEN, _nothing_filled_in),
    State("token made", "Put it in the Authorization header", NORA, NEW_TOKEN, _make_token),
    State("token gone", "was shown once and is gone", NORA, NEW_TOKEN, _make_token_twice),
    State("edit token", "To allow more", ADA, f"{SETTINGS}tokens/20/"),
    State("edit token refused", "Tick at least one thing", ADA, f"{SETTINGS}tokens/20/", _take_everything_away),
]
OTHERS = [
    State("take over", "offers you this application", THEO, f"{SETTINGS}clients/widget/", _follow_offer),
    State("sign out", "You asked to sign out", NORA, "/oauth/sign-out/"),
    State("signed out", "You are signed out", NORA, "/oauth/sign-out/", _sign_out),
    State("bare key", "This page needs its key", None, "/oauth/", app="bare"),
    State("bare start", "Bring your users", None, "/oauth/", _with_key, app="bare"),
    State("bare signed in", "Signed in as", None, "/oauth/", _sign_in_bare, app="bare"),
    State("bare tried", "It works", None, "/oauth/", _try_it, app="bare"),
]
ADMINISTRATION = [
    State("admin refused", "administrator", NORA, HOUSE),
    State("admin overview", "Refused most today", TOMAS, HOUSE),
    State("admin clients", "1 to 25 of", TOMAS, f"{HOUSE}clients/"),
    State("admin clients none", "No client matches", TOMAS, f"{HOUSE}clients/?q=zotero&type=public&state=enabled"),
    State("admin client", "nearly all for one reason", TOMAS, f"{HOUSE}clients/harvester/"),
    State("admin client secret", "New secret. Copy it now", TOMAS, f"{HOUSE}clients/notebook/", _new_secret),
    State("admin client delete refused", "not its name", TOMAS, f"{HOUSE}clients/papertrail/", _delete_client_wrongly),
    State("admin try it", "Nothing has been tried yet", TOMAS, TRY_NOTEBOOK),
    State("admin try it works", "It works", TOMAS, TRY_NOTEBOOK, _start),
    State("admin try it failed", "The redirect URI is not registered", TOMAS, TRY_NOTEBOOK, _start_wrongly),
    State("admin new client refused", "Nothing has been saved", TOMAS, f"{HOUSE}clients/new/", _nameless_client),
    State("admin tokens", "Find a token by its value", TOMAS, f"{HOUSE}tokens/"),
    State("admin tokens chosen", "Revoke", TOMAS, f"{HOUSE}tokens/", _choose_tokens),
    State("admin token not found", "No token has this value", TOMAS, f"{HOUSE}tokens/", _look_for_a_token),
    State("admin authorizations", "Scopes", TOMAS, f"{HOUSE}authorizations/?client=notebook"),
    State("admin scopes", "Powerful", TOMAS, f"{HOUSE}scopes/"),
    State("admin failures", "The redirect URI is not registered", TOMAS, f"{HOUSE}failures/"),
    State("admin failure", "What was checked", TOMAS, f"{HOUSE}failures/F-0001-TEST/"),
    State("admin audit log", "Registered the client", TOMAS, f"{HOUSE}audit/"),
]
WORN = [
    State("host's layout: admin client", "Danger zone", TOMAS, f"{HOUSE}clients/harvester/", app="worn"),
    State("host's layout: consent", "You decide", NORA, asking("papertrail", WEB, ALL), app="worn"),
    State("host's layout: error", "does not know this app", NORA, asking("nobody", WEB), app="worn"),
    State("host's layout: applications", "Lab Notebook Sync", THEO, SETTINGS, app="worn"),
    State("host's layout: application", "Danger zone", THEO, f"{SETTINGS}clients/widget/", app="worn"),
    State("host's layout: new token refused", "Give the token", NORA, NEW_TOKEN, _nothing_filled_in, app="worn"),
    State("host's layout: sign out", "You asked to sign out", NORA, "/oauth/sign-out/", app="worn"),
]
STATES = [*CONSENT, *ERRORS, *LISTS, *FORMS, *OTHERS, *ADMINISTRATION, *WORN]
