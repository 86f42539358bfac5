"""Values of tokens, and secrets."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_oauth2server.domain import secrets, tokens
from flask_oauth2server.domain.tokens import ALPHABET, Values
from flask_oauth2server.errors import ConfigurationError
from flask_oauth2server.scopes import Scope, ScopeRegistry

KINDS = [tokens.ACCESS, tokens.REFRESH, tokens.PERSONAL, tokens.SECRET, tokens.CODE]


def test_chance() -> None:
    assert tokens.RANDOM_LENGTH * math.log2(len(ALPHABET)) >= 256
    made = [tokens.random_text() for _ in range(2000)]
    assert len(set(made)) == 2000
    seen = "".join(made)
    for character in ALPHABET:  # 86,000 characters, 1,387 of each expected; ten deviations are 370
        assert 1000 < seen.count(character) < 1800


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_tells_its_kind(kind: str) -> None:
    values = Values("o2")
    value = values.make(kind)
    assert values.is_kind(value, kind)
    assert not any(values.is_kind(value, other) for other in KINDS if other != kind)


def test_a_short_length_is_not_followed() -> None:
    assert len(Values("o2").make("a", 5)) == len(Values("o2").make("a"))


def test_former_prefixes_are_accepted() -> None:
    value = Values("old").make("a")
    assert not Values("new").is_kind(value, "a")
    assert Values("new", ["old"]).is_kind(value, "a")


@given(st.integers(0, 52), st.sampled_from(ALPHABET))
def test_a_changed_character_is_seen(position: int, character: str) -> None:
    value = Values("o2").make("a")
    changed = value[:position] + character + value[position + 1 :]
    assert Values("o2").is_kind(changed, "a") is (changed == value)


@given(st.text(max_size=600))
def test_garbage_is_no_value(text: str) -> None:
    assert not Values("o2").is_kind(text, *KINDS)


@pytest.mark.parametrize("prefix", ["", "a_b", "ü", "a b", "x" * 21])
def test_prefixes_that_are_none(prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="OAUTH2_TOKEN_PREFIX"):
        Values(prefix)


@pytest.mark.parametrize("secret", ["short", "x" * 42, "x" * 43, "x" * 1024, "ü" * 20])
def test_secrets_are_recognised(secret: str) -> None:
    stored = secrets.SecretInfo(1, secrets.hashed(secret), None)
    other = secrets.SecretInfo(2, secrets.hashed("other"), None)
    assert secrets.matching(secret, [other, stored]) is stored
    assert secrets.matching(secret, [other]) is None
    assert secrets.matching(secret, []) is None
    assert secrets.matching(secret + "\0", [stored]) is None


@pytest.mark.parametrize("secret", ["", "\0", "x\0", "x" * 1025])
def test_what_is_no_secret(secret: str) -> None:
    assert not secrets.is_storable(secret)
    assert secrets.matching(secret, [secrets.SecretInfo(1, "", None)]) is None


def test_a_digest_cannot_be_used_as_a_secret() -> None:
    digest = secrets.hashed("x" * 50)
    assert secrets.matching(digest, [secrets.SecretInfo(1, digest, None)]) is None


@pytest.mark.parametrize("id_", ["", "a b", 'a"', "a\\", "ü", "a\n", None, 5, "x" * 256])
def test_what_is_no_scope(id_: object) -> None:
    with pytest.raises(ConfigurationError, match="is not a scope"):
        Scope(id_)  # type: ignore[arg-type]


def test_the_registry_of_scopes() -> None:
    shared = ScopeRegistry()
    shared.register(Scope("a", "A", "Group"))
    shared.register(Scope("b", internal=True, default=True))
    own = ScopeRegistry(shared)
    own.register(Scope("c", default=True, optional=True))
    own.register(Scope("a", "Another A"))
    assert [scope.id for scope in own] == ["b", "c", "a"]
    assert own.get("a").help_text == "Another A"  # type: ignore[union-attr]
    assert [id_ for id_, _ in own.choices()] == ["c", "a"]
    assert [id_ for id_, _ in own.choices(exclude_internal=False)] == ["b", "c", "a"]
    assert own.defaults(["a", "b", "c", "unknown"]) == ["b", "c"]
    assert "c" not in shared
    assert own.validated(["c", "a", "c"]) == ["c", "a"]
    assert repr(own.get("c")) == "<Scope c>"
    with pytest.raises(ConfigurationError, match="takes a Scope"):
        own.register("x")  # type: ignore[arg-type]
