"""One target for all that is thrown at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..conftest import close
from ..support import build
from .target import Target


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A provider with everything switched on."""
    config = {
        "OAUTH2_ENABLE_IMPLICIT": True,
        "OAUTH2_ENABLE_QUERY_TOKEN": True,
        "OAUTH2_CODE_EXPIRES_IN": 600,
        "OAUTH2_PURGE_INTERVAL": 1,
    }
    provider = build(f"sqlite:///{tmp_path_factory.mktemp('fuzz')}/provider.sqlite", config=config)
    made = Target(provider)
    yield made
    close(provider)
