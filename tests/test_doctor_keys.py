"""The doctor looks at signing keys and logout tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flask_oauth2server import clock, jose
from flask_oauth2server.domain.logouts import BACK

from .support import Provider
from .test_doctor import WELL, configured, examined, levels, pages, say, told, well
from .ui.pages import later

__all__ = ["pages", "well"]
OTHER = "fedcba9876543210" * 4


def keys_of(provider: Provider) -> Any:
    return provider.app.extensions["oauth2server"].keys


# --- keys -----------------------------------------------------------------------------------------


def test_another_secret_key_is_told_with_the_ways_back(well: Provider) -> None:
    keys_of(well).prepare("ES256")
    keys_of(well).prepare_salt()
    keys_of(well).rotate("ES256")
    for check in ("signing_keys", "pairwise_salt"):
        assert levels(examined(well), check) == []
    well.app.config["SECRET_KEY"] = OTHER
    assert levels(examined(well), "signing_keys") == ["bad", "bad"]
    said = told(examined(well), "signing_keys")
    assert "The next key for ES256 cannot be read." in said
    assert "`SECRET_KEY_FALLBACKS`" in said and "`flask oauth2 key rotate --now --alg ES256`" in said
    assert levels(examined(well), "pairwise_salt") == ["bad"]
    assert "`SECRET_KEY_FALLBACKS`" in told(examined(well), "pairwise_salt")
    well.app.config["SECRET_KEY_FALLBACKS"] = [WELL["SECRET_KEY"]]
    for check in ("signing_keys", "pairwise_salt"):
        assert levels(examined(well), check) == []


def test_the_line_that_mends_it_does(well: Provider) -> None:
    keys_of(well).prepare("ES256")
    keys_of(well).prepare_salt()
    well.app.config["SECRET_KEY"] = OTHER
    well.app.test_cli_runner().invoke(args=["oauth2", "key", "rotate", "--now", "--alg", "ES256"])
    assert levels(examined(well), "signing_keys") == []
    say(well, "DELETE FROM oauth2_signing_key WHERE kid = 'pairwise'")
    well.db.session.commit()
    keys_of(well)._forget()
    keys_of(well)._salt = None
    assert levels(examined(well), "pairwise_salt") == []
    assert keys_of(well).salt()


def test_a_damaged_key_is_told(well: Provider) -> None:
    keys_of(well).prepare("ES256")
    (row,) = keys_of(well).rows()
    say(well, f"UPDATE oauth2_signing_key SET private = '{row.private[:-4]}AAAA'")
    assert levels(examined(well), "signing_keys") == ["bad"]
    assert "damaged" in told(examined(well), "signing_keys")


def test_a_key_that_signs_before_clients_know_it(well: Provider) -> None:
    assert levels(examined(well), "key_rotation") == []
    ill = configured(examined(well), {"OAUTH2_KEY_PUBLISHED_BEFORE": 60})
    assert levels(ill, "key_rotation") == ["warn"]
    assert "OAUTH2_KEY_PUBLISHED_BEFORE = 86400" in told(ill, "key_rotation")


def test_a_key_that_nobody_replaces(well: Provider) -> None:
    keys_of(well).prepare("ES256")
    by_hand = configured(examined(well), {"OAUTH2_KEY_ROTATE_AFTER": 0})
    assert levels(by_hand, "key_rotation") == []
    with later(days=400):
        assert levels(examined(well), "key_rotation") == []  # the next token brings the next key
        assert levels(by_hand, "key_rotation") == ["note"]
        assert "flask oauth2 key rotate --alg ES256" in told(by_hand, "key_rotation")


@pytest.mark.parametrize(
    "config",
    [{"OAUTH2_ENABLE_OPENID": False}, {"OAUTH2_SIGNING_KEYS": json.dumps({"keys": [jose.made("ES256")]})}],
    ids=["without OpenID", "configured keys"],
)
def test_there_is_nothing_to_say_of_keys_elsewhere(make: Callable[..., Provider], config: dict[str, Any]) -> None:
    provider = make(config={**WELL, **config, "OAUTH2_KEY_PUBLISHED_BEFORE": 0})
    with provider.app.app_context():
        for check in ("signing_keys", "pairwise_salt", "key_rotation", "undelivered_logouts", "private_logouts"):
            assert levels(examined(provider), check) == []


# --- logouts --------------------------------------------------------------------------------------


def outbox(provider: Provider, client_id: str, **values: Any) -> None:
    """A logout token that a client has yet to be told."""
    provider.client(client_id=client_id, scopes=["openid"])
    pk, now = provider.oauth2.get_client(client_id).id, clock.now()
    told = {"issuer": "https://provider.example", "sid": "s", "sub": "1", "jti": client_id, "next_at": now}
    provider.db.session.add(provider.oauth2.models.LogoutDelivery(client_pk=pk, **{**told, **values}))
    provider.db.session.commit()


def test_logout_tokens_that_nobody_delivers(well: Provider) -> None:
    outbox(well, "reader")
    assert levels(examined(well), "undelivered_logouts") == []
    with later(minutes=11):
        assert levels(examined(well), "undelivered_logouts") == ["warn"]
        said = told(examined(well), "undelivered_logouts")
        assert said.startswith("1 logout token has been due") and "`flask oauth2 deliver`" in said
        well.app.test_cli_runner().invoke(args=["oauth2", "deliver"])
        assert levels(examined(well), "undelivered_logouts") == []


def test_one_that_is_tried_again_later_is_not_overdue(well: Provider) -> None:
    outbox(well, "reader", tries=5, next_at=clock.now() + timedelta(hours=6))
    with later(hours=5):
        assert levels(examined(well), "undelivered_logouts") == []


def test_clients_that_could_not_be_told(well: Provider) -> None:
    outbox(well, "reader", tries=8, next_at=clock.now() - timedelta(days=1), failed_at=clock.now())
    assert levels(examined(well), "undelivered_logouts") == ["note"]
    assert "`backchannel_logout_uri` of reader" in told(examined(well), "undelivered_logouts")
    well.oauth2.disable_client(well.oauth2.get_client("reader"))
    assert levels(examined(well), "undelivered_logouts") == []


@pytest.mark.parametrize(
    ("uri", "is_private"),
    [
        ("https://10.0.0.7/out", True),
        ("https://[::1]/out", True),
        ("https://[fe80::1]/out", True),
        ("https://intranet/out", True),
        ("https://reader.internal:8443/out", True),
        ("https://LOCALHOST/out", True),
        ("https://1.1.1.1/out", False),
        ("https://reader.example/out", False),
        ("https://notlocal/out.example", True),
    ],
)
def test_an_address_that_is_never_asked(well: Provider, uri: str, is_private: bool) -> None:
    well.client(client_id="other", scopes=["openid"])
    well.client(client_id="reader", scopes=["openid"], **{BACK: uri})
    assert levels(examined(well), "private_logouts") == ["warn"] * is_private
    if is_private:
        host = uri.lower().split("/")[2].removesuffix(":8443").strip("[]")
        assert f'`OAUTH2_FETCH_PRIVATE_HOSTS = ["{host}"]`. (reader)' in told(examined(well), "private_logouts")
        allowed = configured(examined(well), {"OAUTH2_FETCH_PRIVATE_HOSTS": [host.upper()]})
        assert levels(allowed, "private_logouts") == []


def test_an_address_that_is_none_is_passed_over(well: Provider) -> None:
    well.client(client_id="reader", scopes=["openid"])
    model = well.oauth2.get_client("reader")
    model.client_metadata = {**model.client_metadata, BACK: "https://[broken"}
    well.db.session.flush()
    assert levels(examined(well), "private_logouts") == []
