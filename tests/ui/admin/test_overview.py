"""The first page of administrators: counts, the chart of the last days, the doctor, what waits."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from flask_oauth2server import clock
from flask_oauth2server.doctor import Finding, Overview
from flask_oauth2server.storage import overview as queries
from flask_oauth2server.storage.daily_counts import ALL, Counted
from flask_oauth2server.ui.admin import charts

from ...support import CALLBACK, Browser, Provider
from ..pages import Element, parse

HOUSE = "/admin/oauth2/"


def server_of(provider: Provider) -> Any:
    return provider.app.extensions["oauth2server"]


def count(provider: Provider, *counts: tuple[str, int, int, int]) -> None:
    """Counts, as (name, days ago, key of a client, times)."""
    today = clock.now().date()
    with provider.app.app_context():
        storage = server_of(provider).storage
        rows = {Counted(today - timedelta(days=ago), name, pk): times for name, ago, pk, times in counts}
        storage.unit.run(lambda: storage.daily_counts.add(rows))


def key(provider: Provider, client_id: str) -> int:
    with provider.app.app_context():
        return int(provider.oauth2.get_client(client_id).id)


def figures(page: Any) -> dict[str, tuple[str, str]]:
    """The numbers on top: what each is, and what stands under it."""
    found = {}
    for figure in parse(page).one("div", class_="o2-tally").children:
        if isinstance(figure, Element):
            label, number, detail = (p.text for p in figure.all("p"))
            found[label] = (number, detail)
    return found


def panel(page: Any, title: str) -> Element:
    (found,) = [one for one in parse(page).all("section") if [h.text for h in one.all("h2")][:1] == [title]]
    return found


# --- fresh ----------------------------------------------------------------------------------------


def test_a_fresh_install_is_told_what_to_do_first(provider: Provider, ada: Browser) -> None:
    page = ada.visit(HOUSE)
    assert [step.one("b").text for step in parse(page).one("ol").all("li")] == [
        "Register your first client",
        "Open the discovery document",
        "Try it",
    ]
    assert not parse(page).all("svg", class_="o2-bars")
    links = {a.attributes["href"] for a in parse(page).one("main").all("a")}
    assert "/.well-known/oauth-authorization-server" in links
    assert ada.visit("/.well-known/oauth-authorization-server").status_code == 200


# --- figures --------------------------------------------------------------------------------------


def test_figures_tell_clients_people_and_today(provider: Provider, ada: Browser) -> None:
    client = provider.client(client_id="reader")
    provider.client(client_id="other", verified=False)
    provider.client(client_id="stopped", verified=False)
    with provider.app.app_context():
        provider.oauth2.disable_client(provider.oauth2.get_client("stopped"))
    client.tokens(ada)
    client.tokens(ada)
    client.tokens(provider.browser("bob"))
    count(provider, ("issued", 0, ALL, 5), ("issued", 1, ALL, 7), ("granted", 0, ALL, 2), ("granted", 13, ALL, 1))
    count(provider, ("granted", 14, ALL, 100), ("refused", 0, ALL, 3), ("refused", 1, ALL, 50))
    found = figures(ada.visit(HOUSE))
    assert found["Clients"] == ("3", "2 not checked, 1 disabled")
    assert found["People with an authorization"] == ("2", "3 authorizations granted in 14 days")
    assert found["Tokens issued today"] == ("5", "7 yesterday")
    assert found["Refused today"] == ("3", "30 % of what was asked for")


@pytest.mark.parametrize(("part", "whole", "told"), [(0, 9, "0"), (1, 3000, "0.0"), (1, 300, "0.3"), (2, 3, "67")])
def test_shares_are_rounded(provider: Provider, ada: Browser, part: int, whole: int, told: str) -> None:
    provider.client()
    count(provider, ("refused", 0, ALL, part), ("issued", 0, ALL, whole - part))
    assert figures(ada.visit(HOUSE))["Refused today"][1] == f"{told} % of what was asked for"


def test_counting_stops(provider: Provider, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        provider.client(client_id=f"c{number}")
    for module in ("overview", "visit"):
        monkeypatch.setattr(f"flask_oauth2server.ui.admin.{module}.MOST", 2)
    monkeypatch.setattr("flask_oauth2server.ui.admin.faces.Count.of.__func__.__defaults__", (2,))
    page = ada.visit(HOUSE)
    assert figures(page)["Clients"][0] == "more than 2"


def test_people_are_counted_among_some_authorizations_only(
    provider: Provider, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = provider.client()
    for person in ("ada", "bob"):
        client.tokens(provider.browser(person))
    storage = server_of(provider).storage.overview
    with provider.app.app_context():
        assert storage.people(1000) == (2, False)
        assert storage.people(1) == (1, True)
        monkeypatch.setattr(queries, "_LOOKED_AT", 1)
        assert storage.people(1000) == (1, True)
        assert storage.people(1000, key(provider, client.client_id)) == (1, True)


def test_who_has_ended_everything_is_not_counted(provider: Provider, ada: Browser) -> None:
    client = provider.client()
    client.tokens(ada)
    with provider.app.app_context():
        provider.oauth2.sign_everybody_out(provider.oauth2.get_client(client.client_id))
        assert server_of(provider).storage.overview.people(1000) == (0, False)


# --- chart ----------------------------------------------------------------------------------------


def test_the_chart_and_its_table_say_the_same(provider: Provider, ada: Browser) -> None:
    provider.client()
    count(provider, ("issued", 0, ALL, 90), ("issued", 13, ALL, 60), ("issued", 14, ALL, 9999), ("refused", 2, ALL, 1))
    page = ada.visit(HOUSE)
    root = parse(page)
    issued, granted, _refused = root.all("svg", class_="o2-bars")
    assert issued.attributes["aria-label"] == "Tokens issued: 150 in 14 days, at most 90 a day"
    bars = issued.all("rect", class_="o2-bar-of-day")
    assert [float(bar.attributes["height"]) for bar in bars] == [71.4, 107.1]  # of 100 in 119 px
    assert "o2-today" in bars[1].attributes["class"] and "o2-today" not in bars[0].attributes["class"]
    assert not granted.all("rect", class_="o2-bar-of-day")
    titles = [title.text for title in issued.all("title")]
    assert len(titles) == 14 and titles[0].endswith(": 60") and titles[-1].endswith(": 90")
    rows = [[cell.text for cell in row.all("td")] for row in root.one("table").all("tr")[1:]]
    assert len(rows) == 14
    assert (rows[0], rows[-1], rows[11]) == (["60", "0", "0"], ["90", "0", "0"], ["0", "0", "1"])


def test_nothing_of_the_chart_needs_a_style(provider: Provider, ada: Browser) -> None:
    provider.client()
    count(provider, ("issued", 0, ALL, 90))
    page = ada.visit(HOUSE)
    assert " style=" not in page.text and "<style" not in page.text
    for element in parse(page).all("rect"):
        for name in ("x", "width"):
            assert 0 <= float(element.attributes[name].removesuffix("%")) <= 100


@pytest.mark.parametrize(
    ("most", "top"),
    [(0, 0), (1, 1), (2, 2), (7, 8), (9, 10), (11, 15), (99, 100), (100, 100), (101, 150), (1204, 1500)],
)
def test_the_top_line_is_a_round_number(most: int, top: int) -> None:
    assert charts._top(most) == top


def test_every_bar_stays_below_the_top_line(provider: Provider) -> None:
    count(provider, *[("issued", ago, ALL, 3 ** (ago % 8)) for ago in range(14)])
    with provider.app.test_request_context():
        chart = charts.activity(server_of(provider))
    bars = chart.series[0].bars
    assert all(0 < bar.height <= 119 and abs(bar.y + bar.height - 120) < 0.01 for bar in bars)
    assert chart.series[0].top >= 3**7 and [day.today for day in chart.days] == [False] * 13 + [True]


def test_weekends_are_shaded(provider: Provider) -> None:
    with provider.app.test_request_context():
        chart = charts.activity(server_of(provider))
    days = [clock.now().date() - timedelta(days=back) for back in reversed(range(14))]
    shaded = set()
    for x, width in chart.weekends:
        first, wide = float(x[:-1]) * 14 / 100, float(width[:-1]) * 14 / 100
        shaded |= set(range(round(first), round(first + wide)))
    assert {days[number].weekday() for number in shaded} == {5, 6} and len(shaded) == 4


# --- the rest -------------------------------------------------------------------------------------


def test_what_was_refused_most_stands_with_its_client(provider: Provider, ada: Browser) -> None:
    provider.client(client_id="reader", name="Reader <b>")
    reader = key(provider, "reader")
    count(provider, ("refused:code_used", 0, reader, 9), ("refused:client_unknown", 0, ALL, 22))
    count(provider, ("refused:secret_wrong", 1, reader, 500), ("refused:secret_wrong", 0, 987654, 3))
    rows = panel(ada.visit(HOUSE), "Refused most today").all("li")
    assert [row.one(class_="o2-times").text for row in rows] == ["22×", "9×", "3×"]
    assert rows[1].one(class_="o2-row-name").text == "The code was used a second time"
    assert "Reader <b>" in rows[1].text
    assert rows[2].text.startswith("3× The secret is wrong")  # its client is gone


def test_nothing_refused_is_said(provider: Provider, ada: Browser) -> None:
    provider.client()
    assert "Nothing was refused today." in panel(ada.visit(HOUSE), "Refused most today").text


def test_clients_that_nobody_has_checked_wait(provider: Provider, ada: Browser) -> None:
    for number in range(7):
        provider.client(client_id=f"c{number}", name=f"Reader {number}", verified=False, scopes=["email", "notes"])
    provider.client(client_id="good", name="Checked already")
    with provider.app.app_context():
        provider.oauth2.disable_client(provider.oauth2.get_client("c6"))
    waiting = panel(ada.visit(HOUSE), "Waiting to be checked 6")
    names = [row.one(class_="o2-row-name").text for row in waiting.all("li")]
    assert names == ["Reader 5", "Reader 4", "Reader 3", "Reader 2", "Reader 1"]
    assert waiting.all("li")[0].one(class_="o2-meta").text == "2 scopes just now"
    address = waiting.all("li")[0].one("a").attributes["href"]
    assert parse(ada.visit(address)).one("h1").text == "Reader 5"


def test_secrets_that_end_soon_are_told(provider: Provider, ada: Browser) -> None:
    day = 86400
    for client_id, ends in (("soon", 3 * day), ("later", 20 * day), ("lonely", 5 * day)):
        provider.client(client_id=client_id, name=f"App {client_id}")
        with provider.app.app_context():
            client = provider.oauth2.get_client(client_id)
            provider.oauth2.rotate_secret(client, old_expire_in=ends)
            if client_id == "lonely":
                provider.oauth2.revoke_secret(client, provider.oauth2.list_secrets(client)[-1].hint)
    rows = panel(ada.visit(HOUSE), "Secrets that end soon").all("li")
    assert [row.one("bdi").text for row in rows] == ["App soon", "App lonely"]
    assert "in 3 days" in rows[0].text
    assert ["no other one lives longer" in row.text for row in rows] == [False, True]


def test_findings_of_the_doctor_stand_there(provider: Provider, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    provider.client()
    findings = tuple(
        Finding(f"check{number}", level, f"Fact {number} <i>.", f"Set `KEY_{number} = True`.")
        for number, level in enumerate(("bad", "warn", "warn", "note", "note", "note"))
    )
    monkeypatch.setattr(server_of(provider).doctor, "overview", lambda: Overview(findings, 8, clock.now()))
    doctor = panel(ada.visit(HOUSE), "Doctor 6")
    lines = doctor.all("li")
    assert lines[0].text == "Mend now: Fact 0 <i>. Set KEY_0 = True."
    assert lines[0].one("code").text == "KEY_0 = True"
    assert [line.text.partition(":")[0] for line in lines] == ["Mend now"] + ["Mend soon"] * 2 + ["Good to know"] * 3
    assert doctor.one("details").one("summary").text == "2 more"
    assert "8 checks passed. The same in a terminal: flask oauth2 doctor" in doctor.text


def test_a_doctor_without_findings_says_so(provider: Provider, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_of(provider).doctor, "overview", lambda: Overview((), 17, None))
    assert "All 17 checks passed." in panel(ada.visit(HOUSE), "Doctor").text


def test_the_navigation_names_the_sections_and_where_one_is(provider: Provider, ada: Browser) -> None:
    provider.client()
    count(provider, ("refused", 0, ALL, 4))
    nav = parse(ada.visit(HOUSE)).one("nav", class_="o2-side")
    entries = [a.text for a in nav.all("a")]
    assert [re.sub(r" [\d,]+$", "", text) for text in entries] == [
        *("Overview", "Clients", "Tokens", "Scopes", "Failures", "Signing keys", "Audit log"),
    ]
    assert "Clients 1" in entries and "Failures 4" in entries
    assert [a.text for a in nav.all("a", **{"aria-current": "page"})] == ["Overview"]


def test_the_block_of_the_host_is_shown(make: Callable[..., Provider], tmp_path: Any) -> None:
    folder = tmp_path / "templates" / "oauth2server" / "admin"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(
        '{% extends "oauth2server/admin/index_base.html" %}'
        '{% block overview_extra %}{% call a.panel("Ours") %}{{ a.nothing("of the host") }}{% endcall %}{% endblock %}'
    )
    provider = make(before=lambda app: setattr(app, "template_folder", str(tmp_path / "templates")))
    provider.oauth2.admin_required(lambda _user: True)
    assert panel(provider.browser("ada").visit(HOUSE), "Ours").text == "Ours of the host"


def test_the_number_of_queries_does_not_grow(provider: Provider, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """With forty clients there are as many questions as with six; the doctor's are counted elsewhere."""
    monkeypatch.setattr(server_of(provider).doctor, "overview", lambda: Overview((), 17, None))
    with provider.app.app_context():
        engine = provider.db.engine
    ada.visit(HOUSE)  # the tables are looked for once
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _cursor, text, *_rest: asked.append(text))
    numbers = []
    for size in (6, 40):
        with provider.app.app_context():
            known = provider.oauth2.models.Client.query.count()
            for number in range(known, size):
                values = {"redirect_uris": [CALLBACK], "scopes": ["email"], "client_id": f"c{number}"}
                provider.oauth2.create_client(name=f"Reader {number}", verified=False, **values)
        asked.clear()
        assert ada.visit(HOUSE).status_code == 200
        numbers.append(len(asked))
    assert numbers[0] == numbers[1] <= 20
