"""Every statement finds its rows by an index, however many there are: the plans of the three databases.

What providers really say to the database is written down while people and programs use one with many rows;
then the database is asked how it finds each of them. A statement that is new is covered as soon as something
here says it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from sqlalchemy import event, text

from benchmarks import rows

from ..conftest import close
from ..support import Provider, answer_of, bearer, build, hidden_fields, serving
from ..ui.pages import HOME, NEW_TOKEN, SECURITY, csrf, personal_token, press, registered

#: Rows of each table that grows.
MANY = 10_000
#: More rows than this no statement looks at: pages of administrators count up to some thousands.
MOST = 3_500
#: Tables that never grow: one row for each time that the doctor is run, of which the last is kept.
SMALL = {"oauth2_doctor_report", "oauth2_signing_key"}
#: What may look at many rows, by a part of the statement.
ALLOWED = {
    "GROUP BY oauth2_failure.cause": "no more failures are kept than OAUTH2_FAILURES_KEPT says",
    "oauth2_failure.cause = ": "the same",
    "count(DISTINCT anon_1.user_id)": "looks at the latest 3,000",
    "max(oauth2_authorization.id) AS max_1": "reads one person's part of an index, where MariaDB chooses not to leap",
    "SELECT oauth2_failure.id FROM oauth2_failure WHERE": "looks for the last of them that is kept",
}

ADMIN = "/admin/oauth2"
SETTINGS = {
    "OAUTH2_KEEP_ADDRESSES": True,
    "OAUTH2_REFRESH_GRACE": 60,
    "OAUTH2_REVOKE_ACCESS_ON_REFRESH": True,
    "OAUTH2_PURGE_INTERVAL": 0,
    "OAUTH2_FAILURES_EXPIRES_IN": 6 * 86_400,
    "OAUTH2_COUNTS_EXPIRES_IN": 10 * 86_400,
    "OAUTH2_AUDIT_EXPIRES_IN": 29 * 86_400,
    "OAUTH2_USER_SEARCH_COLUMNS": ["name"],
}


class Said(NamedTuple):
    """A statement as it was given to the driver."""

    statement: str
    parameters: Any
    #: What was done when it was first said.
    during: str


@pytest.fixture
def large(any_database: str) -> Iterator[Provider]:
    """A provider with many rows, each table's statistics taken."""
    with serving(admin=True):
        provider = build(any_database, config=SETTINGS)
    provider.oauth2.admin_required(lambda user: user.name == "ada")
    with provider.app.app_context():
        fill(provider)
        rows.analyze(provider.db.engine)
    yield provider
    with provider.app.app_context():
        empty(provider.db.engine, provider.db.metadata)
    close(provider)


def fill(provider: Provider) -> None:
    """Make the rows: of people and clients other than those who come later."""
    models, engine = provider.oauth2.models, provider.db.engine
    client, user = f"(1 + i * 7919 % {MANY})", f"(3 + i * 31 % {MANY})"
    authorization = f"(1 + i * 13 % {MANY})"
    with engine.begin() as connection:
        sql = rows.sql_of(connection)
        tables = [model.__table__ for model in models]
        with rows.bare(connection, tables):
            person = {"name": sql.joined("'person'", "i"), "is_active": "true"}
            rows.insert(connection, provider.User.__table__, person, MANY)
            for model, columns, count in (
                ("Client", rows.clients(sql, user), MANY),
                ("ClientSecret", rows.secrets(sql), MANY),
                ("ClientTerm", rows.terms(sql), MANY),
                ("Authorization", rows.authorizations(sql, client, user), MANY),
                ("Token", rows.tokens(sql, client, user, authorization, dead="i % 5 = 0"), 2 * MANY),
                ("Token", rows.personal(sql, user), MANY),
                ("Consent", rows.consents(sql, client, f"(3 + i % {MANY})"), MANY),
                ("Grant", rows.grants(sql, client, authorization, dead="i % 2 = 0"), MANY),
                ("Replay", rows.replays(sql), MANY),
                ("FailureCount", rows.failure_counts(sql), MANY),
                ("Failure", rows.failures(sql, client), MANY),
                ("AuditEvent", rows.events(sql, client, user), MANY),
                ("AuditSeal", rows.seals(sql), MANY),
                ("ClientLogo", rows.logos(sql), MANY),
                ("DailyCount", rows.daily_counts(sql, 14), MANY),
                ("LogoutDelivery", rows.deliveries(sql, client), MANY),
            ):
                rows.insert(connection, getattr(models, model).__table__, columns, count)


def empty(engine: Any, metadata: Any) -> None:
    """Remove all rows at once, which is faster than each."""
    with engine.begin() as connection:
        quote = connection.dialect.identifier_preparer.quote
        names = [quote(table.name) for table in reversed(metadata.sorted_tables)]
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"TRUNCATE {', '.join(names)} RESTART IDENTITY CASCADE"))
        elif engine.dialect.name != "sqlite":
            connection.execute(text("SET foreign_key_checks = 0"))
            for name in names:
                connection.execute(text(f"TRUNCATE {name}"))
            connection.execute(text("SET foreign_key_checks = 1"))


# --- what is done with it -------------------------------------------------------------------------


def a_token_is_used_and_refused(provider: Provider) -> None:
    client, ada = provider.client(), provider.browser("ada")
    tokens = client.tokens(ada)
    api = provider.api()
    with api.get("/oauth/ping/", headers=bearer(tokens["access_token"])) as answer:
        assert answer.status_code == 200
    with api.get("/oauth/ping/", headers=bearer(tokens["access_token"][:-1] + "x")) as answer:
        assert answer.status_code == 401
    value = provider.app.extensions["oauth2server"].values.make("a")
    assert api.get("/oauth/ping/", headers=bearer(value)).status_code == 401


def codes_are_redeemed_and_replayed(provider: Provider) -> None:
    client, ada = provider.client(), provider.browser("ada")
    code = client.code(ada)
    assert client.exchange(code).status_code == 200
    assert client.exchange(code).status_code == 400
    client.tokens(ada)  # by the consent that is remembered
    client.code(ada, scope="email profile")  # a wider one
    ada.answer(ada.visit(client.address(prompt="consent")), "no")
    assert "error" in answer_of(ada.visit(client.address(prompt="none", scope="email notes")))


def refresh_tokens_are_rotated_and_replayed(provider: Provider) -> None:
    client, ada = provider.client(), provider.browser("ada")
    first = client.tokens(ada)
    second = client.refresh(first["refresh_token"]).json
    assert client.refresh(first["refresh_token"]).status_code == 200  # within the grace
    assert client.refresh(second["refresh_token"]).status_code == 200
    assert client.refresh(first["refresh_token"]).status_code == 400
    kept = provider.client(refresh_rotation="never")
    assert kept.refresh(kept.tokens(ada)["refresh_token"]).status_code == 200


def people_sign_in_to_apps_and_out(provider: Provider) -> None:
    told = {"backchannel_logout_uri": "https://127.0.0.1/logout", "subject_type": "pairwise"}  # no public machine
    client = provider.client(scopes=["openid", "email"], **told)
    for address in ("/logout", "/oauth/sign-out/"):
        ada = provider.browser("ada")
        tokens = client.tokens(ada, scope="openid email", claims='{"userinfo": {"email": null}}')
        userinfo = provider.api().get("/oauth/userinfo", headers=bearer(tokens["access_token"]))
        assert userinfo.status_code == 200
        page = ada.visit("/oauth/sign-out/")
        ada.http.post(address, data={"csrf_token": hidden_fields(page)["csrf_token"]}).close()
        assert client.refresh(tokens["refresh_token"]).status_code == 400
    assert "Delivered 0" in provider.app.test_cli_runner().invoke(args=["oauth2", "deliver"]).output


def services_have_tokens_of_their_own(provider: Provider) -> None:
    service = provider.client(redirect_uris=[], may_introspect=True)
    issued = service.post("/oauth/token", grant_type="client_credentials", scope="email").json
    for token in (issued["access_token"], "o2a_garbage"):
        assert service.post("/oauth/introspect", token=token).status_code == 200
        assert service.post("/oauth/revoke", token=token).status_code == 200
    client = provider.client()
    for token in ("access_token", "refresh_token"):
        tokens = client.tokens(provider.browser("ada"))
        assert client.post("/oauth/introspect", token=tokens["refresh_token"]).json["active"]
        assert client.post("/oauth/revoke", token=tokens[token]).status_code == 200
    service.secret = "wrong" * 12
    assert service.post("/oauth/token", grant_type="client_credentials").status_code == 401


def somebody_with_very_many_authorizations_looks(provider: Provider) -> None:
    """More than are looked at: of twenty applications each, half of them first found by leaps."""
    person, models = provider.browser("person50"), provider.oauth2.models
    with provider.app.app_context():
        key, engine = provider.user("person50").id, provider.db.engine
    with engine.begin() as connection:
        sql = rows.sql_of(connection)
        client = f"(CASE WHEN i < {MANY // 2} THEN 20 + i % 10 ELSE 30 + i % 10 END)"
        columns = rows.authorizations(sql, client, str(key), dead="i * 7 % 11 = 0")
        table = models.Authorization.__table__
        rows.insert(connection, table, {**columns, "public_id": sql.joined("'of cy '", "i")}, MANY)
    rows.analyze(engine)
    for address in (HOME, f"{HOME}?authorised_q=1", SECURITY):
        assert person.visit(address).status_code == 200
    assert "more than 25 devices" in person.visit(HOME).text


def people_look_at_their_pages(provider: Provider) -> None:
    bob = provider.browser("bob")
    client, other = provider.client(), provider.client(name="Other")
    for one in (client, client, other):
        one.tokens(bob)
    value = personal_token(bob)
    with provider.api().get("/oauth/ping/", headers=bearer(value)) as answer:
        assert answer.status_code == 200
    page = bob.visit(HOME)
    for address in (HOME, f"{HOME}?authorised_q=o&tokens_q=l&mine_q=p", SECURITY, NEW_TOKEN):
        assert bob.visit(address).status_code == 200
    assert bob.visit(f"{SECURITY}?before=1000000").status_code == 200
    assert press(bob, page, "Revoke access", at=other.client_id).status_code == 303
    token = re.search(rf"{HOME}tokens/(\d+)/", page.text)[1]
    assert bob.visit(f"{HOME}tokens/{token}/").status_code == 200
    revoked = bob.http.post(f"{HOME}tokens/{token}/revoke/", data={"csrf_token": csrf(bob)})
    assert revoked.status_code == 303
    mine, address = registered(bob)
    mine.tokens(bob)
    for path in ("", "edit/", "reset/", "sign-out/", "delete/"):
        assert bob.visit(f"{address}{path}").status_code in (200, 303)


def administrators_look_around(provider: Provider) -> None:
    ada = provider.browser("ada")
    with provider.app.app_context():
        client = provider.db.session.get(provider.oauth2.models.Client, 77).client_id
        reference = provider.db.session.get(provider.oauth2.models.Failure, 77).reference
    filters = "", "?user=person77", f"?client={client}", "?after=10000", f"?user=person77&client={client}"
    pages = [f"{kind}/{asked}" for kind in ("tokens", "authorizations") for asked in filters]
    pages += [f"clients/?{asked}" for asked in ("q=client 7", "q=person77", "type=public", "check=unchecked")]
    pages += [f"clients/?{asked}" for asked in ("state=disabled", "after=2500~", "q=cli", "q=zotero")]
    pages += ["", "clients/", f"clients/{client}/", f"clients/{client}/edit/", "scopes/", "scopes/?scope=email"]
    pages += ["failures/", f"failures/?client={client}", f"failures/{reference}/", "failures/?q=F-77"]
    pages += [f"audit/?{asked}" for asked in ("", "person=person77", f"client={client}", "kind=used", "before=10000")]
    for page in pages:
        assert ada.visit(f"{ADMIN}/{page}").status_code in (200, 303), page
    tokens = ada.visit(f"{ADMIN}/tokens/?user=person77")
    assert press(ada, tokens, "Find", value=personal_token(ada, "desk")).status_code == 200


def the_host_calls_verbs(provider: Provider) -> None:
    oauth2 = provider.oauth2
    client = provider.client(name="Of verbs")
    gone, browser = provider.client(name="Gone"), provider.browser("bob")
    for one in (client, client, gone):
        one.tokens(browser)
    with provider.app.app_context():
        bob, model = provider.user("bob"), oauth2.get_client(client.client_id)
        live = oauth2.list_authorizations(user=bob)
        assert oauth2.list_authorizations(client=model)
        assert oauth2.revoke_authorization(live[0][0].public_id)
        oauth2.create_personal_token(bob, name="cli", scopes=["email"])
        assert oauth2.list_personal_tokens(bob)
        oauth2.rotate_secret(model)
        oauth2.list_clients(limit=10)
        oauth2.revoke_application(bob, model)
        oauth2.revoke_access(user=bob, client=model)
        oauth2.revoke_access(user=bob)
        oauth2.sign_everybody_out(model)
        oauth2.disable_client(model)
        oauth2.delete_client(oauth2.get_client(gone.client_id))
        oauth2.export_user(bob)
        oauth2.forget_user(bob)
    with provider.app.app_context():
        provider.db.session.delete(provider.db.session.get(provider.User, 99))
        provider.db.session.commit()


def what_has_ended_is_removed(provider: Provider) -> None:
    server = provider.app.extensions["oauth2server"]
    with provider.app.app_context():
        server.records.flush()
        assert server.seals.step()
        for cleanup in server.cleanups:
            server.storage.unit.run(lambda cleanup=cleanup: cleanup(100))


USES = (
    a_token_is_used_and_refused,
    codes_are_redeemed_and_replayed,
    refresh_tokens_are_rotated_and_replayed,
    people_sign_in_to_apps_and_out,
    services_have_tokens_of_their_own,
    somebody_with_very_many_authorizations_looks,
    people_look_at_their_pages,
    administrators_look_around,
    the_host_calls_verbs,
    what_has_ended_is_removed,
)


# --- what is said, and how the rows are found -----------------------------------------------------


def said_by(provider: Provider) -> list[Said]:
    """All different statements that are said while it is used, with the parameters of the first time."""
    said: dict[str, Said] = {}
    with provider.app.app_context():
        engine = provider.db.engine
    for use in USES:

        def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, many: bool, use: Any = use) -> None:
            if re.match("SELECT|INSERT|UPDATE|DELETE|WITH", statement) and "oauth2_" in statement:
                said.setdefault(statement, Said(statement, parameters[0] if many else parameters, use.__name__))

        event.listen(engine, "before_cursor_execute", note)
        use(provider)
        event.remove(engine, "before_cursor_execute", note)
    return list(said.values())


class Found(NamedTuple):
    """How a statement finds its rows."""

    #: More than so many rows of one table were looked at, or all would be.
    too_many: bool
    plan: str


def postgresql(connection: Any, said: Said) -> Found:
    """Each node of the plan, with what it looked at; an INSERT is not done a second time."""
    options = "FORMAT JSON" if said.statement.startswith("INSERT") else "FORMAT JSON, ANALYZE"
    told = connection.exec_driver_sql(f"EXPLAIN ({options}) {said.statement}", said.parameters).scalar()
    nodes, lines, too_many = [told[0]["Plan"]], [], False
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", ())
        each = node.get("Actual Rows", 0) + sum(count for name, count in node.items() if name.startswith("Rows Remove"))
        looked, table = each * node.get("Actual Loops", 1), node.get("Relation Name")
        if table is not None:
            lines.append(f"{node['Node Type']} {table} {node.get('Index Name', '')}: {looked} rows")
            all_of_it = node["Node Type"] == "Seq Scan" and " LIMIT " not in said.statement
            too_many |= table not in SMALL and (looked > MOST or all_of_it)
    return Found(too_many, "; ".join(lines))


def mariadb(connection: Any, said: Said) -> Found:
    """The same of each table."""
    how = "EXPLAIN" if said.statement.startswith("INSERT") else "ANALYZE"
    lines, too_many = [], False
    for row in connection.exec_driver_sql(f"{how} {said.statement}", said.parameters).mappings():
        table, looked = row["table"], float(str(row.get("r_rows") or 0).split()[0])
        if table is None or table.startswith("<") or row["select_type"] == "INSERT":
            continue
        lines.append(f"{row['type']} {table} {row['key']}: {looked:.0f} rows")
        too_many |= table not in SMALL and (looked > MOST or (row["type"] == "ALL" and " LIMIT " not in said.statement))
    return Found(too_many, "; ".join(lines))


#: A row that is looked at takes SQLite's machine four steps at least; one that is used takes thirty or so.
_STEPS = 1_000


def sqlite(connection: Any, said: Said) -> Found:
    """The plan, and how many steps SQLite's machine took, in thousands."""
    driver, steps = connection.connection.driver_connection, [0]

    def count() -> int:
        steps[0] += 1
        return 0

    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said.statement}", said.parameters).all()
    if not said.statement.startswith("INSERT"):
        driver.set_progress_handler(count, _STEPS)
        result = connection.exec_driver_sql(said.statement, said.parameters)
        if result.returns_rows:
            result.all()
        driver.set_progress_handler(None, 0)
    return Found(steps[0] * _STEPS > 4 * MANY, f"{steps[0]},000 steps: " + "; ".join(row[-1] for row in plan))


ASKED = {"postgresql": postgresql, "mariadb": mariadb, "mysql": mariadb, "sqlite": sqlite}


def test_every_statement_finds_its_rows_by_an_index(large: Provider) -> None:
    said = said_by(large)
    with large.app.app_context():
        engine = large.db.engine
        rows.analyze(engine)
    slow = []
    for one in said:
        with engine.connect() as connection:  # what it does is rolled back
            found = ASKED[engine.dialect.name](connection, one)
        statement = " ".join(one.statement.split())
        if found.too_many and not any(part in statement for part in ALLOWED):
            slow.append(f"{one.during}: {statement}\n    {found.plan}")
    assert not slow, "\n".join(["", *slow])
    # It is no use where nothing was said.
    spoken = {word for one in said for word in re.findall(r"(?:FROM|INTO|UPDATE) (oauth2_\w+)", one.statement)}
    tables = {model.__table__.name for model in large.oauth2.models}
    assert len(said) > 150
    assert spoken >= tables - SMALL


def test_every_foreign_key_has_an_index(provider: Provider) -> None:
    """What is deleted is looked for in every table that refers to it."""
    for model in provider.oauth2.models:
        table = model.__table__
        begun = {next(iter(index.columns)).name for index in table.indexes}
        begun |= {column.name for column in table.columns if column.unique or column.primary_key}
        for key in table.foreign_keys:
            assert key.parent.name in begun, f"{table.name}.{key.parent.name}"
