"""Reading a request once: known names, none twice, none empty, UTF-8 (RFC 6749, 3.1 and 3.2)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import unquote_to_bytes, urlencode

from flask import Request, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from ..errors import ProtocolError
from ..reasons import Reason
from ..state import ServerState
from ..transport import current_request

_MOST_PAIRS = 200
_FORM = "application/x-www-form-urlencoded"

Pair = tuple[str, str]


class Parameters:
    """An ordered multi-dict of what an endpoint knows.

    :param pairs: names and values, in order.
    :param handles: keys of handles that the granting unit is to use up.
    :param authorization: the Authorization header, if client authentication may look at it.
    """

    def __init__(self, pairs: Iterable[Pair], handles: tuple[int, ...] = (), authorization: str | None = None) -> None:
        self._pairs = tuple(pairs)
        self._first = dict(reversed(self._pairs))
        self.handles = handles
        self.authorization = authorization

    def get(self, name: str) -> str | None:
        """The first value of *name*, or None."""
        return self._first.get(name)

    def getlist(self, name: str) -> list[str]:
        """All values of *name*."""
        return [value for key, value in self._pairs if key == name]

    def __contains__(self, name: object) -> bool:
        return name in self._first

    def __iter__(self) -> Iterator[Pair]:
        return iter(self._pairs)

    def without(self, *names: str) -> Parameters:
        """The same, but for *names*."""
        return Parameters((p for p in self._pairs if p[0] not in names), self.handles, self.authorization)

    def encoded(self) -> str:
        """As one urlencoded string."""
        return urlencode(self._pairs)

    def digest(self) -> str:
        """A digest of names and values; their order does not matter."""
        return hashlib.sha256(json.dumps(sorted(self._pairs)).encode()).hexdigest()

    def __repr__(self) -> str:
        return f"<Parameters {[key for key, _ in self._pairs]}>"


def parsed(raw: bytes) -> list[Pair]:
    """Split a urlencoded string.

    :raises ProtocolError: ``invalid_request`` if it is no UTF-8, holds NUL, or is too long.
    """
    pieces = [piece for piece in raw.split(b"&") if piece]
    if len(pieces) > _MOST_PAIRS:
        raise ProtocolError("invalid_request", "Too many parameters.", detail=Reason("unreadable"))
    pairs = []
    for piece in pieces:
        name, _, value = piece.partition(b"=")
        pairs.append((_decoded(name), _decoded(value)))
    return pairs


def _decoded(raw: bytes) -> str:
    try:
        text = (unquote_to_bytes(raw.replace(b"+", b" ")) if b"%" in raw or b"+" in raw else raw).decode("utf-8")
    except UnicodeDecodeError:
        raise ProtocolError("invalid_request", "A parameter is not UTF-8.", detail=Reason("unreadable")) from None
    if "\0" in text:
        raise ProtocolError("invalid_request", "A parameter contains NUL.", detail=Reason("unreadable"))
    return text


def known(server: ServerState, endpoint: str) -> dict[str, bool]:
    """The parameters that *endpoint* knows, and whether each may be repeated."""
    found = server.known_parameters.get(endpoint)
    if found is None:
        found = server.known_parameters[endpoint] = _known(server, endpoint)
    return found


def _known(server: ServerState, endpoint: str) -> dict[str, bool]:
    names, likes, authenticates = server.parameters[endpoint]
    result = dict(names)
    for like in likes:
        result.update(known(server, like))
    if authenticates:
        result["client_id"] = False
        for method in server.client_auths.values():
            result.update(dict.fromkeys(method.parameters, False))
    return result


def selected(server: ServerState, endpoint: str, pairs: Iterable[Pair]) -> Parameters:
    """What *endpoint* knows of *pairs*; empty ones count as absent.

    :raises ProtocolError: ``invalid_request`` if one is sent twice that may not be.
    """
    names = known(server, endpoint)
    chosen = [(name, value) for name, value in pairs if name in names and value != ""]
    g.oauth2server_sent = chosen  # for whoever looks into a refusal
    seen = set()
    for name, _ in chosen:
        if name in seen and not names[name]:
            twice = Reason("parameter_twice", parameter=name)
            raise ProtocolError("invalid_request", f"Parameter {name} appears twice.", detail=twice)
        seen.add(name)
    return Parameters(chosen)


def from_query(server: ServerState, endpoint: str) -> Parameters:
    """The parameters in the address."""
    return selected(server, endpoint, parsed(request.query_string))


def from_form(server: ServerState, endpoint: str) -> Parameters:
    """The parameters in the body, and nothing from the address.

    :raises ProtocolError: ``invalid_request`` if the body is no form, or the address holds some.
    """
    http = current_request()
    if http.mimetype != _FORM:
        wrong = Reason("content_type", sent=http.mimetype, expected=[_FORM])
        raise ProtocolError("invalid_request", f"Send the parameters as {_FORM}.", detail=wrong)
    parameters = selected(server, endpoint, parsed(_body(http)))
    if http.query_string:
        names = known(server, endpoint)
        if any(name in names for name, _ in parsed(http.query_string)):
            where = Reason("parameters_in_address")
            raise ProtocolError("invalid_request", "Send the parameters in the body, not in the address.", detail=where)
    parameters.authorization = http.headers.get("Authorization")
    return parameters


@contextmanager
def readable() -> Iterator[None]:
    """Refuse a body that cannot be read: every server has exceptions of its own for broken chunks."""
    try:
        yield
    except RequestEntityTooLarge:
        raise
    except Exception as error:
        unread = Reason("unreadable", repr(error))
        raise ProtocolError("invalid_request", "The body cannot be read.", detail=unread) from error


def has_field(name: str) -> bool:
    """Whether a form came that has a field *name*; the body stays to be read as it was sent."""
    with readable():
        request.get_data(cache=True, parse_form_data=False)
        return name in request.form


def _body(http: Request) -> bytes:
    with readable():
        raw = http.get_data(cache=True, parse_form_data=False)
    if raw or "form" not in vars(http):
        return raw
    # A hook of the host read the form first, which empties the stream.
    return urlencode(list(http.form.items(multi=True))).encode()
