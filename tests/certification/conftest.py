"""Fixtures: one provider that offers all that the modules ask of, as the certification has it, and relying parties."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ..conftest import close
from ..support import Provider, build
from .profiles import Profile
from .relying_party import RelyingParty

Register = Callable[..., RelyingParty]

CONFIG = {
    "OAUTH2_ENABLE_IMPLICIT": True,
    "OAUTH2_ENABLE_HYBRID": True,
    "OAUTH2_ACR_VALUES": ["pwd"],
    "OAUTH2_FETCH_PRIVATE_HOSTS": ["127.0.0.1"],
}
#: All standard claims (OpenID Connect Core, 5.1) of everybody, with the scope that asks for each.
PERSON: dict[str, dict[str, Any]] = {
    "profile": {
        "name": "Ada Lovelace",
        "family_name": "Lovelace",
        "given_name": "Ada",
        "middle_name": "Augusta",
        "nickname": "Ada",
        "preferred_username": "ada",
        "profile": "https://people.example/ada",
        "picture": "https://people.example/ada.png",
        "website": "https://ada.example/",
        "gender": "female",
        "birthdate": "1815-12-10",
        "zoneinfo": "Europe/London",
        "locale": "en-GB",
        "updated_at": 1751364000,
    },
    "email": {"email": "ada@example.org", "email_verified": True},
    "address": {"address": {"formatted": "12 St James's Square\nLondon", "country": "GB"}},
    "phone": {"phone_number": "+44 20 7946 0000", "phone_number_verified": False},
}


def furnished(provider: Provider) -> Provider:
    """The host knows everything of its people, and how they have signed in."""
    everything = {name: value for claims in PERSON.values() for name, value in claims.items()}
    provider.oauth2.user_claims(lambda _user: everything)
    provider.oauth2.authentication_context(lambda user: ("pwd", ["pwd"]) if user else None)
    return provider


@pytest.fixture(scope="package")
def op(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The provider under test: one for all modules."""
    path = tmp_path_factory.mktemp("certification")
    provider = furnished(build(f"sqlite:///{path}/provider.sqlite", config=CONFIG))
    yield provider
    close(provider)


@pytest.fixture
def register(op: Provider, profile: Profile) -> Register:
    """Registers a relying party for the profile, with further metadata."""
    return lambda **metadata: RelyingParty(op, profile, **metadata)


@pytest.fixture
def rp(register: Register) -> RelyingParty:
    """A relying party that has registered nothing in particular."""
    return register()
