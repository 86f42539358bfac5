"""What the audit tells: who did what, from where, and what it was before; and what may be had of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask_login import UserMixin, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text, update
from sqlalchemy.orm import Mapped, mapped_column

from flask_oauth2server import OAuth2Server, clock
from flask_oauth2server.domain import audit, audit_export
from flask_oauth2server.models.mixins import ClientMixin

from .cli.test_commands import run
from .conftest import close
from .domain.test_seals import Book
from .support import Browser, Provider, build, picture, serving
from .ui.conftest import CONFIG
from .ui.pages import SECURITY, csrf, events, later, parse, personal_token, press, registered, stored

AGENT = {"REMOTE_ADDR": "192.0.2.7", "HTTP_USER_AGENT": "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Firefox/140.0"}


@pytest.fixture(scope="module", autouse=True)
def pages() -> Iterator[None]:
    """All pages are served."""
    with serving(admin=True):
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    config = {**CONFIG, "OAUTH2_ALLOW_INSECURE_TRANSPORT": True}
    provider = build(f"sqlite:///{tmp_path_factory.mktemp('audit')}/provider.sqlite", config=config)
    provider.oauth2.admin_required(lambda user: user.name == "bob")
    yield provider
    close(provider)


@pytest.fixture
def house(built: Provider) -> Provider:
    """A provider whose administrator is bob, and whose audit is empty."""
    told(built)
    return built


def told(provider: Provider, *columns: str) -> list[tuple[Any, ...]]:
    """All events, oldest first; nothing is left of them after that."""
    with provider.app.app_context():
        book = Book(provider)
        rows = [tuple(row._mapping[column] for column in columns) for row in book.rows()]
        for table in (book.event, book.seal):
            provider.db.session.execute(table.delete())
        provider.db.session.commit()
    return rows


def administrator(provider: Provider) -> Browser:
    bob = provider.browser("bob")
    bob.http.environ_base.update(AGENT)
    return bob


def act(browser: Browser, address: str, **fields: str) -> Any:
    response = browser.http.post(f"/admin/oauth2/{address}", data={"csrf_token": csrf(browser), **fields})
    assert response.status_code in (200, 303), response.text
    return response


WHO = ("kind", "actor_kind", "actor", "user_id")


def test_everybody_who_acts_is_told_from_the_others(house: Provider) -> None:
    client, ada = house.client(client_id="who"), house.browser("ada")
    tokens = client.tokens(ada)
    client.post("/oauth/revoke", token=tokens["refresh_token"])
    code = client.code(ada)
    assert [client.exchange(code).status_code for _ in range(3)] == [200, 400, 400]
    act(administrator(house), "clients/who/disable/", disable="yes")
    run(house, "client", "disable", "who", "--undo")
    with house.app.test_request_context():
        house.oauth2.rotate_secret(house.oauth2.get_client("who"))
    assert told(house, *WHO) == [
        ("client made", "server", None, None),
        ("allowed", "person", "1", 1),
        ("ended", "client", "who", 1),
        ("allowed", "person", "1", 1),
        ("ended", "client", "who", 1),
        ("reused", "client", "who", 1),
        ("client disabled", "administrator", "2", None),
        ("client enabled", "command line", None, None),
        ("secret made", "server", None, None),
    ]


def test_addresses_of_administrators_are_kept_and_those_of_people_where_the_host_says_so(house: Provider) -> None:
    house.client(client_id="where")
    ada = house.browser("ada")
    ada.http.environ_base.update(AGENT)
    personal_token(ada)
    act(administrator(house), "clients/where/disable/", disable="yes")
    assert told(house, "kind", "address", "device")[1:] == [
        ("token made", None, None),
        ("client disabled", "192.0.2.7", "Firefox on Windows"),
    ]


def test_before_and_after_without_any_secret(house: Provider) -> None:
    with house.app.app_context():
        oauth2 = house.oauth2
        client, secret = oauth2.create_client(
            name="Sheets", client_id="sheets", redirect_uris=["https://a.example/cb"], scopes=["email"], logo=picture()
        )
        oauth2.edit_client(client, name="Papers", redirect_uris=["https://b.example/cb"], logo=None, verified=False)
        oauth2.edit_client(client, verified=True)
        oauth2.edit_client(client, verified=True)
        oauth2.edit_client(client, verified=False)
        second = oauth2.rotate_secret(client, old_expire_in=60)
        (hint,) = [found.hint for found in oauth2.list_secrets(client) if found.expires_at is None]
        oauth2.revoke_secret(client, hint)
        oauth2.disable_client(client)
        oauth2.disable_client(client)
        oauth2.delete_client(client)
    rows = told(house, "kind", "name", "changes")
    assert [row[0] for row in rows] == [
        *("client made", "client changed", "client checked", "client changed"),
        *("secret made", "secret ended", "client disabled", "client deleted"),
    ]
    made, changed, checked = rows[0][2], rows[1][2], rows[2][2]
    assert made["redirect_uris"] == [None, ["https://a.example/cb"]]
    assert (made["name"], made["verified"]) == ([None, "Sheets"], [None, True])
    assert made["logo"][0] is None and len(made["logo"][1]) == 64
    assert changed == {
        "logo": [made["logo"][1], None],
        "name": ["Sheets", "Papers"],
        "redirect_uris": [["https://a.example/cb"], ["https://b.example/cb"]],
        "verified": [True, False],
    }
    assert checked == {"verified": [False, True]}
    assert rows[4][1] == rows[5][1] == hint
    assert list(rows[4][2]) == [f"end of {secret[-4:]}"]
    assert rows[-1][2]["redirect_uris"] == [["https://b.example/cb"], None]
    assert not any(value in str(rows) for value in (secret, second))


def test_columns_of_a_host_are_named_without_their_values() -> None:
    db = SQLAlchemy()

    class MyClient(ClientMixin, db.Model):  # type: ignore[name-defined]
        hook_key: Mapped[str | None] = mapped_column(default=None)

    app = Flask("own")
    app.config.update(SECRET_KEY="x", SQLALCHEMY_DATABASE_URI="sqlite://")
    db.init_app(app)
    with pytest.warns(UserWarning, match="LoginManager"):
        oauth2 = OAuth2Server(app, db=db, Client=MyClient)
    with app.app_context():
        db.create_all()
        client, _ = oauth2.create_client(name="Own", scopes=[])
        oauth2.edit_client(client, hook_key="swordfish")
        (event,) = db.session.query(oauth2.models.AuditEvent).filter_by(kind="client changed")
        assert event.changes == {"hook_key": None}
        db.session.remove()
        db.engine.dispose()


def test_what_people_do_on_their_own_pages(house: Provider) -> None:
    ada = house.browser("ada")
    client, address = registered(ada)
    personal_token(ada)
    with house.app.app_context():
        token = house.oauth2.list_personal_tokens(house.user("ada"))[-1]
        house.oauth2.edit_personal_token(token, name="desktop")
        house.oauth2.edit_personal_token(token, name="desktop")
    press(ada, ada.visit(address), "Make the link")
    press(ada, ada.visit(address), "Withdraw")
    client.tokens(ada)
    with house.app.app_context():
        user, model = house.user("ada"), house.oauth2.get_client(client.client_id)
        house.oauth2.revoke_application(user, model)
        house.oauth2.revoke_application(user, model)
        house.oauth2.sign_everybody_out(model)
    rows = told(house, "kind", "user_id", "name", "changes")
    assert [row[0] for row in rows] == [
        *("client made", "token made", "token changed", "client offered", "offer withdrawn"),
        *("allowed", "consent forgotten", "ended"),
    ]
    assert {row[1] for row in rows} == {1}
    assert rows[2][2:] == ("laptop", {"name": ["laptop", "desktop"]})


def test_a_person_is_told_what_an_administrator_did(house: Provider) -> None:
    ada = house.browser("ada")
    client, _ = registered(ada, "Tables")
    bob = administrator(house)
    act(bob, f"clients/{client.client_id}/disable/", disable="yes")
    with house.app.app_context():
        user = house.user("ada")
        house.oauth2.create_client(name="Given", scopes=[], owner=user)
        house.oauth2.create_personal_token(user, name="robot", scopes=["email"])
    run(house, "client", "edit", client.client_id, "--name", "Sheets")
    run(house, "user", "export", "1")
    assert events(ada) == [
        "What is kept about you was handed out. An administrator did this.",
        "Your application Sheets was changed. An administrator did this.",
        "The personal token robot was made for you.",
        "The application Given was registered for you.",
        "Your application Tables was disabled. An administrator did this.",
        "You registered the application Tables.",
    ]
    page = parse(ada.visit(SECURITY))
    assert "192.0.2.7" not in page.text and "bob" not in page.text


def test_a_view_of_the_host_without_a_person_of_ours(house: Provider) -> None:
    """A signed-in user of another kind, and an app without a LoginManager, do not fail what is done."""
    with house.app.test_request_context():
        staff = UserMixin()
        staff.id = "staff"  # type: ignore[attr-defined]
        login_user(staff)
        house.oauth2.create_client(name="By staff", scopes=[])
        manager = house.app.login_manager  # type: ignore[attr-defined]
        del house.app.login_manager  # type: ignore[attr-defined]
        house.oauth2.create_client(name="By nobody", scopes=[])
        house.app.login_manager = manager  # type: ignore[attr-defined]
    assert told(house, "actor_kind", "actor") == [("server", None)] * 2


def test_pages_of_events_by_what_they_tell_of(house: Provider) -> None:
    with house.app.app_context():
        book = Book(house)
        book.write(1, 2, 1, 2, client_id="reader")
        page = house.app.extensions["oauth2server"].storage.audit_events.page
        ids = [row.id for row in page(limit=10)]
        assert ids == sorted(ids, reverse=True)
        assert [row.id for row in page(limit=2, before=ids[0])] == ids[1:3]
        for wanted in ({"user": 2}, {"actor": "2"}, {"user": 2, "actor": "2", "client_id": "reader"}):
            assert [row.id for row in page(limit=10, **wanted)] == ids[::2]
        assert [len(page(limit=10, kind=kind)) for kind in ("token made", "used")] == [4, 0]
    assert {row[0] for row in told(house, "kind")} <= set(audit.KINDS)


# --- the command line -----------------------------------------------------------------------------


def test_verify_and_seal(house: Provider) -> None:
    with house.app.app_context():
        book = Book(house)
        book.write(1, 2, 1)
    out = run(house, "audit", "seal")
    assert out.startswith("Sealed 3 entries.\nLast seal: ")
    last = out.split()[-1]
    out = run(house, "audit", "verify", "--last", last)
    assert out.startswith("Unbroken: 3 entries under ")
    with house.app.app_context():
        book.run(update(book.event).where(book.event.c.name == "laptop of 2").values(kind="used"))
    out = run(house, "audit", "verify", code=1)
    assert "does not match.\nEntry " in out
    assert "Broken: 4 entries under " in out
    found = json.loads(run(house, "audit", "verify", "--json", "--last", last.replace(":", ":0")[:-1], code=1))
    assert (found["unbroken"], found["found"], found["entries"]) == (False, 3, 5)
    assert "is not the one that was noted" in found["findings"][-1]["text"]
    assert found["findings"][1]["entry"] == found["findings"][1]["entry"]
    assert "is no seal" in run(house, "audit", "verify", "--last", "x", code=1)
    rows = told(house, "kind", "reason", "changes")
    assert [(reason, changes["findings"][1]) for kind, reason, changes in rows if kind == "audit verified"] == [
        ("unbroken", 0),
        ("broken", 2),
        ("broken", 3),
    ]


def test_export(any_provider: Provider) -> None:
    with any_provider.app.app_context():
        book = Book(any_provider)
        book.write(1, None, name="=1+1")
        book.server.seals.everything()
    with later(days=3):
        with any_provider.app.app_context():
            book.write(2, name="+cmd", changes={"a": [1, "ü"]})
        lines = [json.loads(line) for line in run(any_provider, "audit", "export").splitlines()]
        kinds = [(line["type"], line.get("kind") or line["number"]) for line in lines]
        assert kinds[:3] == [("event", "token made")] * 2 + [("seal", 1)]
        assert kinds[3:] == [("event", "token made"), ("event", "audit exported"), ("seal", 2)]
        assert lines[3]["changes"] == {"a": [1, "ü"]}
        assert lines[0]["created_at"].endswith("Z")
        since = f"{clock.now() - timedelta(days=1):%Y-%m-%d}"
        table = list(csv.reader(io.StringIO(run(any_provider, "audit", "export", "--csv", "--since", since))))
    assert table[0][:3] == ["id", "created_at", "kind"]
    name = table[0].index("name")
    assert [row[name] for row in table[1:]] == ["'+cmd", "", ""]


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\tx", "\rx", "\nx", " =1"])
def test_cells_that_a_spreadsheet_would_run_are_quoted(cell: str) -> None:
    record = {**dict.fromkeys(audit_export.COLUMNS), "type": "event", "name": cell}
    (_, row) = csv.reader(io.StringIO("".join(audit_export.csv_lines([record]))))
    assert row[audit_export.COLUMNS.index("name")] == f"'{cell}"


# --- what is kept of a person ---------------------------------------------------------------------


def test_export_and_erase_a_user(any_provider: Provider) -> None:
    provider, client = any_provider, any_provider.client(client_id="reader")
    ada = provider.browser("ada")
    client.tokens(ada)
    personal_token(ada)
    with provider.app.app_context():
        provider.oauth2.create_client(name="Hers", client_id="hers", scopes=[], owner=provider.user("ada"))
        session, models = provider.db.session, provider.oauth2.models
        failure = {"reference": "F-1", "cause": "x", "error": "x", "status": 400, "endpoint": "token", "facts": {}}
        session.add_all([models.Failure(user_id=user, address="192.0.2.1", **failure) for user in (1, 2)])
        session.commit()
    found = json.loads(run(provider, "user", "export", "1"))
    assert {name: len(rows) for name, rows in found.items()} == {
        **{"authorizations": 1, "access_tokens": 1, "consents": 1, "personal_tokens": 1},
        **{"events": 3, "acts": 0, "failures": 1, "clients": 1},
    }
    assert found["failures"][0]["address"] == "192.0.2.1"
    run(provider, "user", "erase", "1", input="n\n", code=1)
    assert "Erased." in run(provider, "user", "erase", "1", "--yes")
    assert not any(json.loads(run(provider, "user", "export", "1")).values())
    assert [stored(provider, model, user_id=2) for model in ("Failure", "AuditEvent")] == [1, 0]
    assert stored(provider, "Client", client_id="hers", user_id=None) == 1
    assert run(provider, "audit", "verify").startswith("Unbroken: ")
    with provider.app.app_context():
        assert provider.user("ada").id == 1
        told_of = provider.db.session.execute(text("SELECT * FROM oauth2_audit_event")).mappings()
        assert "laptop" not in str([dict(row) for row in told_of])


def test_a_user_who_is_deleted_already(make: Any) -> None:
    provider = make()
    ada = provider.browser("ada")
    personal_token(ada)
    with provider.app.app_context():  # foreign keys are off
        provider.db.session.execute(text("DELETE FROM test_user WHERE name = 'ada'"))
        provider.db.session.commit()
    assert len(json.loads(run(provider, "user", "export", "1"))["events"]) == 1
    run(provider, "user", "erase", "1", "--yes")
    assert stored(provider, "Token") == stored(provider, "AuditEvent", user_id=1) == 0
    assert stored(provider, "AuditEvent", kind="user erased", actor_kind="command line") == 1
    assert "cannot be the key of a user" in run(provider, "user", "export", "ada", code=1)


def test_who_erases_themselves_is_not_named_by_that(house: Provider) -> None:
    with house.app.test_request_context(environ_base=AGENT):
        user = house.User(name="carl")
        house.db.session.add(user)
        house.db.session.commit()
        login_user(user)
        house.oauth2.create_client(name="Carl's", scopes=[], owner=user)
        house.db.session.delete(user)
        house.db.session.commit()
    rows = told(house, "kind", "actor_kind", "actor", "user_id", "client_name", "address")
    assert rows == [
        ("client made", "person", None, None, None, None),
        ("user erased", "person", None, None, None, None),
    ]


def test_what_others_did_is_not_handed_out(house: Provider) -> None:
    client, _ = registered(house.browser("ada"), "Hers")
    act(administrator(house), f"clients/{client.client_id}/disable/", disable="yes")
    with house.app.app_context():
        hers = house.oauth2.export_user(house.user("ada"))["events"]
        his = house.oauth2.export_user(key=2)["acts"]
    assert [(row["kind"], row["actor_kind"], row["address"]) for row in hers] == [
        ("client made", "person", None),
        ("client disabled", "administrator", None),
    ]
    assert [(row["kind"], row["address"], "changes" in row) for row in his] == [("client disabled", "192.0.2.7", False)]
