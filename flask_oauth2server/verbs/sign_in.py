"""What the host's own login page may want to know of the request that has brought somebody there."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from flask import url_for

from ..errors import ProtocolError
from ..oauth import parameters
from ..storage.clients import ClientInfo
from .base import Base


class SignInRequest(NamedTuple):
    """Why somebody is to sign in (OpenID Connect Core, 3.1.2.1). All but the client is what a stranger may have typed:
    something to fill a form in with, and never to believe.

    :ivar client: the client that they come from: ``name``, ``client_id``, ``metadata``.
    :ivar login_hint: who the client thinks that they are, such as an e-mail address; or None.
    :ivar ui_locales: languages that they would like, the best first (BCP 47).
    :ivar display: how the client would like pages to be shown: ``page``, ``popup``, ``touch``, ``wap``; or None.
    :ivar prompt: what the client insists on: ``login``, ``create``, ...
    :ivar acr_values: classes of authentication that it would like, the best first.
    """

    client: ClientInfo
    login_hint: str | None
    ui_locales: list[str]
    display: str | None
    prompt: list[str]
    acr_values: list[str]


class SignInVerbs(Base):
    """What may be asked while somebody signs in."""

    def sign_in_request(self, next_url: str | None) -> SignInRequest | None:
        """What the login page was opened for.

        :param next_url: where it will lead, as in ``request.args.get("next")``.
        :returns: None if that is no authorization request, or one of no client that is known and enabled.
        """
        names = parameters.known(self._server, "authorize")
        try:
            parts = urlsplit(next_url or "")
            pairs = parameters.parsed(parts.query.encode(errors="surrogatepass"))
        except (ValueError, ProtocolError):
            return None
        if parts.scheme or parts.netloc or parts.path != url_for("oauth2server.authorize"):
            return None
        sent = {name: value for name, value in pairs if name in names and value}
        client = self._server.storage.clients.info(sent.get("client_id", ""))
        if client is None or client.disabled:
            return None
        words = {name: sent.get(name, "").split() for name in ("ui_locales", "prompt", "acr_values")}
        return SignInRequest(client, login_hint=sent.get("login_hint"), display=sent.get("display"), **words)
