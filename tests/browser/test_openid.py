"""OpenID Connect in a browser: pages that send themselves, and frames that tell of the end of a session."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from .visitor import Visitor, World
from .watch import wrongs

Seen = list[tuple[str, str, dict[str, list[str]]]]


@contextlib.contextmanager
def receiving() -> Iterator[tuple[str, Seen]]:
    """A client's server on loopback: its address, and method, path and parameters of what it was asked."""
    seen: Seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _answer(self, sent: str) -> None:
            path = urlsplit(self.path).path
            if path != "/favicon.ico":
                seen.append((self.command, path, parse_qs(sent)))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f"<!doctype html><title>x</title><h1>Received at {path}</h1>".encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def there() -> Iterator[tuple[str, Seen]]:
    with receiving() as found:
        yield found


def test_an_answer_is_posted_by_the_page_itself(
    world: World, visitor: Callable[..., Visitor], person: str, there: tuple[str, Seen]
) -> None:
    base, seen = there
    client = world.client(scopes=["openid"], redirect_uris=[f"{base}/cb"])
    somebody = visitor(person)
    somebody.visit(client.address(scope="openid", response_mode="form_post", state="a&b"))
    assert somebody.heading.startswith("Sign in to")
    assert wrongs(somebody.page) == []
    somebody.press("Allow")
    somebody.page.get_by_text("Received at /cb").wait_for()
    ((method, path, sent),) = seen
    assert (method, path, sent["state"]) == ("POST", "/cb", ["a&b"])
    assert client.exchange(sent["code"][0]).json["id_token"]


def test_without_scripts_it_has_a_button(
    world: World, visitor: Callable[..., Visitor], person: str, there: tuple[str, Seen]
) -> None:
    base, seen = there
    client = world.client(scopes=["openid"], redirect_uris=[f"{base}/cb"])
    somebody = visitor(person, java_script_enabled=False)
    somebody.visit(client.address(scope="openid", response_mode="form_post"))
    somebody.press("Allow")
    assert somebody.heading == "Taking you back to Reader"
    somebody.press("Continue")
    somebody.page.get_by_text("Received at /cb").wait_for()
    assert "code" in seen[0][2]


def test_signing_out_tells_clients_by_frames_and_goes_on(
    world: World, visitor: Callable[..., Visitor], person: str, there: tuple[str, Seen]
) -> None:
    base, seen = there
    uris = {"frontchannel_logout_uri": f"{base}/front", "post_logout_redirect_uris": [f"{base}/bye"]}
    client = world.client(scopes=["openid"], redirect_uris=[f"{base}/cb"], **uris)
    somebody = visitor(person)
    somebody.visit(client.address(scope="openid"))
    somebody.press("Allow")
    somebody.page.get_by_text("Received at /cb").wait_for()
    id_token = client.exchange(seen.pop()[2]["code"][0]).json["id_token"]
    sent = {"id_token_hint": id_token, "post_logout_redirect_uri": f"{base}/bye", "state": "s"}
    somebody.visit(f"/oauth/logout?{urlencode(sent)}")
    somebody.page.get_by_text("Received at /bye").wait_for()
    told = {path: parameters for _, path, parameters in seen}
    assert list(told) == ["/front", "/bye"]
    assert set(told["/front"]) == {"iss", "sid"}
    assert told["/bye"] == {"state": ["s"]}


def test_the_question_of_a_client_that_is_not_believed(
    world: World, visitor: Callable[..., Visitor], person: str
) -> None:
    somebody = visitor(person)
    somebody.visit("/oauth/logout?id_token_hint=forged&state=s")
    assert somebody.heading.startswith("Sign out of")
    assert wrongs(somebody.page) == []
    somebody.press("Sign out")
    somebody.page.get_by_text("You are signed out").first.wait_for()
    assert wrongs(somebody.page) == []
