"""Signing keys: who replaces and withdraws them, what takes their place, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from flask_oauth2server import clock, signals
from flask_oauth2server.domain import key_facts
from flask_oauth2server.domain.keys import STALENESS, Keys
from flask_oauth2server.errors import Outdated

from ..support import Provider
from ..ui.pages import later
from .test_keys import keys_of, kids, states


@pytest.fixture
def keys(provider: Provider) -> Iterator[Keys]:
    with provider.app.app_context():
        yield keys_of(provider)


def test_a_key_is_not_replaced_by_somebody_who_saw_other_keys(keys: Keys) -> None:
    keys.prepare("ES256")
    seen = key_facts.mark(keys.signer("ES256").kid, None)
    keys.rotate("ES256", at_once=True, seen=seen)
    for at_once in (True, False):
        with pytest.raises(Outdated):
            keys.rotate("ES256", at_once=at_once, seen=seen)
    assert states(keys, "ES256") == ["retired", "active"]


@pytest.mark.parametrize("behind", [0, 1], ids=["one clock", "a clock that is behind"])
def test_of_two_who_take_the_key_that_waits_one_does(keys: Keys, monkeypatch: pytest.MonkeyPatch, behind: int) -> None:
    with later(hours=-1):
        keys.prepare("ES256")
        keys.rotate("ES256")
    before = keys._storage.signing_keys.all_keys()
    keys.rotate("ES256", at_once=True)
    with monkeypatch.context() as patch:
        patch.setattr(keys._storage.signing_keys, "all_keys", lambda: before)  # read a moment before
        with later(seconds=-behind), pytest.raises(Outdated):
            keys.rotate("ES256", at_once=True)
    assert states(keys, "ES256") == ["retired", "active"]


def test_a_key_that_waits_and_cannot_be_read_is_replaced(provider: Provider, keys: Keys) -> None:
    keys.prepare("RS256")
    keys.rotate("RS256")
    provider.app.config["SECRET_KEY"] = "another secret"
    assert [key.trouble for key in keys.overview()] == ["lost", "lost"]
    keys.rotate("RS256", at_once=True)
    assert states(keys) == ["retired", "revoked", "active"]
    assert [key.trouble for key in keys.overview()] == ["", "", ""]
    assert keys.signer("RS256")


def test_in_place_of_a_revoked_key_the_one_that_waits_signs(keys: Keys) -> None:
    keys.prepare("ES256")
    keys.rotate("ES256")
    bad, waits = (key.kid for key in keys.overview())
    keys.revoke(bad)
    assert (states(keys, "ES256"), keys.signer("ES256").kid) == (["revoked", "active"], waits)


def test_a_key_that_waited_and_was_revoked_ends_no_other_one(keys: Keys) -> None:
    """The one that signs goes on, and is published all the while."""
    keys.prepare("ES256")
    keys.rotate("ES256")
    signs, waits = (key.kid for key in keys.overview())
    keys.revoke(waits)
    assert states(keys, "ES256") == ["active", "revoked"]
    with later(days=80):
        keys.prepare("ES256")
        assert keys.signer("ES256").kid == signs
        assert kids(keys) == [signs]


def test_what_will_be_is_told(keys: Keys) -> None:
    hour = timedelta(hours=1)
    with later():  # the clock stands still
        keys.prepare("ES256")
        keys.rotate("ES256")
        signs, waits = keys.overview()
        now, grace = clock.now(), hour + timedelta(seconds=STALENESS)
        assert (signs.published_from, signs.active_from, signs.signs_until) == (now, now, now + 24 * hour)
        assert signs.published_until == now + 24 * hour + grace
        assert waits.signs_until == now + timedelta(days=91)
        keys.revoke(waits.kid)
        assert keys.overview()[0].signs_until == now + timedelta(days=90)
        with later(days=100):  # nobody has needed a token since
            assert keys.overview()[0].signs_until == clock.now() + 24 * hour


# --- what is told of it ----------------------------------------------------------------------------


def test_what_is_done_to_keys_is_in_the_audit(provider: Provider, keys: Keys) -> None:
    keys.prepare("ES256")
    keys.rotate("ES256")
    keys.rotate("ES256", at_once=True)
    keys.revoke(keys.signer("ES256").kid)
    first, second, third = (key.kid for key in keys.overview())
    events = provider.db.session.scalars(select(provider.oauth2.models.AuditEvent)).all()
    assert [(event.kind, event.name) for event in events] == [
        ("key made", first),
        ("key made", second),
        ("key rotated", second),
        ("key revoked", second),
        ("key made", third),
        ("key rotated", third),
    ]
    assert events[0].changes["alg"] == [None, "ES256"]
    assert events[2].changes == {"kid": [first, second]}
    assert {event.user_id for event in events} == {None}


def test_a_key_is_made_by_nobody_who_only_signs_in(make: Callable[..., Provider]) -> None:
    provider = make(config={"OAUTH2_KEEP_ADDRESSES": True})
    client = provider.client(scopes=["openid"])
    client.tokens(provider.browser("ada"), scope="openid")
    with provider.app.app_context():
        event = provider.oauth2.models.AuditEvent
        (made,) = provider.db.session.scalars(select(event).where(event.kind == "key made")).all()
        assert (made.actor_kind, made.actor, made.address, made.device) == ("server", None, None, None)


def test_a_command_is_in_the_audit(provider: Provider) -> None:
    runner = provider.app.test_cli_runner()
    assert "Made a key" in runner.invoke(args=["oauth2", "key", "rotate", "--alg", "ES256"]).output
    assert "signs from now on" in runner.invoke(args=["oauth2", "key", "rotate", "--now", "--alg", "ES256"]).output
    with provider.app.app_context():
        events = provider.db.session.scalars(select(provider.oauth2.models.AuditEvent)).all()
        assert [event.actor_kind for event in events] == ["command line"] * 3


def test_signals_tell_of_keys(provider: Provider, keys: Keys) -> None:
    told: list[tuple[str, Any]] = []

    def listen(name: str) -> Callable[..., None]:
        return lambda _app, **facts: told.append((name, facts["kid"]))

    receivers = [listen(name) for name in ("created", "activated", "revoked")]
    with ExitStack() as stack:
        for signal, receiver in zip(
            (signals.signing_key_created, signals.signing_key_activated, signals.signing_key_revoked),
            receivers,
            strict=True,
        ):
            stack.enter_context(signal.connected_to(receiver, provider.app))
        keys.prepare("ES256")
        keys.rotate("ES256")
        keys.rotate("ES256", at_once=True)
        keys.revoke(keys.signer("ES256").kid)
    first, second, third = (key.kid for key in keys.overview())
    assert told == [
        ("created", first),
        ("created", second),
        ("activated", second),
        ("revoked", second),
        ("created", third),
    ]
