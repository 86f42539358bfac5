"""Addresses that strangers name: no private machine is asked, and no answer takes for ever."""

from __future__ import annotations

import re
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_oauth2server import fetch
from flask_oauth2server.fetch import Fetcher, Unfetchable, is_public

PRIVATE = """
    127.0.0.1
    127.8.8.8 0.0.0.0 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 192.0.2.1 198.18.0.1 224.0.0.1
    240.0.0.1
    255.255.255.255 ::1 :: fe80::1 fe80::1%eth0 fc00::1 fd12::1 ff02::1 2001:db8::1 ::ffff:127.0.0.1
    ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a00:1 2002:7f00:1:: 2002:a9fe:a9fe:: fec0::1
"""


@pytest.mark.parametrize("address", PRIVATE.split())
def test_what_is_not_of_the_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_what_is(address: str) -> None:
    assert is_public(address)


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say what a name stands for."""

    def resolve(*addresses: str) -> None:
        places = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]
        monkeypatch.setattr(fetch, "socket", _Socket(lambda *_, **__: places))

    return resolve


class _Socket:
    """The module, for this one alone: others go on resolving."""

    def __init__(self, getaddrinfo: Any) -> None:
        self.getaddrinfo = getaddrinfo
        self.connected: list[Any] = []

    def create_connection(self, address: Any, timeout: float) -> Any:
        self.connected.append(address)
        raise OSError("nobody may be asked in this test")

    def __getattr__(self, name: str) -> Any:
        return getattr(socket, name)


@pytest.mark.parametrize(
    "addresses", [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["169.254.169.254"], ["::ffff:127.0.0.1"], []]
)
def test_a_name_that_stands_for_a_private_machine(resolved: Callable[..., None], addresses: list[str]) -> None:
    resolved(*addresses)
    with pytest.raises(Unfetchable, match=r"is no public machine|has no address"):
        Fetcher().get("https://client.example/")
    assert fetch.socket.connected == []  # type: ignore[attr-defined]


def test_what_was_judged_is_what_is_connected_to(resolved: Callable[..., None]) -> None:
    resolved("93.184.216.34")
    with pytest.raises(Unfetchable, match="did not answer"):
        Fetcher().get("https://client.example:8443/")
    assert fetch.socket.connected == [("93.184.216.34", 8443)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "url",
    [
        "http://93.184.216.34/",
        "ftp://client.example/",
        "file:///etc/passwd",
        "https://user:password@client.example/",
        "https:///path",
        "https://[::1/",
        "https://client.example:port/",
        "client.example",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://localhost/",
    ],
)
def test_addresses_that_are_not_asked(url: str) -> None:
    with pytest.raises(Unfetchable):
        Fetcher().get(url)


# --- a machine that answers in odd ways --------------------------------------------------------------


def _whole(connection: socket.socket) -> bytes:
    """What was asked, which may come in pieces; less where it is none of HTTP."""
    asked = b""
    while piece := connection.recv(65536):
        asked += piece
        head, end, body = asked.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        if end and len(body) >= (int(length[1]) if length else 0):
            break
    return asked


class Odd:
    """A server that says what the test wants, byte by byte; and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.says: Callable[[socket.socket], None] = lambda _: None
        odd = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                odd.asked.append(_whole(self.request))
                odd.says(self.request)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/logout?a=b"

    def answers(self, *parts: bytes, pause: float = 0.0) -> None:
        def say(connection: socket.socket) -> None:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)

        self.says = say


@pytest.fixture
def odd() -> Iterator[Odd]:
    found = Odd()
    yield found
    found.server.shutdown()
    found.server.server_close()


LOCAL = Fetcher(["127.0.0.1"])


def test_a_form_is_posted(odd: Odd) -> None:
    odd.answers(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\nok")
    assert LOCAL.post(odd.url, {"logout_token": "a b&c"}) == (200, "text/plain", b"ok")
    (asked,) = odd.asked
    assert asked.startswith(b"POST /logout?a=b HTTP/1.1\r\n")
    assert b"Content-Type: application/x-www-form-urlencoded\r\n" in asked
    assert asked.endswith(b"\r\n\r\nlogout_token=a+b%26c")


def test_redirects_are_not_followed(odd: Odd) -> None:
    odd.answers(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")
    assert LOCAL.get(odd.url).status == 302
    assert len(odd.asked) == 1


@pytest.mark.parametrize("length", [b"", b"Content-Length: 10000000\r\n"])
def test_an_answer_may_be_so_large(odd: Odd, length: bytes) -> None:
    odd.answers(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n", b"x" * (fetch.LARGEST + 100))
    with pytest.raises(Unfetchable, match=r"more than 65536 bytes"):
        LOCAL.get(odd.url)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-", b"", b"HTTP"])
def test_what_drips_in_is_given_up(odd: Odd, head: bytes) -> None:
    odd.answers(head, *[b"x"] * 200, pause=0.05)
    began = time.monotonic()
    with pytest.raises(Unfetchable):  # also where what was cut off looks like an answer that ends there
        LOCAL.get(odd.url, patience=0.3)
    assert time.monotonic() - began < 3


def test_a_line_that_stands_too_late_is_given_up(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who shakes hands as slowly as they may would be past the alarm, which rings once, and drip for days."""
    odd.answers(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x"] * 100, pause=0.1)

    def slowly(_self: Any, sock: Any, server_hostname: str) -> Any:
        patience = sock.gettimeout()
        other = socket.socket(fileno=sock.detach())  # as TLS does: what the alarm knows of is no more
        other.settimeout(patience)
        time.sleep(0.5)
        return other

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", slowly)
    began = time.monotonic()
    with pytest.raises(Unfetchable):
        LOCAL.get(odd.url.replace("http:", "https:"), patience=0.3)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("said", [b"nonsense\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"", b"\0" * 100])
def test_nonsense_is_no_answer(odd: Odd, said: bytes) -> None:
    odd.answers(said)
    with pytest.raises(Unfetchable, match=r"127\.0\.0\.1 did not answer"):
        LOCAL.get(odd.url, patience=1)


def test_nobody_is_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unfetchable, match="did not answer"):
        LOCAL.get(f"http://127.0.0.1:{port}/")


def test_certificates_are_looked_at(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name that was asked for is the one that the certificate has to have."""
    named: list[str] = []

    def wrap(_self: Any, sock: Any, server_hostname: str) -> Any:
        named.append(server_hostname)
        raise ssl.SSLCertVerificationError("not this name")

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", wrap)
    with pytest.raises(Unfetchable, match="not this name"):
        LOCAL.get(odd.url.replace("http:", "https:"))
    assert named == ["127.0.0.1"]
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED
