"""Ready code for the client's side, filled with a client's own values; its secret is read from the environment.

The code stands in text templates below ``admin/snippets/``, each value quoted for its language.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, unquote, unquote_plus, urlencode, urlsplit

from flask import render_template

from ...state import ServerState
from ...storage.clients import ClientInfo
from ...text import Sentence, _
from ...transport import endpoint_url

_BASIC, _POST, _NONE = "client_secret_basic", "client_secret_post", "none"
_LOOPBACK = re.compile(r"http://127\.0\.0\.1(?::[0-9]{1,5})?(/.*)?")


@dataclass(frozen=True)
class Part:
    """A piece of code that is copied as a whole.

    :ivar about: what is done before; may be empty.
    """

    name: str
    text: str
    about: str = ""


@dataclass(frozen=True)
class Snippet:
    """Code for one library.

    :ivar needs: what is installed before; may be empty.
    :ivar unfit: why there is none for this client; empty: there is.
    """

    name: str
    title: str
    needs: str = ""
    unfit: str = ""
    parts: Sequence[Part] = ()


@dataclass(frozen=True)
class Group:
    """What a client does, and the code for that."""

    title: str
    snippets: Sequence[Snippet]


class Facts(NamedTuple):
    """What code is filled with.

    :ivar basic_id: the client ID as HTTP Basic has it (RFC 6749, 2.3.1).
    :ivar ping_url: a view that any token opens; empty: there is none.
    :ivar redirect_uri: one that people return to; empty: none is registered. ``web_uri``: one of a web page.
    :ivar loopback_path: the path of one on the person's own computer, or None.
    :ivar plain: whether this server is reached by plain http.
    """

    client_id: str
    basic_id: str
    method: str
    requires_pkce: bool
    refreshes: bool
    scopes: list[str]
    issuer: str
    authorize_url: str
    token_url: str
    introspect_url: str
    ping_url: str
    redirect_uri: str
    web_uri: str
    loopback_path: str | None
    plain: bool

    @property
    def scope(self) -> str:
        """The scopes in one string."""
        return " ".join(self.scopes)

    @property
    def is_basic_plain(self) -> bool:
        """Whether a library may put the client ID into HTTP Basic as it is."""
        return unquote_plus(self.client_id) == self.client_id and ":" not in self.client_id


class _Kind(NamedTuple):
    """A library, the templates of its parts, and for whom there is no code."""

    name: str
    title: str
    templates: tuple[str, ...]
    needs: str = ""
    unfit: Callable[[Facts], str] | None = None


def _without_encoding(facts: Facts) -> str:
    if facts.method != _BASIC or facts.is_basic_plain:
        return ""
    return _(
        "It does not encode the client ID in HTTP Basic, which this one needs. Register it with client_secret_post."
    )


def _without_pkce(facts: Facts) -> str:
    if facts.requires_pkce:
        return _("It knows no PKCE, which this client requires. Take one of the others; they do.")
    if facts.method != _POST:
        return _("It sends the secret in the body, and this client is registered with client_secret_basic.")
    return ""


def _without_loopback(facts: Facts) -> str:
    if facts.loopback_path is not None:
        return ""
    return _("Register http://127.0.0.1/callback, where a program on the person's own computer can listen.")


_CURL = _Kind("curl", "curl", ("curl_address", "curl_code"))
_BROWSER = _Kind("browser", Sentence("JavaScript in the browser, without a library"), ("browser",))
_DEVICE = _Kind("device", Sentence("Python on a desktop, without a library"), ("device",), unfit=_without_loopback)
_WEB = (
    _Kind("requests-oauthlib", "requests-oauthlib", ("requests_oauthlib",), "flask requests-oauthlib"),
    _Kind("authlib", "Authlib", ("authlib",), "flask requests authlib", _without_encoding),
    _Kind("flask-oauthlib", "flask-oauthlib", ("flask_oauthlib",), "flask-oauthlib-invenio", _without_pkce),
)
_SERVICE = (
    _Kind("curl-service", "curl", ("curl_service",)),
    _Kind("requests-oauthlib-service", "requests-oauthlib", ("requests_oauthlib_service",), "requests-oauthlib"),
    _Kind("authlib-service", "Authlib", ("authlib_service",), "requests authlib", _without_encoding),
)
_INTROSPECTION = (
    _Kind("curl-introspect", "curl", ("curl_introspect",)),
    _Kind("requests-introspect", "requests", ("requests_introspect",), "requests"),
)
#: What is to be done before a part.
_ABOUT = {
    "curl_address": Sentence("Open the address that it prints, sign in and press Allow."),
    "curl_code": Sentence(
        "The browser is sent to the redirect URI. If the state in that address is $state, put its code here."
    ),
}


def snippets(server: ServerState, client: ClientInfo, scopes: Sequence[str]) -> list[Group]:
    """All code that fits *client*; nothing where it authenticates by what there is no code for.

    :param scopes: what it asks for.
    :raises IssuerUnknown: if nobody says where this server is.
    """
    if client.auth_method not in (_BASIC, _POST, _NONE):
        return []
    facts = _facts(server, client, scopes)
    groups = (
        (_("People sign in"), _sign_in(server, client, facts)),
        (_("In its own name"), _SERVICE if _is_service(server, client) else ()),
        (_("Is a token good?"), _INTROSPECTION if facts.introspect_url and _asks(client) else ()),
    )
    return [Group(title, [_snippet(kind, facts) for kind in kinds]) for title, kinds in groups if kinds]


def _sign_in(server: ServerState, client: ClientInfo, facts: Facts) -> Sequence[_Kind]:
    if not (facts.redirect_uri and "code" in client.response_types and "code" in server.response_types):
        return ()
    if client.is_confidential:
        return (_CURL, *(_WEB if facts.web_uri else ()))
    if client.metadata.get("application_type") == "native":
        return (_DEVICE, _CURL)
    return (*((_BROWSER,) if facts.web_uri else ()), *((_DEVICE,) if facts.loopback_path is not None else ()), _CURL)


def _is_service(server: ServerState, client: ClientInfo) -> bool:
    return client.is_confidential and "client_credentials" in {*client.grant_types} & {*server.grants}


def _asks(client: ClientInfo) -> bool:
    """Whether it is one that asks about tokens; any confidential one may ask about its own."""
    return client.is_confidential and (client.may_introspect or not client.grant_types)


def _facts(server: ServerState, client: ClientInfo, scopes: Sequence[str]) -> Facts:
    issuer, served = server.issuer(), {route.name for route in server.routes}

    def url(name: str) -> str:
        return endpoint_url(issuer, f"oauth2server.{name}") if name in served else ""

    uris = client.redirect_uris
    web = next((uri for uri in uris if uri.startswith(("https://", "http://"))), "")
    loopback = next((found for uri in uris if (found := _LOOPBACK.fullmatch(uri))), None)
    return Facts(
        client_id=client.client_id,
        basic_id=quote(client.client_id, safe=""),
        method=client.auth_method,
        requires_pkce=client.requires_pkce,
        refreshes="refresh_token" in {*client.grant_types} & {*server.grants},
        scopes=list(scopes),
        issuer=issuer,
        authorize_url=url("authorize"),
        token_url=url("access_token"),
        introspect_url=url("introspect"),
        ping_url=url("ping"),
        redirect_uri=web or next(iter(uris), ""),
        web_uri=web,
        loopback_path=None if loopback is None else loopback[1] or "",
        plain=issuer.startswith("http:"),
    )


def _snippet(kind: _Kind, facts: Facts) -> Snippet:
    unfit = kind.unfit(facts) if kind.unfit is not None else ""
    parts = [] if unfit else [Part(name, _written(name, facts), _about(name)) for name in kind.templates]
    return Snippet(kind.name, _(kind.title), kind.needs, unfit, parts)


def _about(name: str) -> str:
    return _(_ABOUT[name]) if name in _ABOUT else ""


def _written(name: str, facts: Facts) -> str:
    callback = unquote(urlsplit(facts.web_uri).path) or "/"
    sent = {"client_id": facts.client_id, "redirect_uri": facts.redirect_uri, "scope": facts.scope}
    text = render_template(
        f"oauth2server/admin/snippets/{name}.txt",
        **facts._asdict(),
        scope=facts.scope,
        address=f"{facts.authorize_url}?{urlencode({'response_type': 'code', **sent})}",
        callback_path=callback,
        login_path="/login" if callback != "/login" else "/sign-in",
        py=_python,
        sh=shlex.quote,
        js=_javascript,
    )
    return f"{text.strip()}\n"


def _python(value: str | list[str]) -> str:
    """A string or list of strings of Python."""
    if isinstance(value, list):
        return f"[{', '.join(map(_python, value))}]"
    return json.dumps(value) if value.isascii() else ascii(value)


def _javascript(value: str) -> str:
    """A string of JavaScript, which ends no script of a page either."""
    return json.dumps(value).replace("<", "\\u003c")
