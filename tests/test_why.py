"""What became of a value that somebody pastes, and the same on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from flask_oauth2server import clock

from .conftest import close
from .support import CALLBACK, Client, Provider, bearer, build


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    provider = build(f"sqlite:///{tmp_path_factory.mktemp('why')}/provider.sqlite")
    yield provider
    close(provider)


@pytest.fixture
def reader(provider: Provider) -> Client:
    return provider.client()


def story(provider: Provider, value: str) -> Any:
    with provider.app.app_context():
        return provider.app.extensions["oauth2server"].why.token(value)


def told(provider: Provider, value: str) -> str:
    return " ".join(story(provider, value).sentences)


def later(monkeypatch: pytest.MonkeyPatch, **delta: float) -> None:
    moment = clock.timestamp() + timedelta(**delta).total_seconds()
    monkeypatch.setattr(clock, "timestamp", lambda: moment)


def test_a_live_access_token(provider: Provider, reader: Client) -> None:
    value = reader.tokens(provider.browser("ada"))["access_token"]
    found = story(provider, f" {value}\n")
    assert (found.kind, found.live, found.client_id, found.user_id) == ("an access token", True, reader.client_id, 1)
    assert found.sentences[0].startswith("It was issued just now")
    assert found.sentences[-1].startswith("It is live, until ")


def test_an_expired_one(provider: Provider, reader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    value = reader.tokens(provider.browser("ada"))["access_token"]
    later(monkeypatch, seconds=3600 + 185)
    assert "It expired 3 minutes ago (" in told(provider, value)
    assert not story(provider, value).live


def test_rotated_and_its_successor(provider: Provider, reader: Client) -> None:
    first = reader.tokens(provider.browser("ada"))["refresh_token"]
    second = reader.refresh(first).json["refresh_token"]
    assert "It was rotated just now (" in told(provider, first)
    assert "; its successor was not used yet." in told(provider, first)
    assert reader.refresh(second).status_code == 200
    assert "; its successor was used." in told(provider, first)
    assert reader.refresh(first).status_code == 400  # reuse
    assert "What it hangs on was ended just now (" in told(provider, second)
    assert "(reuse)" in told(provider, second)


def test_revoked_by_its_user_yesterday(provider: Provider, reader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    value = reader.tokens(provider.browser("ada"))["access_token"]
    with provider.app.app_context():
        model = provider.oauth2.get_client(reader.client_id)
        provider.oauth2.revoke_application(provider.user("ada"), model, reason="revoked by the user")
    later(monkeypatch, hours=25)
    assert "What it hangs on was ended yesterday (" in told(provider, value)
    assert "(revoked by the user)." in told(provider, value)


def test_for_another_audience_disabled_and_of_somebody_gone(provider: Provider, reader: Client) -> None:
    value = reader.tokens(provider.browser("bob"))["access_token"]
    with provider.app.app_context():
        model = provider.oauth2.models.Token
        token = provider.db.session.query(model).order_by(model.id.desc()).first()
        token.audience = ["https://api.example/"]
        provider.user("bob").is_active = False
        provider.db.session.commit()
        provider.oauth2.disable_client(provider.oauth2.get_client(reader.client_id))
    text = told(provider, value)
    assert "It was issued for another audience: https://api.example/." in text
    assert "Its client was disabled just now (" in text
    assert "Its user does not exist any more, or is not active." in text
    with provider.app.app_context():
        provider.user("bob").is_active = True
        provider.db.session.commit()


def test_codes_secrets_and_personal_tokens(provider: Provider, reader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = provider.browser("ada")
    code = reader.code(ada)
    assert story(provider, code).live
    assert reader.exchange(code).status_code == 200
    assert "It was used just now (" in told(provider, code)
    assert story(provider, reader.secret).kind == "a client secret"
    assert told(provider, reader.secret) == f"Its last characters are …{reader.secret[-4:]}."
    unused = reader.code(ada)
    with provider.app.app_context():
        personal = provider.oauth2.create_personal_token(provider.user("ada"), name="laptop", scopes=["email"])
    found = story(provider, personal)
    assert (found.kind, found.name, found.client_id, found.live) == ("a personal token", "laptop", None, True)
    later(monkeypatch, seconds=90)
    assert "It expired just now (" in told(provider, unused)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("", "It is no value of this provider."),
        ("ghp_" + "x" * 36, "It is no value of this provider."),
        ("o2a_" + "x" * 49, "it was cut off or mistyped. It has 53 characters."),
        ("eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIn0.x", "a JSON Web Token of https://idp.example,"),
        ("eyJhbGciOiJub25lIn0.e30.x", "of somebody who is not named"),
        ("a.b.c", "It is no value of this provider."),
        ("[].[].x", "It is no value of this provider."),
        ("\ud800\0", "It is no value of this provider."),
    ],
)
def test_values_of_somewhere_else(provider: Provider, value: str, sentence: str) -> None:
    assert sentence in told(provider, value)
    assert story(provider, value).kind == ""


def test_a_value_that_was_removed(provider: Provider) -> None:
    with provider.app.app_context():
        value = provider.app.extensions["oauth2server"].values.make("a")
    assert "but is not there: it ended long ago" in told(provider, value)


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def why(provider: Provider) -> Callable[..., Any]:
    runner = provider.app.test_cli_runner()
    return lambda *arguments, **options: runner.invoke(args=["oauth2", "why", *arguments], **options)


def test_why_reference(provider: Provider, reader: Client, why: Callable[..., Any]) -> None:
    provider.api().get(reader.address(redirect_uri=f"{CALLBACK}/")).close()
    with provider.app.app_context():
        row = provider.db.session.query(provider.oauth2.models.Failure).order_by(
            provider.oauth2.models.Failure.id.desc()
        )
        reference = row.first().reference
    shown = why(reference)
    assert shown.exit_code == 0
    for line in (
        "what           The redirect URI is not registered.",
        f"sent           {CALLBACK}/",
        f"expected       {CALLBACK}",
        "    The redirect URI belongs to the client: failed.",
        "    state=(present, 3 characters)",
    ):
        assert line in shown.output
    facts = json.loads(why(reference, "--json").output)
    assert facts["difference"].startswith("One character more: a slash at the end.")
    assert facts["checks"][0].endswith(": passed.")
    listed = json.loads(why("--client", reader.client_id, "--json").output)
    assert [(row["times"], row["reference"]) for row in listed] == [(1, reference)]


def test_why_token_is_asked_for_and_not_echoed(provider: Provider, reader: Client, why: Callable[..., Any]) -> None:
    value = reader.tokens(provider.browser("ada"))["access_token"]
    assert provider.api().get("/oauth/ping/", headers=bearer(value)).status_code == 200
    shown = why(input=f"{value}\n")
    assert shown.exit_code == 0
    assert "an access token" in shown.output
    assert value not in shown.output


def test_a_terminal_is_told_nothing_by_strangers(provider: Provider, why: Callable[..., Any]) -> None:
    provider.api().get("/oauth/authorize?client_id=%1b]0;pwn%07%0aowned&scope=a%1b[2J").close()
    with provider.app.app_context():
        model = provider.oauth2.models.Failure
        reference = provider.db.session.query(model).order_by(model.id.desc()).first().reference
    shown = why(reference).output
    assert "client_id      \\x1b]0;pwn\\x07\\nowned\n" in shown
    assert "    scope=a\\x1b[2J\n" in shown
    assert "\x1b" not in shown


def test_why_of_what_is_not_there(why: Callable[..., Any]) -> None:
    shown = why("F-2222-3333")
    assert shown.exit_code == 1
    assert "No refusal is kept under this reference" in shown.output
    assert why("--client", "nobody").exit_code == 1
    assert "no value of this provider" in why("nonsense").output
