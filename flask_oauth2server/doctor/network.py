"""The little that the doctor asks the network: one address at a time, bounded in time and size."""

from __future__ import annotations

import http.client
import json
import queue
import socket
import ssl
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_PATIENCE = 5.0  # seconds
_LARGEST = 65536
_RESOLVERS = 8
#: What ``getaddrinfo`` says of a name that is not there; anything else may be over in a minute.
_GONE = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


class Unreachable(OSError):  # noqa: N818 - it is the state, not a mistake
    """There was no answer; the message says why."""


@dataclass(frozen=True)
class Answer:
    """What an address answered.

    :ivar peer: the address that it was connected to.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    peer: str = ""
    members: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        try:
            members = json.loads(self.body)
        except ValueError:
            members = {}
        object.__setattr__(self, "members", members if isinstance(members, dict) else {})


def fetch(url: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
    """Ask *url* once. Redirects are answers like any other.

    :raises Unreachable: with the reason.
    """
    parts = urlsplit(url)
    context = ssl.create_default_context()
    connection = (
        http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=_PATIENCE, context=context)
        if parts.scheme == "https"
        else http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PATIENCE)
    )
    try:
        connection.request(method, parts.path or "/", headers={"Accept": "application/json", **(headers or {})})
        peer = connection.sock.getpeername()[0]
        response = connection.getresponse()
        body = _body(response)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable(str(error) or type(error).__name__) from error
    finally:
        connection.close()
    told = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, told, body, peer)


def _body(response: http.client.HTTPResponse) -> bytes:
    """The beginning of a body, as far as it came in time."""
    end, body = time.monotonic() + _PATIENCE, b""
    while len(body) < _LARGEST and time.monotonic() < end:
        part = response.read1(_LARGEST - len(body))
        if not part:
            break
        body += part
    return body


def gone(hosts: Collection[str]) -> set[str]:
    """Of some host names those that certainly have no address any more.

    A name that could not be asked for in time is left out: that says nothing of it.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for host in hosts:
        waiting.put(host)
    found: set[str] = set()
    # Daemons, because a resolver that hangs cannot be told to stop.
    threads = [threading.Thread(target=_resolve, args=(waiting, found), daemon=True) for _ in range(_RESOLVERS)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 2 * _PATIENCE
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return set(found)


def _resolve(waiting: queue.SimpleQueue[str], found: set[str]) -> None:
    while True:
        try:
            host = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            if isinstance(error, socket.gaierror) and error.errno in _GONE:
                found.add(host)
