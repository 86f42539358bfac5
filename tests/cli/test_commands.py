"""``flask oauth2 ...``"""

from __future__ import annotations

import json
from typing import Any

import pytest

from ..support import Browser, Client, Provider, bearer


def run(provider: Provider, *args: str, code: int = 0, **options: Any) -> str:
    result = provider.app.test_cli_runner().invoke(args=["oauth2", *args], **options)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.output


def run_json(provider: Provider, *args: str) -> Any:
    return json.loads(run(provider, *args, "--json"))


def works(provider: Provider, token: str) -> bool:
    return bool(provider.api().get("/oauth/ping/", headers=bearer(token)).status_code == 200)


CREATE = ("client", "create", "--name", "Reader", "--redirect-uri", "https://reader.example/cb", "--scope", "email")


def test_a_client_s_life(provider: Provider) -> None:
    made = run_json(provider, *CREATE, "--client-id", "reader")
    assert (made["client_id"], made["type"], made["verified"]) == ("reader", "confidential", True)
    service = Client(provider, "reader", made["client_secret"], ["https://reader.example/cb"])
    assert service.post("/oauth/introspect", token="x").status_code == 200

    run(provider, "client", "edit", "reader", "--post-logout-redirect-uri", "https://reader.example/bye")
    shown = run_json(provider, "client", "show", "reader")
    assert shown["post_logout_redirect_uris"] == ["https://reader.example/bye"]
    assert shown["redirect_uris"] == ["https://reader.example/cb"]
    assert shown["secrets"] == ["…" + made["client_secret"][-4:]]
    assert made["client_secret"] not in json.dumps(shown)

    assert "Changed: name" in run(provider, "client", "edit", "reader", "--name", "Writer")
    assert "Nothing changed" in run(provider, "client", "edit", "reader", "--name", "Writer")
    (listed,) = run_json(provider, "client", "list")
    assert listed["name"] == "Writer"

    rotated = run_json(provider, "client", "rotate-secret", "reader")
    assert service.post("/oauth/introspect", token="x").status_code == 200
    run(provider, "client", "rotate-secret", "reader", "--revoke", made["client_secret"][-4:])
    assert service.post("/oauth/introspect", token="x").status_code == 401
    service.secret = rotated["client_secret"]
    assert service.post("/oauth/introspect", token="x").status_code == 200

    assert "is disabled" in run(provider, "client", "disable", "reader")
    assert service.post("/oauth/introspect", token="x").status_code == 401
    assert "is enabled" in run(provider, "client", "disable", "reader", "--undo")
    assert service.post("/oauth/introspect", token="x").status_code == 200

    run(provider, "client", "delete", "reader", input="n\n", code=1)
    assert len(run_json(provider, "client", "list")) == 1
    assert "is deleted" in run(provider, "client", "delete", "reader", "--yes")
    assert run(provider, "client", "list").strip() == "There is no client."


def test_options_of_a_client(provider: Provider) -> None:
    run(
        provider,
        *CREATE,
        "--client-id",
        "a",
        "--public",
        "--owner",
        "1",
        "--unverified",
        "--application-type",
        "native",
    )
    shown = run_json(provider, "client", "show", "a")
    assert (shown["type"], shown["owner"], shown["verified"]) == ("public", "1", False)
    assert shown["application_type"] == "native"
    assert [row["client_id"] for row in run_json(provider, "client", "list", "--owner", "1")] == ["a"]
    assert run_json(provider, "client", "list", "--owner", "2") == []
    run(provider, *CREATE, "--client-id", "b", "--no-require-pkce", "--refresh-rotation", "never", "--first-party")
    run(provider, "client", "edit", "b", "--access-token-expires-in", "60", "--may-introspect", "--require-pkce")
    with provider.app.app_context():
        client = provider.oauth2.get_client("b")
        assert (client.access_token_expires_in, client.may_introspect, client.first_party) == (60, True, True)
        assert client.client_metadata["require_pkce"] is True
    service = run_json(
        provider, "client", "create", "--name", "S", "--scope", "email", "--grant-type", "client_credentials"
    )
    assert service["client_secret"].startswith("o2s_")
    table = run(provider, "client", "list")
    assert "client_id" in table.splitlines()[0]
    assert len(table.splitlines()) == 4
    first = run_json(provider, "client", "list", "--limit", "1")
    rest = run_json(provider, "client", "list", "--after", str(first[0]["id"]))
    assert [len(first), len(rest)] == [1, 2]


def test_any_metadata(provider: Provider) -> None:
    named = ("--metadata", "id_token_signed_response_alg=ES256", "--metadata", "default_max_age=60")
    run(provider, *CREATE, "--client-id", "reader", *named, "--metadata", 'contacts=["a@reader.example"]')
    shown = run_json(provider, "client", "show", "reader")
    assert (shown["id_token_signed_response_alg"], shown["default_max_age"]) == ("ES256", 60)
    assert shown["contacts"] == ["a@reader.example"]
    run(provider, "client", "edit", "reader", "--metadata", "contacts=", "--metadata", "subject_type=pairwise")
    shown = run_json(provider, "client", "show", "reader")
    assert ("contacts" in shown, shown["subject_type"]) == (False, "pairwise")
    for wrong, sentence in (("contacts", "not of the form NAME=VALUE"), ("owner=1", "'owner' is no metadata")):
        assert sentence in run(provider, "client", "edit", "reader", "--metadata", wrong, code=2)
    refused = run(provider, "client", "edit", "reader", "--metadata", "id_token_signed_response_alg=none", code=1)
    assert "id_token_signed_response_alg: must be one of RS256" in refused


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("client", "create", "--name", "x", "--redirect-uri", "http://x.example/"), "must start with https"),
        (("client", "create", "--name", ""), "give the application a name"),
        (("client", "create", "--name", "x", "--scope", "bogus"), "'bogus' is not offered here"),
        (("client", "create", "--name", "x", "--owner", "99"), "There is no user '99'."),
        (("client", "create", "--name", "x", "--owner", "ada"), "There is no user 'ada'."),
        (("client", "show", "nobody"), "There is no client 'nobody'."),
        (("client", "edit", "nobody"), "There is no client 'nobody'."),
        (("client", "rotate-secret", "nobody"), "There is no client 'nobody'."),
        (("client", "delete", "nobody", "--yes"), "There is no client 'nobody'."),
        (("authorization", "revoke", "x"), "There is no live authorization 'x'."),
        (("authorization", "list", "--user", "99"), "There is no user '99'."),
        (("token", "create", "--user", "1", "--name", "x", "--scope", "bogus"), "The scope 'bogus' is not registered."),
        (("token", "create", "--user", "1", "--name", "x", "--expires-in", "0"), "lives 1 to"),
        (("token", "revoke", "99"), "There is no personal token 99"),
    ],
)
def test_mistakes_end_with_a_sentence(provider: Provider, args: tuple[str, ...], sentence: str) -> None:
    assert sentence in run(provider, *args, code=1)


def test_a_hint_that_fits_no_secret(provider: Provider) -> None:
    run(provider, *CREATE, "--client-id", "reader")
    assert "ends in 'zzzz'" in run(provider, "client", "rotate-secret", "reader", "--revoke", "zzzz", code=1)


def test_old_secrets_may_be_given_an_end(provider: Provider) -> None:
    run(provider, *CREATE, "--client-id", "reader")
    run(provider, "client", "rotate-secret", "reader", "--old-expire-in", "0")
    assert len(run_json(provider, "client", "show", "reader")["secrets"]) == 1


def test_authorizations(provider: Provider, client: Client, ada: Browser) -> None:
    tokens = [client.tokens(ada)["access_token"] for _ in range(3)]
    bobs = client.tokens(provider.browser("bob"))["access_token"]
    rows = run_json(provider, "authorization", "list", "--user", "1")
    assert len(rows) == 3
    assert rows[0]["client_id"] == client.client_id
    assert isinstance(rows[0]["granted_at"], int)
    assert len(run_json(provider, "authorization", "list", "--client", client.client_id)) == 4
    assert "scopes" in run(provider, "authorization", "list")
    run(provider, "authorization", "revoke", rows[0]["authorization"])
    assert [works(provider, token) for token in tokens] == [False, True, True]
    run(provider, "authorization", "revoke", "--user", "1", input="n\n", code=1)
    assert "Revoked 2." in run(
        provider, "authorization", "revoke", "--user", "1", "--client", client.client_id, "--yes"
    )
    assert ada.visit(client.address()).status_code == 200  # the consent went with it
    assert works(provider, bobs)
    assert "Revoked 1." in run(provider, "authorization", "revoke", "--client", client.client_id, "--yes")
    assert not works(provider, bobs)
    run(provider, "authorization", "revoke", code=2)
    assert "no live authorization" in run(provider, "authorization", "list")


def test_personal_tokens(provider: Provider) -> None:
    made = run_json(
        provider, "token", "create", "--user", "1", "--name", "laptop", "--scope", "email", "--expires-in", "60"
    )
    assert works(provider, made["token"])
    (row,) = run_json(provider, "token", "list", "--user", "1")
    assert (row["name"], row["hint"], row["scopes"]) == ("laptop", made["token"][-4:], ["email"])
    assert made["token"] not in run(provider, "token", "list")
    assert run(provider, "token", "list", "--user", "2").strip() == "There is no personal token."
    assert run(provider, "token", "revoke", str(row["id"])).strip() == "Revoked."
    assert not works(provider, made["token"])
    run(provider, "token", "revoke", str(row["id"]), code=1)


def test_a_token_that_is_not_personal_is_not_revoked_here(provider: Provider, client: Client, ada: Browser) -> None:
    token = client.tokens(ada)["access_token"]
    run(provider, "token", "revoke", "1", code=1)
    assert works(provider, token)


def test_the_database(provider: Provider) -> None:
    assert "Nothing to do" in run(provider, "init-db")
    with provider.app.app_context():
        provider.oauth2.models.Replay.__table__.drop(provider.db.engine)
    assert run(provider, "init-db").strip() == "Made the table oauth2_replay."
    assert run(provider, "purge").strip() == "Removed 0 rows."


def test_every_command_helps(provider: Provider) -> None:
    text = run(provider, "--help")
    for command in ("init-db", "client", "authorization", "token", "purge"):
        assert command in text
        assert "--help" in run(provider, command, "--help")
