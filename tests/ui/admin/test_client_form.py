"""An administrator registers a client and changes one; the rules are those of Python and the command line."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_oauth2server import InvalidClientMetadata, Scope
from flask_oauth2server.domain import presets

from ...conftest import close
from ...support import CALLBACK, Browser, Client, Provider, build
from ..conftest import CONFIG
from ..pages import events, fields, form, heading, landed, parse, png, press, said, stored, words, works
from ..test_personal_tokens import problems

CLIENTS = "/admin/oauth2/clients/"
NEW = f"{CLIENTS}new/"
CODE, BASIC = ["authorization_code", "refresh_token"], "client_secret_basic"
GOOD = {"name": "Papers", "redirect_uris": CALLBACK, "scopes": ["email"]}


@pytest.fixture
def provider(make: Callable[..., Provider]) -> Provider:
    """A provider called Meridian, where ada is an administrator."""
    return administered(make)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The same, shared by tests that leave nothing behind."""
    shared = build(f"sqlite:///{tmp_path_factory.mktemp('form')}/provider.sqlite", config=CONFIG)
    shared.oauth2.admin_required(lambda user: user.name == "ada")
    yield shared
    close(shared)


@pytest.fixture(scope="module")
def editor(untouched: Provider) -> Browser:
    """The browser of an administrator there."""
    return untouched.browser("ada")


def administered(make: Callable[..., Provider], **config: Any) -> Provider:
    provider = make(config={**CONFIG, **config})
    provider.oauth2.admin_required(lambda user: user.name == "ada")
    return provider


def create(browser: Browser, preset: str = "web", **changes: Any) -> Any:
    """Fill in the form of a new client and send it; the answer."""
    return press(browser, browser.visit(NEW), "Register client", **{**GOOD, "preset": preset, **changes})


def edit(browser: Browser, client_id: str, **changes: Any) -> Any:
    """Fill in the form of a client and send it; the answer."""
    return press(browser, browser.visit(f"{CLIENTS}{client_id}/edit/"), "Save changes", **changes)


def only(provider: Provider) -> Any:
    """The only client, apart from the session."""
    with provider.app.app_context():
        (client,) = provider.oauth2.list_clients()
        provider.db.session.expunge(client)
        return client


# --- a new one ------------------------------------------------------------------------------------


def test_a_web_app_is_registered_and_works_at_once(provider: Provider, ada: Browser) -> None:
    page = create(ada)
    assert (page.status_code, heading(page)) == (200, "Papers")
    assert "Copy its secret now" in words(page)
    secret = parse(page).one("code", id="o2-once-value").text
    client = only(provider)
    assert (client.verified, client.first_party, client.user_id) == (True, False, None)
    assert client.client_metadata["require_pkce"] is True
    app = Client(provider, client.client_id, secret, [CALLBACK])
    assert "refresh_token" in app.tokens(provider.browser("bob"))
    # Nowhere else, and never again.
    assert secret not in ada.visit(CLIENTS).text + ada.visit(f"{CLIENTS}{client.client_id}/").text


@pytest.mark.parametrize(
    ("preset", "changes", "kind", "grants", "method"),
    [
        ("spa", {}, "public", CODE, "none"),
        ("native", {"redirect_uris": "com.example.app:/cb"}, "public", CODE, "none"),
        ("service", {"redirect_uris": "", "owner": "bob"}, "confidential", ["client_credentials"], BASIC),
        ("resource-server", {"redirect_uris": "", "scopes": []}, "confidential", [], BASIC),
    ],
)
def test_each_kind_of_application_has_what_fits_it(
    provider: Provider, ada: Browser, preset: str, changes: dict[str, Any], kind: str, grants: list[str], method: str
) -> None:
    answer = create(ada, preset, **changes)
    client = only(provider)
    assert client.client_type == kind
    assert client.allowed_grant_types == grants
    assert client.client_metadata["token_endpoint_auth_method"] == method
    assert client.client_metadata["application_type"] == ("native" if preset == "native" else "web")
    assert client.may_introspect is (preset == "resource-server")
    assert client.scopes == ([] if preset == "resource-server" else ["email"])
    if kind == "public":
        assert said(landed(ada, answer)) == "The client is registered."
        return
    secret = parse(answer).one("code", id="o2-once-value").text
    program = Client(provider, client.client_id, secret, [])
    if preset == "service":
        with provider.app.app_context():
            assert client.user_id == provider.user("bob").id
        answer = program.post("/oauth/token", grant_type="client_credentials", scope="email")
        assert answer.status_code == 200, answer.json
        assert works(provider, answer.json["access_token"])
    else:
        token = provider.client().tokens(ada)["access_token"]
        assert program.post("/oauth/introspect", token=token).json["active"] is True
        assert program.post("/oauth/token", grant_type="client_credentials").json["error"] == "unauthorized_client"


def test_the_form_says_what_each_kind_is_and_begins_with_the_one_in_the_address(editor: Browser) -> None:
    page = editor.visit(f"{NEW}?preset=service")
    root = parse(page)
    assert [r.attributes["value"] for r in root.all("input", type="radio")] == [p.name for p in presets.PRESETS]
    assert fields(form(page, "Register client")[0])["preset"] == ["service"]
    for preset in presets.PRESETS:
        for sentence in (preset.title, preset.who, preset.sets, preset.example):
            assert sentence in words(page)
    for address in (NEW, f"{NEW}?preset=nothing"):
        assert fields(form(editor.visit(address), "Register client")[0])["preset"] == ["web"]


def test_a_kind_whose_grant_is_off_is_not_offered(make: Callable[..., Provider]) -> None:
    provider = administered(make, OAUTH2_ALLOWED_GRANT_TYPES=["authorization_code"])
    ada = provider.browser("ada")
    page = ada.visit(f"{NEW}?preset=service")
    offered = [radio.attributes["value"] for radio in parse(page).all("input", type="radio")]
    assert offered == ["web", "spa", "native", "resource-server"]
    assert problems(create(ada, "service")) == ["Kind of application: Choose one of them."]
    create(ada)
    assert only(provider).allowed_grant_types == ["authorization_code"]  # refreshing is off: it does without


def test_what_is_named_wins_over_the_kind_of_application(provider: Provider, ada: Browser) -> None:
    create(
        ada,
        token_endpoint_auth_method="client_secret_post",
        grant_types=["authorization_code"],
        without_pkce="y",
        access_token_expires_in="600",
        refresh_token_expires_in=" 86400 ",
        refresh_rotation="never",
        may_introspect="y",
        first_party="y",
        verified=None,
        owner="bob",
        contacts="a@papers.example\n\n b@papers.example",
        logo=(io.BytesIO(png()), "logo.png"),
    )
    client = only(provider)
    metadata = client.client_metadata
    assert metadata["token_endpoint_auth_method"] == "client_secret_post"
    assert (metadata["grant_types"], metadata["response_types"]) == (["authorization_code"], ["code"])
    assert metadata["require_pkce"] is False
    assert metadata["contacts"] == ["a@papers.example", "b@papers.example"]
    assert (client.access_token_expires_in, client.refresh_token_expires_in) == (600, 86400)
    assert (client.refresh_rotation, client.may_introspect) == ("never", True)
    assert (client.first_party, client.verified, client.verified_at) == (True, False, None)
    assert stored(provider, "ClientLogo") == 1


def test_an_internal_scope_is_given_by_administrators(provider: Provider, ada: Browser) -> None:
    provider.oauth2.scopes.register(Scope("internal", "Do the books", internal=True))
    assert "Internal" in words(ada.visit(NEW))
    create(ada, scopes=["internal", "email", "nonsense"])
    assert only(provider).scopes == ["email", "internal"]


# --- what is wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({"preset": None}, ["Kind of application: Choose one of them."]),
        ({"name": ""}, ["Name: Give the application a name. People decide by it."]),
        ({"redirect_uris": ""}, ["Redirect URIs: Add at least one redirect URI."]),
        ({"scopes": []}, ["Scopes: Tick at least one scope."]),
        ({"owner": "nobody"}, ["Owner: No user is called “nobody”."]),
        ({"owner": "bo"}, ["Owner: No user is called “bo”. Near: bob."]),
        (
            {"access_token_expires_in": "1h"},
            ["Life of an access token: Must be a whole number of seconds from 1 to 2147483647."],
        ),
        ({"refresh_rotation": "sometimes"}, ['Refresh rotation: Must be "always" or "never".']),
        (
            {"grant_types": ["password"], "redirect_uris": ""},
            [
                "Grants: 'password' is not offered here; offered are authorization_code, client_credentials, "
                "refresh_token."
            ],
        ),
        (
            {"preset": "spa", "grant_types": ["client_credentials"]},
            ["Grants: Client_credentials is for confidential clients only."],
        ),
        ({"preset": "spa", "without_pkce": "y"}, ["Works without PKCE: Only a confidential client may turn PKCE off."]),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    untouched: Provider, editor: Browser, changes: dict[str, Any], sentences: list[str]
) -> None:
    page = create(editor, **changes)
    assert (page.status_code, problems(page)) == (200, sentences)
    ids = {element.attributes["id"] for element in parse(page).all() if "id" in element.attributes}
    links = [a.attributes["href"] for a in parse(page).one(role="alert").all("a")]
    assert {link.removeprefix("#") for link in links} <= ids
    for table in ("Client", "ClientSecret", "ClientTerm", "AuditEvent"):
        assert stored(untouched, table) == 0


def test_what_was_typed_stays(editor: Browser) -> None:
    typed = {"name": "", "owner": "nobody", "contacts": "me", "grant_types": ["refresh_token"], "first_party": "y"}
    sent = fields(form(create(editor, "native", **typed), "Register client")[0])
    for name, value in {**typed, "preset": "native", "redirect_uris": CALLBACK, "scopes": ["email"]}.items():
        assert sent[name] == (value if isinstance(value, list) else [value])


#: The same in Python, on the command line and as the form has it.
BAD: list[tuple[dict[str, Any], list[str], dict[str, Any]]] = [
    ({"name": " "}, ["--name", " "], {"name": " "}),
    (
        {"redirect_uris": ["http://papers.example/cb"]},
        ["--redirect-uri", "http://papers.example/cb"],
        {"redirect_uris": "http://papers.example/cb"},
    ),
    (
        {"preset": "spa", "require_pkce": False},
        ["--preset", "spa", "--no-require-pkce"],
        {"preset": "spa", "without_pkce": "y"},
    ),
    (
        {"preset": "spa", "grant_types": ["client_credentials"]},
        ["--preset", "spa", "--grant-type", "client_credentials"],
        {"preset": "spa", "grant_types": ["client_credentials"]},
    ),
    ({"redirect_uris": [], "preset": "native"}, ["--preset", "native"], {"redirect_uris": "", "preset": "native"}),
    (
        {"token_endpoint_auth_method": "magic"},
        ["--auth-method", "magic"],
        {"token_endpoint_auth_method": "magic"},
    ),
    ({"access_token_expires_in": 0}, ["--access-token-expires-in", "0"], {"access_token_expires_in": "0"}),
    ({"client_uri": "javascript:x"}, ["--client-uri", "javascript:x"], {"client_uri": "javascript:x"}),
]


@pytest.mark.parametrize(("python", "options", "typed"), BAD)
def test_one_validator_for_form_command_line_and_python(
    untouched: Provider, editor: Browser, python: dict[str, Any], options: list[str], typed: dict[str, Any]
) -> None:
    values: dict[str, Any] = {"name": "Papers", "redirect_uris": [CALLBACK], "scopes": ["email"], "preset": "web"}
    with untouched.app.app_context(), pytest.raises(InvalidClientMetadata) as refused:
        untouched.oauth2.create_client(**{**values, **python})
    sentence = refused.value.message

    given = ["--scope", "email"]
    given += [] if "--name" in options else ["--name", "Papers"]
    given += (
        [] if "--redirect-uri" in options or not python.get("redirect_uris", True) else ["--redirect-uri", CALLBACK]
    )
    result = untouched.app.test_cli_runner().invoke(args=["oauth2", "client", "create", *given, *options])
    assert (result.exit_code, result.output.strip()) == (1, f"Error: {refused.value.field}: {sentence}")

    (problem,) = problems(create(editor, **typed))
    assert problem.split(": ", 1)[1].removeprefix("Line 1: ").casefold() == sentence.casefold()
    assert stored(untouched, "Client") == 0


# --- who may, and once ----------------------------------------------------------------------------


def test_nobody_else_registers_or_changes_a_client(provider: Provider) -> None:
    client = provider.client(client_id="reader")
    with provider.app.app_context():
        provider.oauth2.edit_client(provider.oauth2.get_client("reader"), owner=provider.user("bob"))
    bob, stranger = provider.browser("bob"), provider.browser()
    for address in (NEW, f"{CLIENTS}{client.client_id}/edit/"):
        assert bob.visit(address).status_code == bob.http.post(address, data=GOOD).status_code == 403
        assert stranger.visit(address).status_code == stranger.http.post(address, data=GOOD).status_code == 302
    assert only(provider).name == "Reader"


def test_a_form_without_its_token_does_nothing_and_keeps_what_was_typed(provider: Provider, ada: Browser) -> None:
    page = create(ada, csrf_token="forged")
    assert page.status_code == 200
    assert said(page) == "This page was open too long, and nothing was changed. Please try again."
    assert fields(form(page, "Register client")[0])["name"] == ["Papers"]
    client = provider.client(client_id="reader")
    page = edit(ada, client.client_id, csrf_token="forged", name="Changed")
    assert fields(form(page, "Save changes")[0])["name"] == ["Changed"]
    assert only(provider).name == "Reader"


def test_sent_twice_it_makes_one(provider: Provider, ada: Browser) -> None:
    page = ada.visit(NEW)
    first = press(ada, page, "Register client", **GOOD)
    again = press(ada, page, "Register client", **{**GOOD, "name": "Papers 2"})
    assert "Copy its secret now" in words(first)
    assert said(landed(ada, again)) == "This value was shown once and is gone. If you did not copy it, make another."
    forged = press(ada, page, "Register client", **GOOD, ticket="forged")
    assert said(forged) == "This page was open too long, and nothing was changed. Please try again."
    assert stored(provider, "Client") == stored(provider, "ClientSecret") == 1


def test_fields_of_nobody_are_not_taken(provider: Provider, ada: Browser) -> None:
    page = ada.visit(NEW)
    press(
        ada,
        page,
        "Register client",
        **GOOD,
        client_id="mine",
        is_confidential="",
        user_id="2",
        disabled_at="2020-01-01",
    )
    client = only(provider)
    assert client.client_id != "mine"
    assert (client.is_confidential, client.user_id, client.disabled_at) == (True, None, None)


# --- changing one ---------------------------------------------------------------------------------


def test_saving_what_was_there_changes_nothing(provider: Provider, ada: Browser) -> None:
    with provider.app.app_context():
        provider.oauth2.create_client(
            name="Papers",
            redirect_uris=["https://b.example/cb", CALLBACK],
            scopes=["notes", "email"],
            grant_types=["refresh_token", "authorization_code", "client_credentials"],
            client_id="papers",
            owner=provider.user("bob"),
            require_pkce=False,
            access_token_expires_in=60,
            contacts=["me@papers.example"],
            description="Reads papers.",
        )
    before = only(provider)
    page = landed(ada, edit(ada, "papers"))
    assert said(page) == "Nothing was changed."
    after = only(provider)
    for column in before.__table__.c:
        assert getattr(after, column.key) == getattr(before, column.key), column.key


def test_a_client_is_changed(provider: Provider, ada: Browser) -> None:
    provider.client(client_id="reader", verified=False)
    page = edit(
        ada,
        "reader",
        name="Writer",
        verified="y",
        owner="bob",
        redirect_uris=f"{CALLBACK}\nhttp://127.0.0.1/cb",
        grant_types=["client_credentials"],
        scopes=["notes"],
        access_token_expires_in="60",
    )
    assert said(landed(ada, page)) == "Saved."
    client = only(provider)
    assert (client.name, client.verified, client.access_token_expires_in) == ("Writer", True, 60)
    assert (client.allowed_grant_types, client.allowed_response_types) == (["client_credentials"], [])
    assert client.scopes == ["notes"]
    assert client.is_confidential is True
    edit(ada, "reader", owner="", verified=None, grant_types=["authorization_code"])
    client = only(provider)
    assert (client.user_id, client.verified, client.verified_at) == (None, False, None)
    assert client.allowed_response_types == ["code"]


def test_the_owner_sees_that_a_client_came_and_went(provider: Provider, ada: Browser) -> None:
    provider.client(client_id="reader")
    edit(ada, "reader", owner="bob")
    assert len(events(provider.browser("bob"))) == 1
    edit(ada, "reader", owner="ada")
    assert len(events(provider.browser("bob"))) == 2


def test_the_type_stays(provider: Provider, ada: Browser) -> None:
    provider.client(client_id="phone", token_endpoint_auth_method="none")
    page = ada.visit(f"{CLIENTS}phone/edit/")
    choices = [
        option.attributes["value"]
        for option in parse(page).one("select", id="token_endpoint_auth_method").all("option")
    ]
    assert choices == ["none"]
    assert not parse(page).all("input", type="radio")
    page = edit(ada, "phone", token_endpoint_auth_method="client_secret_basic")
    assert problems(page) == ["Client authentication: The type of a client cannot be changed."]
    landed(ada, edit(ada, "phone", redirect_uris="com.example.phone:/cb"))
    assert only(provider).client_metadata["application_type"] == "native"


def test_a_client_without_grants_is_edited_as_it_is(provider: Provider, ada: Browser) -> None:
    with provider.app.app_context():
        provider.oauth2.create_client(name="API", client_id="api", preset="resource-server")
    landed(ada, edit(ada, "api", description="Serves notes."))
    client = only(provider)
    assert (client.client_metadata["description"], client.scopes, client.may_introspect) == ("Serves notes.", [], True)


def test_what_somebody_else_changed_meanwhile_is_not_lost_unseen(any_provider: Provider) -> None:
    any_provider.oauth2.admin_required(lambda _user: True)
    any_provider.client(client_id="reader")
    ada, bob = any_provider.browser("ada"), any_provider.browser("bob")
    page = ada.visit(f"{CLIENTS}reader/edit/")
    landed(bob, edit(bob, "reader", description="Bob was here."))
    answer = press(ada, page, "Save changes", name="Ada's")
    assert said(answer).startswith("Somebody has changed this client meanwhile. Nothing has been saved.")
    assert only(any_provider).name == "Reader"
    # Wrong input does not make what was seen new.
    wrong = press(ada, page, "Save changes", name="")
    assert said(press(ada, wrong, "Save changes", name="Ada's")).startswith("Somebody has changed")
    # Seen, it is saved over it.
    landed(ada, press(ada, answer, "Save changes"))
    client = only(any_provider)
    assert (client.name, client.client_metadata["description"]) == ("Ada's", "")


def test_what_was_not_seen_at_all_is_not_saved(provider: Provider, ada: Browser) -> None:
    provider.client(client_id="reader")
    assert said(edit(ada, "reader", seen=None, name="Changed")).startswith("Somebody has changed")
    assert only(provider).name == "Reader"


def test_the_logo_is_put_and_taken_away(provider: Provider, ada: Browser) -> None:
    provider.client(client_id="reader")
    landed(ada, edit(ada, "reader", logo=(io.BytesIO(png()), "logo.png")))
    assert stored(provider, "ClientLogo") == 1
    page = ada.visit(f"{CLIENTS}reader/edit/")
    assert "Remove the logo it has now" in words(page)
    landed(ada, press(ada, page, "Save changes", remove_logo="yes"))
    assert stored(provider, "ClientLogo") == 0


def test_there_is_no_such_client(editor: Browser) -> None:
    assert editor.visit(f"{CLIENTS}nothing/edit/").status_code == 404


# --- presets, in Python and on the command line ---------------------------------------------------


def test_presets_in_python(provider: Provider) -> None:
    with provider.app.app_context():
        create = provider.oauth2.create_client
        app, secret = create(preset="spa", name="Notes", redirect_uris=[CALLBACK])
        assert (app.client_type, secret, app.scopes) == (
            "public",
            None,
            ["email", "profile", "notes", "openid", "offline_access"],
        )
        robot, secret = create(preset="service", name="Robot", grant_types=None, scopes=["email"])
        assert (robot.allowed_grant_types, robot.allowed_response_types) == (["client_credentials"], [])
        post, _ = create(preset="web", name="Post", redirect_uris=[CALLBACK], token_endpoint_auth_method="none")
        assert post.client_type == "public"
        with pytest.raises(
            InvalidClientMetadata, match=r"preset: 'x' is not offered here; offered are web, spa, native"
        ):
            create(preset="x", name="X")


def test_a_preset_on_the_command_line(provider: Provider) -> None:
    def run(line: str) -> Any:
        return provider.app.test_cli_runner().invoke(args=["oauth2", "client", *line.split()])

    made = run("create --preset spa --name Notes --scope email --redirect-uri https://notes.example/cb")
    assert made.exit_code == 0, made.output
    assert re.search(r"^type +public$", made.output, re.M)
    assert "Notes" in run("list --search notes").output
    assert run("list --search reader").output == "No client matches.\n"
    refused = run("list --search notes --after 3")
    assert (refused.exit_code, "--search goes with --limit alone." in refused.output) == (2, True)
