"""Fixtures of the administrators' pages: ada may come, bob may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ...support import Client, Provider, picture, serving
from ..conftest import CONFIG


@pytest.fixture(scope="module", autouse=True)
def pages() -> Iterator[None]:
    """All pages are served."""
    with serving(admin=True):
        yield


@pytest.fixture
def provider(make: Callable[..., Provider]) -> Provider:
    """A provider called Meridian, where ada is an administrator."""
    provider = make(config=CONFIG)
    provider.oauth2.admin_required(lambda user: user.name == "ada")
    return provider


@pytest.fixture
def reader(provider: Provider) -> Client:
    """A confidential client that nobody has checked; bob owns it."""
    with provider.app.app_context():
        owner = provider.user("bob")
        return provider.client(client_id="reader", name="Reader", verified=False, owner=owner, logo=picture())
