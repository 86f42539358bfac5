"""Fixtures of the administrators' pages: ada may come, bob may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ...support import Provider
from ..conftest import CONFIG


@pytest.fixture
def provider(make: Callable[..., Provider]) -> Provider:
    """A provider called Meridian, where ada is an administrator."""
    provider = make(config=CONFIG)
    provider.oauth2.admin_required(lambda user: user.name == "ada")
    return provider
