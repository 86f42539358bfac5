"""Why did it fail: each refusal has its reason, the difference, and what to do about it."""

from __future__ import annotations

import base64
import hashlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask_login import UserMixin, current_user
from hypothesis import given
from hypothesis.strategies import lists
from hypothesis.strategies import text as texts
from sqlalchemy import text as sql

from flask_oauth2server import clock, require_oauth
from flask_oauth2server.domain import differences
from flask_oauth2server.domain.causes import CAUSES
from flask_oauth2server.domain.cleaning import cleaned, scheme_of

from .conftest import close
from .support import CALLBACK, Client, Provider, answer_of, bearer, build


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """One provider for all stories; each looks at its own last refusal."""
    folder = tmp_path_factory.mktemp("failures")

    def views(app: Flask) -> None:
        @app.get("/notes")
        @require_oauth("notes")
        def notes() -> str:
            return "notes"

    provider = build(f"sqlite:///{folder}/provider.sqlite", before=views, config={"OAUTH2_REFRESH_GRACE": 0})
    yield provider
    close(provider)


@pytest.fixture
def reader(provider: Provider) -> Client:
    return provider.client()


def server(provider: Provider) -> Any:
    return provider.app.extensions["oauth2server"]


def last(provider: Provider) -> Any:
    """The explanation of the last refusal."""
    with provider.app.app_context():
        server(provider).records.flush()
        db, model = provider.db, provider.oauth2.models.Failure
        row = db.session.query(model).order_by(model.id.desc()).first()
        return server(provider).why.reference(row.reference)


def explained(provider: Provider, cause: str) -> Any:
    """The same, of a cause; a private reason, a rule and a remedy are always there."""
    explanation = last(provider)
    assert explanation.row.cause == cause, (explanation.row.cause, explanation.detail)
    assert explanation.detail
    assert explanation.cause.client or explanation.cause.here
    assert [check.state for check in explanation.checks].count("failed") == 1
    return explanation


def text(pieces: Any) -> str:
    return "".join(piece.text for piece in pieces)


def marked(pieces: Any) -> str:
    return "".join(piece.text for piece in pieces if piece.differs)


def facts(explanation: Any) -> str:
    return " ".join(explanation.hints)


# --- twenty ways to break a client's configuration ------------------------------------------------


def test_a_slash_too_many_at_the_redirect_uri(provider: Provider, reader: Client) -> None:
    page = provider.browser("ada").visit(reader.address(redirect_uri=f"{CALLBACK}/"))
    assert page.status_code == 400
    explanation = explained(provider, "redirect_uri_not_registered")
    assert explanation.row.reference in page.text
    difference = explanation.difference
    assert (text(difference.sent), text(difference.expected)) == (f"{CALLBACK}/", CALLBACK)
    assert (marked(difference.sent), marked(difference.expected)) == ("/", "")
    assert difference.position == len(CALLBACK) + 1
    assert difference.sentence == "One character more: a slash at the end."
    assert explanation.row.client_id == reader.client_id
    assert explanation.row.user_id == 1
    assert dict(explanation.parameters)["state"] == "(present, 3 characters)"
    states = {check.text: check.state for check in explanation.checks}
    assert states["The client is enabled"] == "passed"
    assert states["The redirect URI belongs to the client"] == "failed"
    assert states["The person is signed in"] == "not reached"


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ("http://client.example/cb", "One begins with http, the other with https."),
        ("https://Client.example/cb", "Capital and small letters differ."),
        ("https://client.example:8443/cb", "The host or the port is another one."),
        ("https://client.example/callback", "The path is another one."),
        (f"{CALLBACK}?tenant=1", "The query is another one: what stands behind the ? is compared, too."),
        (f"{CALLBACK} ", "Spaces or line ends stand around it."),
        ("https%3A%2F%2Fclient.example%2Fcb", "It is percent-encoded once more than the registered one."),
        ("nonsense", "They are not the same."),
    ],
)
def test_other_redirect_uris(provider: Provider, reader: Client, sent: str, sentence: str) -> None:
    assert provider.api().get(reader.address(redirect_uri=sent)).status_code == 400
    explanation = last(provider)
    assert explanation.row.cause in ("redirect_uri_not_registered", "redirect_uri_malformed")
    assert explanation.difference.sentence == sentence


def test_no_redirect_uri_where_two_are_registered(provider: Provider) -> None:
    client = provider.client(redirect_uris=[CALLBACK, f"{CALLBACK}/2"])
    assert provider.api().get(client.address(redirect_uri=None)).status_code == 400
    explained(provider, "redirect_uri_missing")


def test_a_client_id_of_somewhere_else(provider: Provider, reader: Client) -> None:
    assert provider.api().get(reader.address(client_id="production-id")).status_code == 400
    explanation = explained(provider, "client_unknown")
    assert explanation.row.client_id == "production-id"
    assert explanation.row.client_pk is None


def test_a_disabled_client(provider: Provider) -> None:
    client = provider.client()
    with provider.app.app_context():
        provider.oauth2.disable_client(provider.oauth2.get_client(client.client_id))
    assert provider.api().get(client.address()).status_code == 400
    explained(provider, "client_disabled")
    assert client.post("/oauth/token", grant_type="client_credentials").status_code == 401
    explained(provider, "client_disabled")


def test_a_parameter_sent_twice(provider: Provider, reader: Client) -> None:
    assert provider.api().get(f"{reader.address()}&client_id={reader.client_id}").status_code == 400
    assert facts(explained(provider, "parameter_twice")) == "The parameter is client_id."


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "pkce_missing"),
        ({"code_challenge_method": "plain"}, "pkce_method"),
        ({"code_challenge_method": None}, "pkce_method"),
        ({"code_challenge": hashlib.sha256(b"x").hexdigest()}, "pkce_challenge"),
        ({"response_type": None}, "response_type_missing"),
        ({"response_type": "token"}, "response_type_not_offered"),
        ({"response_mode": "fragments"}, "response_mode"),
        ({"scope": None}, "scope_missing"),
        ({"scope": "email admin"}, "scope_refused"),
        ({"prompt": "maybe"}, "prompt"),
        ({"max_age": "soon"}, "max_age"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_object"),
        ({"prompt": "none"}, "consent_needed"),
    ],
)
def test_an_authorization_request_that_is_sent_back(
    provider: Provider, reader: Client, changes: dict[str, str | None], cause: str
) -> None:
    answer = answer_of(provider.browser("ada").visit(reader.address(**changes)))
    assert "error" in answer
    explanation = explained(provider, cause)
    assert (explanation.row.error, explanation.row.client_pk is None) == (answer["error"], False)


def test_scopes_that_are_not_there_are_told_from_those_that_were_not_given(provider: Provider) -> None:
    client = provider.client(scopes=["email"])
    answer_of(provider.browser("ada").visit(client.address(scope="email profile e-mail")))
    explanation = explained(provider, "scope_refused")
    assert "Not registered here at all: e-mail." in explanation.hints
    assert "Not among the scopes of the client: profile." in explanation.hints
    answer_of(provider.browser("ada").visit(client.address(scope="email,profile")))
    assert "There is a comma in it: scopes stand with spaces between." in last(provider).hints


def test_a_wrong_secret(provider: Provider, reader: Client) -> None:
    reader.secret = "wrong " + "w" * 50
    assert reader.post("/oauth/token", grant_type="client_credentials").status_code == 401
    explanation = explained(provider, "secret_wrong")
    assert "What was sent has 56 characters." in explanation.hints
    assert "wrong" not in str(explanation.parameters)
    assert "www" not in str(dict(explanation.row.facts))


def test_a_secret_with_a_line_end(provider: Provider, reader: Client) -> None:
    reader.secret = f"{reader.secret}\n"
    assert reader.post("/oauth/token", grant_type="client_credentials").status_code == 401
    assert "It has a space or a line end at its beginning or end." in explained(provider, "secret_wrong").hints


def test_a_secret_that_was_revoked(provider: Provider, reader: Client) -> None:
    with provider.app.app_context():
        model = provider.oauth2.get_client(reader.client_id)
        provider.oauth2.rotate_secret(model)
        provider.oauth2.revoke_secret(model, reader.secret[-4:])
    assert reader.post("/oauth/token", grant_type="client_credentials").status_code == 401
    hints = facts(explained(provider, "secret_wrong"))
    assert f"It is the secret …{reader.secret[-4:]}, which was revoked on" in hints


def test_a_secret_in_the_body_where_basic_is_registered(provider: Provider, reader: Client) -> None:
    sent = {"client_id": reader.client_id, "client_secret": reader.secret, "grant_type": "client_credentials"}
    assert reader.post("/oauth/token", basic=False, **sent).status_code == 401
    explanation = explained(provider, "auth_method")
    assert text(explanation.difference.sent) == "client_secret_post"
    assert text(explanation.difference.expected) == "client_secret_basic"
    assert reader.secret not in str(dict(explanation.row.facts))


def test_two_secrets_two_ids_none(provider: Provider, reader: Client) -> None:
    grant = {"grant_type": "client_credentials"}
    assert reader.post("/oauth/token", client_secret="x", client_id=reader.client_id, **grant).status_code == 400
    explained(provider, "two_methods")
    assert reader.post("/oauth/token", client_id="another", **grant).status_code == 400
    explained(provider, "two_clients")
    assert provider.api().post("/oauth/token", data=grant).status_code == 401
    explained(provider, "no_client_authentication")
    headers = {"Authorization": "Basic nonsense!"}
    assert provider.api().post("/oauth/token", data=grant, headers=headers).status_code == 401
    explained(provider, "basic_malformed")


def test_a_form_that_is_none(provider: Provider, reader: Client) -> None:
    assert provider.api().post("/oauth/token", json={"grant_type": "x"}).status_code == 400
    explained(provider, "content_type")
    assert provider.api().post("/oauth/token?grant_type=x", data={"scope": "email"}).status_code == 400
    explained(provider, "parameters_in_address")
    assert provider.api().get("/oauth/token").status_code == 405
    explained(provider, "method")
    assert reader.post("/oauth/token", scope="email").status_code == 400
    explained(provider, "parameter_missing")


def test_grants_that_are_not_offered_or_not_registered(provider: Provider, reader: Client) -> None:
    assert reader.post("/oauth/token", grant_type="password", username="ada", password="pw").status_code == 400
    explanation = explained(provider, "grant_type_not_offered")
    assert "pw" not in str(explanation.parameters)
    assert reader.post("/oauth/token", grant_type="client_credentials").status_code == 400
    assert explained(provider, "grant_type_not_registered").row.client_id == reader.client_id


def test_a_code_of_another_client_a_wrong_one_and_one_sent_twice(provider: Provider, reader: Client) -> None:
    ada, other = provider.browser("ada"), provider.client()
    code = reader.code(ada)
    other.verifier = reader.verifier
    assert other.exchange(code).status_code == 400
    assert f"It was given to the client {reader.client_id}." in explained(provider, "code_of_another_client").hints
    assert reader.exchange(code[:-3]).status_code == 400
    assert "cut off" in facts(explained(provider, "code_unknown"))
    assert code[:-3] not in str(dict(last(provider).row.facts))
    assert reader.exchange(code, redirect_uri=f"{CALLBACK}?x=1").status_code == 400
    assert explained(provider, "redirect_uri_changed").difference.position == len(CALLBACK) + 1
    assert reader.exchange(code).status_code == 200
    assert reader.exchange(code).status_code == 400
    assert "It was used on" in facts(explained(provider, "code_used"))


def test_a_code_that_is_too_old(provider: Provider, reader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    code = reader.code(provider.browser("ada"))
    later = clock.timestamp() + 61
    monkeypatch.setattr(clock, "timestamp", lambda: later)
    assert reader.exchange(code).status_code == 400
    assert "It ended on" in facts(explained(provider, "code_expired"))


def test_verifiers(provider: Provider, reader: Client) -> None:
    ada = provider.browser("ada")
    code = reader.code(ada)
    assert reader.exchange(code, code_verifier=None).status_code == 400
    explained(provider, "verifier_missing")
    assert reader.exchange(code, code_verifier="short").status_code == 400
    assert last(provider).row.cause in ("verifier_malformed", "verifier_mismatch")
    other = "v" * 43
    assert reader.exchange(code, code_verifier=other).status_code == 400
    explanation = explained(provider, "verifier_mismatch")
    digest = base64.urlsafe_b64encode(hashlib.sha256(other.encode()).digest()).rstrip(b"=").decode()
    assert (text(explanation.difference.sent), text(explanation.difference.expected)) == (digest, reader.challenge)
    assert other not in str(dict(explanation.row.facts))
    plain = reader.code(ada)
    assert reader.exchange(plain, code_verifier=reader.challenge).status_code == 400
    assert "The challenge is the verifier itself: the client does not hash it." in last(provider).hints
    legacy = provider.client(require_pkce=False)
    without = legacy.code(ada, code_challenge=None, code_challenge_method=None)
    assert legacy.exchange(without).status_code == 400
    explained(provider, "verifier_without_challenge")


def test_refresh_tokens(provider: Provider, reader: Client) -> None:
    ada = provider.browser("ada")
    first = reader.tokens(ada)
    assert reader.refresh(first["access_token"]).status_code == 400
    explained(provider, "refresh_token_malformed")
    other = provider.client()
    assert other.refresh(first["refresh_token"]).status_code == 400
    assert (
        f"It was given to the client {reader.client_id}."
        in explained(provider, "refresh_token_of_another_client").hints
    )
    assert reader.refresh(first["refresh_token"], scope="email profile notes").status_code == 400
    assert text(explained(provider, "scope_beyond_grant").difference.expected) == "email"
    assert reader.refresh(first["refresh_token"]).status_code == 200
    assert reader.refresh(first["refresh_token"]).status_code == 400
    explained(provider, "refresh_token_used")
    assert first["refresh_token"] not in str(dict(last(provider).row.facts))


def test_access_tokens_at_a_view(provider: Provider, reader: Client) -> None:
    ada, api = provider.browser("ada"), provider.api()
    granted = reader.tokens(ada)
    token = granted["access_token"]
    for headers, cause, hint in (
        ({}, "token_missing", ""),
        ({"Authorization": f"Token {token}"}, "token_missing", "begins with “Token”"),
        ({"Authorization": f'Bearer "{token}"'}, "header_malformed", ""),
        (bearer(token[:-1]), "token_unknown", "cut off or mistyped"),
        (bearer(granted["refresh_token"]), "token_unknown", "a refresh token"),
        (bearer(token), "scope_not_held", "Missing: notes."),
    ):
        assert api.get("/notes", headers=headers).status_code in (400, 401, 403)
        explanation = explained(provider, cause)
        assert hint in facts(explanation)
        assert explanation.row.endpoint == "notes"
        assert token[:-1] not in str(dict(explanation.row.facts))
    assert last(provider).row.client_id == reader.client_id
    with provider.app.app_context():
        model = provider.oauth2.get_client(reader.client_id)
        provider.oauth2.revoke_application(provider.user("ada"), model, reason="revoked by the user")
    assert api.get("/notes", headers=bearer(token)).status_code == 401
    assert "The reason that is kept: revoked by the user." in explained(provider, "authorization_ended").hints


def test_what_a_person_refuses_is_told_as_that(provider: Provider, reader: Client) -> None:
    ada = provider.browser("ada")
    page = ada.visit(reader.address(prompt="consent"))
    assert answer_of(ada.answer(page, "no"))["error"] == "access_denied"
    explained(provider, "person_denied")


# --- the rules of the house -----------------------------------------------------------------------


def test_every_cause_stands_in_the_flow_of_its_requests() -> None:
    from flask_oauth2server.domain.causes import CHECKS, flow_of

    for code, cause in CAUSES.items():
        assert cause.step in CHECKS, code
        for endpoint in ("oauth2server.authorize", "oauth2server.access_token", "oauth2server.revoke", "notes"):
            assert cause.step in flow_of(endpoint, cause), (code, endpoint)
        assert not cause.title.endswith("."), code
        assert all(part == "" or part.endswith((".", "…`.")) for part in (cause.why, cause.client, cause.here)), code


HTTPS = {"base_url": "https://provider.example"}
TOKEN = f"o2a_{'x' * 50}"
MASKED = re.compile(r"\(\d+ characters with a secret among them\)")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (TOKEN, "…"),
        (f"before {TOKEN} after", "before … after"),
        (f"state_{TOKEN}", "state_…"),
        (f"https://client.example/cb?x={TOKEN}", "https://client.example/cb?x=…"),
        (TOKEN[:30], "…"),
        ("https://ada:secret@client.example/", "https://…@client.example/"),
        ("https://ada:p@ss@client.example/", "https://…@client.example/"),
        ("https:ada:secret@client.example", "…@client.example"),
        ("https:/\\ada:secret@client.example", "https:/\\…@client.example"),
        ("x" * 480 + TOKEN, "x" * 462 + "…"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "…"),
        (TOKEN.replace("_", "%5F"), MASKED),
        (TOKEN.replace("_", "%255F"), MASKED),
        ("https%3A%2F%2Fada%3Asecret%40client.example", MASKED),
        ("a\0b", "ab"),
        ("\ud800", "?"),
        ("x" * 600, "x" * 500),
        ("plain text", "plain text"),
        ("https://client.example/cb?a=1&b=%20", "https://client.example/cb?a=1&b=%20"),
    ],
)
def test_what_is_kept_holds_no_secret(text: str, kept: Any) -> None:
    assert MASKED.fullmatch(cleaned(text)) if kept is MASKED else cleaned(text) == kept


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("Bearer abc", "Bearer"),
        ("token abc", "token"),
        (TOKEN, "(54 characters, no scheme)"),
        (f"Token:{TOKEN}", "(60 characters, no scheme)"),
        ("dXNlcjpwYXNzd29yZA==", "(20 characters, no scheme)"),
        ("correct horse", "(7 characters, no scheme)"),
        ("", ""),
    ],
)
def test_of_the_authorization_header_the_scheme_is_kept(header: str, told: str) -> None:
    assert scheme_of(header) == told


def test_neither_row_nor_log_have_what_was_sent_in_the_wrong_place(
    provider: Provider, reader: Client, caplog: pytest.LogCaptureFixture
) -> None:
    token, secret = reader.tokens(provider.browser("ada"))["access_token"], reader.secret
    api = provider.api()
    caplog.set_level("DEBUG", "flask_oauth2server")
    assert api.get("/notes", headers={"Authorization": token}).status_code == 401
    assert "“Bearer” and a space stand before the token." in facts(explained(provider, "token_missing"))
    for changes in (
        {"client_id": secret},
        {"scope": f"email {token}"},
        {"redirect_uri": f"{CALLBACK}?token={token}"},
        {"redirect_uri": f"{CALLBACK}?token={token.replace('_', '%5F')}"},
        {"response_type": token},
        {"prompt": secret},
    ):
        assert provider.browser("ada").visit(reader.address(**changes)).status_code in (302, 400)
        kept = last(provider)
        for value in (token[4:], secret[4:]):
            assert value[:20] not in str(dict(kept.row.facts)) + str(kept.row.client_id) + kept.detail
    for value in (token[4:], secret[4:]):
        assert value[:20] not in caplog.text


def test_a_user_of_another_kind_changes_nothing(make: Callable[..., Provider]) -> None:
    """A host may sign in somebody who is no user of ours, and look at them before we refuse."""

    def views(app: Flask) -> None:
        @app.before_request
        def look() -> None:
            current_user.is_authenticated  # noqa: B018

        @app.get("/notes")
        @require_oauth("notes")
        def notes() -> str:
            return "notes"

    provider = make(before=views)
    robot = type("Robot", (UserMixin,), {"id": "robot"})()
    provider.app.login_manager.request_loader(lambda _: robot)  # type: ignore[attr-defined]
    assert provider.api().get("/notes").status_code == 401
    assert provider.api().get("/oauth/authorize?client_id=x").status_code == 400


def test_of_a_flood_some_are_kept_and_all_are_counted(make: Callable[..., Provider]) -> None:
    provider = make()
    api, times = provider.api(), 150
    for number in range(times):
        assert api.get(f"/oauth/authorize?client_id=made-up-{number % 70}").status_code == 400
    parts = server(provider)
    with provider.app.app_context():
        parts.records.flush()
        kept = provider.db.session.query(provider.oauth2.models.Failure).count()
        counts = parts.storage.daily_counts
        today = clock.now().date()
        assert counts.range(["refused"], 1)["refused"] == {today: times}
        assert ("client_unknown", 0, times) in counts.top("refused:", today, 10)
    assert kept == 20  # of one address


def test_one_noisy_client_does_not_push_the_others_out(make: Callable[..., Provider]) -> None:
    provider = make()
    noisy, quiet = provider.client(), provider.client()
    for _ in range(60):
        assert provider.api().get(noisy.address(redirect_uri="https://other.example/")).status_code == 400
    assert provider.api().get(quiet.address(redirect_uri="https://other.example/")).status_code == 400
    with provider.app.app_context():
        server(provider).records.flush()
        week_ago = clock.now() - timedelta(days=7)
        rows = server(provider).storage.failures.groups(since=week_ago)
        assert [(row.client_id, row.times) for row in rows] == [(quiet.client_id, 1), (noisy.client_id, 20)]


def test_made_up_clients_do_not_push_real_ones_out(make: Callable[..., Provider]) -> None:
    provider = make()
    client, api = provider.client(), provider.api()
    for number in range(120):
        place = {"REMOTE_ADDR": f"192.0.2.{number}"}
        assert api.get(f"/oauth/authorize?client_id=made-up-{number}", environ_base=place, **HTTPS).status_code == 400
    for _ in range(3):
        assert api.get(client.address(redirect_uri="https://other.example/")).status_code == 400
    with provider.app.app_context():
        server(provider).records.flush()
        failure = provider.oauth2.models.Failure
        rows = provider.db.session.query(failure)
        assert rows.filter_by(cause="client_unknown").count() == 50
        assert rows.filter_by(client_id=client.client_id).count() == 3


def test_one_address_does_not_use_up_what_strangers_have(make: Callable[..., Provider]) -> None:
    provider = make()
    api = provider.api()
    for number in range(40):
        assert api.get(f"/oauth/authorize?client_id=made-up-{number}").status_code == 400
    place = {"REMOTE_ADDR": "192.0.2.1"}
    assert api.get("/oauth/authorize?client_id=misspelt", environ_base=place, **HTTPS).status_code == 400
    with provider.app.app_context():
        server(provider).records.flush()
        rows = provider.db.session.query(provider.oauth2.models.Failure)
        assert (rows.count(), rows.filter_by(client_id="misspelt").count()) == (21, 1)


def test_failures_can_be_switched_off(make: Callable[..., Provider]) -> None:
    provider = make(config={"OAUTH2_ENABLE_FAILURES": False})
    assert provider.api().get("/oauth/authorize?client_id=x").status_code == 400
    with provider.app.app_context():
        server(provider).records.flush()
        assert provider.db.session.query(provider.oauth2.models.Failure).count() == 0


def test_a_database_that_cannot_write_fails_no_request(
    make: Callable[..., Provider], caplog: pytest.LogCaptureFixture
) -> None:
    provider = make()
    with provider.app.app_context():
        provider.oauth2.models.Failure.__table__.drop(provider.db.engine)
    server(provider).storage.schema._complete_once = True
    answer = provider.api().get("/oauth/authorize?client_id=x")
    answer.close()
    assert answer.status_code == 400
    assert "counts and 1 refusals could not be written" in caplog.text


@given(one=texts(max_size=60), others=lists(texts(max_size=60), min_size=1, max_size=4))
def test_differences_leave_no_letter_out(one: str, others: list[str]) -> None:
    difference = differences.between(one, others)
    assert text(difference.sent) == one
    assert text(difference.expected) in others
    same = [piece.text for piece in difference.sent if not piece.differs]
    assert same == [piece.text for piece in difference.expected if not piece.differs]
    assert (difference.position == 0) == (one == text(difference.expected))


def test_a_locked_database_is_not_waited_for_again_and_again(tmp_path: Any, make: Callable[..., Provider]) -> None:
    provider = make()
    with provider.app.app_context():
        path = provider.db.engine.url.database
        assert provider.db.session.execute(sql("PRAGMA busy_timeout")).scalar() == 5000
    records, other = server(provider).records, sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        provider.api().get("/oauth/authorize?client_id=x").close()
    assert records._failed
    other.rollback()
    other.close()
    with provider.app.app_context():
        assert records.flush()
        assert not records._failed
        assert provider.db.session.query(provider.oauth2.models.Failure).count() == 1  # the first one is lost
        assert provider.db.session.execute(sql("PRAGMA busy_timeout")).scalar() == 5000
        counted = server(provider).storage.daily_counts.range(["refused"], 1)["refused"]
        assert list(counted.values()) == [2]


def test_a_refusal_is_written_when_its_answer_was_sent(make: Callable[..., Provider]) -> None:
    provider = make()
    answer = provider.api().get("/oauth/authorize?client_id=x")
    reference = re.search(r"F-\w{4}-\w{4}", answer.text)[0]
    with provider.app.app_context():
        assert server(provider).why.reference(reference) is None
    answer.close()
    with provider.app.app_context():
        assert server(provider).why.reference(reference).row.cause == "client_unknown"
        assert server(provider).why.reference(reference.lower().replace("-", "")).row.reference == reference


def test_how_long_a_host_waits_for_locks_stays_as_it_was(any_provider: Provider) -> None:
    kind = any_provider.db
    with any_provider.app.app_context():
        connection = kind.session.connection()
        asked = {
            "sqlite": ("PRAGMA busy_timeout = 7000", "PRAGMA busy_timeout"),
            "postgresql": ("SET lock_timeout = 7000", "SHOW lock_timeout"),
            "mysql": ("SET SESSION lock_wait_timeout = 70", "SELECT @@SESSION.lock_wait_timeout"),
        }
        setting, question = asked[{"mariadb": "mysql"}.get(connection.dialect.name, connection.dialect.name)]
        connection.exec_driver_sql(setting)
        kind.session.commit()
        before = kind.session.connection().exec_driver_sql(question).scalar()
        storage, row = server(any_provider).storage, {"cause": "other", "error": "x", "status": 400, "endpoint": "x"}

        def write() -> Any:
            with storage.unit.impatient():
                storage.failures.add([{**row, "reference": "F-1", "facts": {}}])
                return kind.session.connection().exec_driver_sql(question).scalar()

        assert str(storage.unit.run(write)) in ("1000", "1s", "1")
        assert kind.session.connection().exec_driver_sql(question).scalar() == before


def test_what_is_too_old_or_too_much_is_removed(any_provider: Provider) -> None:
    storage = server(any_provider).storage
    with any_provider.app.app_context():
        row = {"cause": "other", "error": "x", "status": 400, "endpoint": "x", "facts": {}}
        now = clock.now()
        rows = [
            {**row, "reference": f"F-{n}", "created_at": now - timedelta(days=20 - n), "client_pk": n % 3 or None}
            for n in range(12)
        ]
        storage.unit.run(lambda: storage.failures.add(rows))
        assert storage.unit.run(lambda: storage.failures.purge(14 * 86400, 4, 2)) == 2  # the rest at another time
        assert storage.unit.run(lambda: storage.failures.purge(14 * 86400, 4, 100)) == 6
        left = any_provider.db.session.query(any_provider.oauth2.models.Failure.reference).all()
        assert sorted(reference for (reference,) in left) == ["F-10", "F-11", "F-8", "F-9"]
        more = [{**row, "reference": f"G-{n}", "created_at": now, "client_pk": None} for n in range(6)]
        storage.unit.run(lambda: storage.failures.add(more))
        storage.unit.run(lambda: storage.failures.purge(14 * 86400, 8, 100))
        left = any_provider.db.session.query(any_provider.oauth2.models.Failure.reference).all()
        # Of what names no client, half of the room.
        assert sorted(r for (r,) in left) == ["F-10", "F-11", "F-8", "G-2", "G-3", "G-4", "G-5"]


def test_tokens_issued_and_authorizations_granted_are_counted(any_provider: Provider) -> None:
    client = any_provider.client()
    tokens = client.tokens(any_provider.browser("ada"))
    assert client.refresh(tokens["refresh_token"]).status_code == 200
    parts, today = server(any_provider), clock.now().date()
    with any_provider.app.app_context():
        parts.records.flush()
        pk = any_provider.oauth2.get_client(client.client_id).id
        for key in (0, pk):
            counted = parts.storage.daily_counts.range(["issued", "granted"], 14, key)
            assert counted == {"issued": {today: 2}, "granted": {today: 1}}
        assert parts.storage.daily_counts.per_client("issued", [pk], 7) == {pk: 2}
