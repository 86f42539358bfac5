"""Ask an address that a stranger has named: public machines alone, by TLS, without redirects, bounded in time and size.

What a name stands for is looked up once, judged, and connected to as it was judged, so that it cannot become another
machine in between.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from .errors import OAuth2ServerError

#: Seconds that one request takes at most, looking up the name among them twice as long.
PATIENCE = 5.0
#: Bytes of an answer that are read at most.
LARGEST = 65536

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Unfetchable(OAuth2ServerError):  # noqa: N818 - it is the state, not a mistake
    """There was no answer that could be used, or the address may not be asked; the message says why."""


class Answer(NamedTuple):
    """What an address answered."""

    status: int
    content_type: str
    body: bytes


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet's, and not of this machine, this network, or nobody."""
    found: Any = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inside = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1])
        if inside is None and found in _NAT64:
            inside = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        found = inside or found
    is_old_private = getattr(found, "is_site_local", False)  # fec0::/10, which RFC 3879 has given up
    return bool(found.is_global and not (found.is_multicast or found.is_reserved or is_old_private))


class Fetcher:
    """Asks addresses.

    :param private_hosts: names of hosts that may be private, and be asked by plain http.
    """

    def __init__(self, private_hosts: Collection[str] = ()) -> None:
        self._private_hosts = {host.lower() for host in private_hosts}

    def post(self, url: str, form: Mapping[str, str], patience: float = PATIENCE) -> Answer:
        """Post a form.

        :raises Unfetchable: if there is no answer.
        """
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", url, urlencode(form).encode(), headers, patience)

    def get(self, url: str, accept: str = "application/json", patience: float = PATIENCE) -> Answer:
        """Get a document.

        :raises Unfetchable: if there is no answer.
        """
        return self._ask("GET", url, None, {"Accept": accept}, patience)

    def _ask(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], patience: float) -> Answer:
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError as error:
            raise Unfetchable(f"{url[:200]!r} is no address") from error
        is_private = host in self._private_hosts
        if (
            not host
            or parts.username is not None
            or parts.scheme not in (("https", "http") if is_private else ("https",))
        ):
            raise Unfetchable(f"{url[:200]!r} is no https address")
        port = port or (443 if parts.scheme == "https" else 80)
        address = _address(host, port, is_private, patience)
        connection = _Pinned(host, port, address, patience, parts.scheme == "https")
        # What drips in byte by byte is never too late for a socket: the whole is ended from outside.
        alarm = threading.Timer(patience, connection.hang_up)
        alarm.daemon = True
        alarm.start()
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body, {"User-Agent": "Flask-OAuth2Server", **headers})
            response = connection.getresponse()
            content = response.read(LARGEST + 1)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unfetchable(f"{host} did not answer: {error or type(error).__name__}") from error
        finally:
            alarm.cancel()
            connection.close()
        if connection.is_late:
            raise Unfetchable(f"{host} took longer than {patience} seconds")
        if len(content) > LARGEST:
            raise Unfetchable(f"{host} answered more than {LARGEST} bytes")
        return Answer(response.status, response.headers.get_content_type(), content)


class _Pinned(http.client.HTTPConnection):
    """A connection to the address that was judged, under the name that was asked for."""

    def __init__(self, host: str, port: int, address: str, patience: float, tls: bool) -> None:
        super().__init__(host, port, timeout=patience)
        self._address = address
        self._tls = tls
        self._line: socket.socket | None = None
        #: What was read then may be the beginning of an answer only.
        self.is_late = False

    def connect(self) -> None:
        self.sock = self._line = socket.create_connection((self._address, self.port), self.timeout)
        if self._tls:
            self.sock = self._line = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)
        if self.is_late:  # the alarm rang while there was no line to hang up, and rings once
            raise TimeoutError("it was too long until the line stood")

    def hang_up(self) -> None:
        self.is_late = True
        with suppress(OSError):  # it may be over at this moment
            if self._line is not None:
                # The socket's own: that of TLS takes away what another thread reads from.
                socket.socket.shutdown(self._line, socket.SHUT_RDWR)


def _address(host: str, port: int, is_private: bool, patience: float) -> str:
    """The address of *host*, all of whose addresses have to be public.

    :raises Unfetchable: if it has none, or they are not.
    """
    found: list[str] = []
    # A resolver that hangs cannot be told to stop; a daemon is left behind.
    looking = threading.Thread(target=_look_up, args=(host, port, found), daemon=True)
    looking.start()
    looking.join(patience)
    addresses = list(found)
    if not addresses:
        raise Unfetchable(f"{host} has no address")
    if not is_private and not all(is_public(address) for address in addresses):
        raise Unfetchable(f"{host} is no public machine")
    return addresses[0]


def _look_up(host: str, port: int, found: list[str]) -> None:
    with suppress(OSError, UnicodeError):  # there is none, which is what an empty list says
        found += [str(place[0]) for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
