"""Fixtures of the pages: a provider that is called Meridian."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from ..conftest import close
from ..support import Provider, build, serving

CONFIG = {"OAUTH2_PROVIDER_NAME": "Meridian"}
#: Modules that look at every page.
EVERY_PAGE = ("test_pages", "test_translations")


@pytest.fixture(scope="module", autouse=True)
def pages(request: pytest.FixtureRequest) -> Iterator[None]:
    """All pages are served that a module looks at."""
    with serving(admin=request.path.stem in EVERY_PAGE):
        yield


@pytest.fixture
def provider(make: Callable[..., Provider]) -> Provider:
    """A provider on SQLite, called Meridian."""
    return make(config=CONFIG)


@pytest.fixture
def keeping(make: Callable[..., Provider]) -> Provider:
    """The same behind a proxy; it keeps addresses and devices."""
    return behind_a_proxy(make(config={**CONFIG, "OAUTH2_KEEP_ADDRESSES": True}))


@pytest.fixture
def any_keeping(any_database: str) -> Iterator[Provider]:
    """The same on each database in turn."""
    provider = behind_a_proxy(build(any_database, config={**CONFIG, "OAUTH2_KEEP_ADDRESSES": True}))
    yield provider
    close(provider)


def behind_a_proxy(provider: Provider) -> Provider:
    """Let the provider believe what one proxy says of addresses."""
    provider.app.wsgi_app = ProxyFix(provider.app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    return provider
