"""The single-page app of the page "From an empty folder", at https addresses and without refresh tokens: it renews in a
frame, by ``prompt=none``."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from ..browser.conftest import CHROMIUM
from ..browser.visitor import launched
from ..conftest import close
from ..support import Provider, build
from .node import EXAMPLES
from .people import Ada, need_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: The provider, an app of the same site, and one of another site.
LOGIN, APP, OTHER = "https://login.shop.test", "https://app.shop.test", "https://app.other.test"


@contextmanager
def serving_https(app: Any) -> Iterator[int]:
    """*app* on this machine, with a certificate that nobody has signed; its port."""
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context="adhoc")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    need_browser()
    with launched(CHROMIUM, "--host-resolver-rules=MAP *.test 127.0.0.1") as browser:
        yield browser


@pytest.fixture(scope="module")
def provider(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A provider, with the address of its site."""
    with serving_https(lambda environ, start: provider.app(environ, start)) as port:
        config = {"OAUTH2_ISSUER": f"{LOGIN}:{port}", "SESSION_COOKIE_SAMESITE": "Lax"}
        provider = build(f"sqlite:///{tmp_path_factory.mktemp('served')}/x.sqlite", config=config)
        provider.oauth2.user_claims("name")(lambda user: {"name": user.name.title()})
        yield provider
        close(provider)


@pytest.fixture(scope="module")
def homes(
    provider: Provider, tmp_path_factory: pytest.TempPathFactory, node_modules: Callable[[str], Path]
) -> Iterator[dict[str, str]]:
    """The app as it is on the page but for the provider's address, at two addresses, registered for both."""
    folder = tmp_path_factory.mktemp("app") / "spa"
    shutil.copytree(EXAMPLES / "spa", folder, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "node_modules").symlink_to(node_modules("spa"))
    code = (folder / "app.js").read_text()
    assert code.count('"http://127.0.0.1:5000"') == 1
    (folder / "app.js").write_text(code.replace("http://127.0.0.1:5000", provider.app.config["OAUTH2_ISSUER"]))
    app = Flask("spa", static_folder=folder, static_url_path="")
    app.add_url_rule("/", "home", lambda: app.send_static_file("index.html"))
    app.add_url_rule("/favicon.ico", "favicon", lambda: ("", 204))
    with serving_https(app) as port:
        homes = {name: f"{name}:{port}/" for name in (APP, OTHER)}
        uris = [f"{home}{file}" for home in homes.values() for file in ("", "silent.html")]
        scopes = ["openid", "profile", "email", "notes"]
        provider.client(
            preset="spa", client_id="spa", redirect_uris=uris, scopes=scopes, grant_types=["authorization_code"]
        )
        yield homes


@pytest.fixture
def ada(browser: Browser, provider: Provider) -> Iterator[Ada]:
    """She has signed in at the provider."""
    ada = Ada(browser, ignore_https_errors=True)
    ada.page.goto(f"{provider.app.config['OAUTH2_ISSUER']}/login")
    ada.page.set_content('<form method="post"><input name="name" value="ada"><button>Go</button></form>')
    ada.press("Go")
    ada.page.wait_for_url("**/")
    yield ada
    ada.leaves()


def test_a_frame_of_the_same_site_renews(homes: dict[str, str], provider: Provider, ada: Ada) -> None:
    asked: list[str] = []
    ada.page.on("request", lambda request: asked.append(request.url))
    ada.page.goto(homes[APP])
    ada.press("Sign in")
    ada.press("Allow")
    ada.sees("Hello, Ada!")
    asked.clear()
    ada.press("Renew")
    assert ada.shown("renewed") == {"renewed": True, "sub": "1"}
    assert [url for url in asked if "/oauth/authorize?" in url and "prompt=none" in url]
    assert [url for url in asked if "/silent.html?code=" in url]

    ada.context.clear_cookies()  # signed out at the provider
    ada.press("Renew")
    assert ada.shown("error")["error"] == "login_required"


def test_a_frame_of_another_site_has_no_cookie(homes: dict[str, str], ada: Ada) -> None:
    ada.page.goto(homes[OTHER])
    ada.press("Sign in")
    ada.press("Allow")
    ada.sees("Hello, Ada!")
    ada.press("Renew")
    assert ada.shown("error")["error"] == "login_required"
