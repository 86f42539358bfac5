"""Redirect URIs: what may be registered, and whether one sent is one registered.

They are compared as strings: a parser drops what makes two of them different.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from ..text import Sentence

_LONGEST = 2000
_CHARACTERS = re.compile(r"[\x21\x24-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:]+\]")
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+")
#: Parameters of answers, which a registered query would double.
_ANSWERS = frozenset(("code", "state", "iss", "error", "error_description", "access_token", "id_token", "response"))
_LOCAL_HTTP = ("127.0.0.1", "[::1]", "localhost")


class _Loopback(NamedTuple):
    host: str
    port: str
    rest: str


def check(uri: object, *, native: bool) -> None:
    """Refuse what may not be registered (RFC 6749, 3.1.2; RFC 8252, 7; RFC 9700, 2.1).

    :param native: whether the client is an app on a device, which may use a private-use scheme.
    :raises ValueError: with a sentence that names the remedy.
    """
    if not isinstance(uri, str) or not uri:
        raise _refusal("a redirect URI is a string that is not empty.")
    if "#" in uri:
        raise _refusal("remove everything from the # on. A redirect URI cannot have a fragment.")
    if len(uri) > _LONGEST or not _CHARACTERS.fullmatch(uri):
        raise _refusal("use at most 2000 ASCII characters, percent-encoding the others.")
    if not _ANSWERS.isdisjoint(name for name, _ in parse_qsl(uri.partition("?")[2], keep_blank_values=True)):
        raise _refusal("its query has a parameter that is the answer's, such as code or state.")
    scheme, colon, rest = uri.partition(":")
    if not colon or not rest:
        raise _refusal("this is not a whole address. Write it with https:// and a host name.")
    if scheme in ("https", "http"):
        _check_web(uri)
    elif not _PRIVATE_SCHEME.fullmatch(scheme):
        raise _refusal(
            "addresses that start with %(scheme)s: are not accepted. A private-use scheme is a reversed domain name "
            "of yours, such as com.example.app:/callback.",
            scheme=scheme[:40],
        )
    elif "@" in rest:
        raise _refusal("leave the @ out.")
    elif not native:
        raise _refusal('a private-use scheme needs application_type "native".')


def _refusal(message: str, **variables: object) -> ValueError:
    return ValueError(Sentence(message, **variables))


def _check_web(uri: str) -> None:
    whole = "this is not a whole address. Write it with https:// and a host name."
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        raise _refusal(whole) from None
    if not uri.startswith(f"{parts.scheme}://") or "@" in parts.netloc or not parts.hostname:
        raise _refusal(whole)
    host, port = _host_and_port(parts.netloc)
    if not _HOST.fullmatch(host) or (port and not port.isdigit()) or parts.netloc.endswith(":"):
        raise _refusal("write the host name in small letters, without wildcards.")
    if parts.scheme == "http" and host not in _LOCAL_HTTP:
        raise _refusal(
            "%(uri)s must start with https. Plain http is accepted only for 127.0.0.1, [::1] and localhost.",
            uri=uri[:200],
        )


def _host_and_port(netloc: str) -> tuple[str, str]:
    if netloc.startswith("["):
        host, _, port = netloc.partition("]")
        return f"{host}]", port.removeprefix(":")
    host, _, port = netloc.partition(":")
    return host, port


def matches(sent: str, registered: Collection[str], loopback_hosts: Collection[str] = ()) -> bool:
    """Whether *sent* is registered: the same string, or on loopback the same but for the port.

    :param loopback_hosts: further host names that count as loopback (RFC 8252, 7.3).
    """
    if sent in registered:
        return True
    mine = _loopback(sent, loopback_hosts)
    if mine is None or (mine.port and not 0 < int(mine.port) < 65536):
        return False
    return any(
        theirs is not None and theirs.host == mine.host and theirs.rest == mine.rest
        for theirs in (_loopback(uri, loopback_hosts) for uri in registered)
    )


def _loopback(uri: str, further: Collection[str]) -> _Loopback | None:
    hosts = "|".join(re.escape(host) for host in ("127.0.0.1", "[::1]", *further))
    found = re.fullmatch(rf"http://({hosts})(?::([0-9]{{1,5}}))?((?:[/?].*)?)", uri)
    return _Loopback(found[1], found[2] or "", found[3]) if found else None


def is_native(uri: str, loopback_hosts: Collection[str] = ()) -> bool:
    """Whether anybody's program on the device could receive the answer (RFC 8252, 8.6)."""
    return not uri.startswith(("https://", "http://")) or is_loopback(uri, loopback_hosts)


def is_loopback(uri: str, further: Collection[str] = ()) -> bool:
    """Whether the answer goes to a program on the person's computer."""
    return _loopback(uri, {*further, "localhost"}) is not None


def is_any_port(uri: str, loopback_hosts: Collection[str] = ()) -> bool:
    """Whether a registered *uri* matches on any port (RFC 8252, 7.3)."""
    return _loopback(uri, loopback_hosts) is not None


def host(uri: str) -> str:
    """Where the answer goes, for people: the host name, or the scheme of a private-use one."""
    if uri.startswith(("https://", "http://")):
        return _host_and_port(urlsplit(uri).netloc)[0]
    return uri.partition(":")[0]


def port(uri: str) -> str:
    """The port in a web address, or an empty string."""
    return _host_and_port(urlsplit(uri).netloc)[1]
