"""OpenID Connect RP-Initiated, Back-Channel and Front-Channel Logout 1.0: a client sends a person here to sign out, and
maybe back again; all clients of a session learn that it has ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import click
from flask import Response, current_app, make_response, redirect
from flask import request as http
from flask.cli import with_appcontext
from flask_login import logout_user
from flask_wtf.csrf import ValidationError, validate_csrf

from .. import jose
from ..domain import addresses, logouts, redirect_uris, sessions
from ..domain.id_tokens import Hint
from ..domain.logouts import Audience, Logouts
from ..errors import IssuerUnknown, OAuth2ServerError, PageError
from ..oauth import afterwards, interaction, parameters, responses
from ..oauth.parameters import Parameters
from ..reasons import Reason
from ..state import ServerState
from ..storage.clients import ClientInfo
from ..text import Sentence
from ..transport import endpoint_url

log = logging.getLogger(__name__)

DEFAULTS = {
    #: Serve the logout endpoint, where there is OpenID Connect.
    "OAUTH2_ENABLE_LOGOUT": True,
}

#: Client metadata: where people may be sent after they have signed out.
URIS = "post_logout_redirect_uris"


def init_app(server: ServerState) -> None:
    """Join, where people sign in to clients."""
    if server.id_tokens is None:
        return
    view, methods = partial(logout, server), ("GET", "POST")  # HEAD: nobody would be asked
    server.add_route("/logout", "logout", view, page=True, methods=methods, checks_csrf=True, rate="authorize")
    server.add_parameters("logout", "id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state")
    server.add_parameters("logout", "ui_locales")
    server.logouts = Logouts(server.storage, server.keys, server.identifiers, server.fetcher)
    server.add_client_metadata(URIS, None, check_uris)
    asked = partial(addresses.check_asked, server.settings["OAUTH2_FETCH_PRIVATE_HOSTS"])
    server.add_client_metadata(logouts.BACK, None, asked)
    server.add_client_metadata(logouts.FRONT, None, check_front)
    for name in (logouts.BACK_SESSION, logouts.FRONT_SESSION):
        server.add_client_metadata(name, None, check_flag)
    server.add_session_end(partial(tell_clients, server))
    server.add_cleanup(server.storage.logout_deliveries.purge)
    server.add_command(deliver)
    server.add_metadata(metadata)


def metadata(issuer: str) -> dict[str, Any]:
    """RP-Initiated Logout, 2.1, Back-Channel Logout, 2.1 and Front-Channel Logout, 3."""
    supported = {
        f"{kind}channel_logout{what}_supported": True for kind in ("back", "front") for what in ("", "_session")
    }
    return {"end_session_endpoint": endpoint_url(issuer, "oauth2server.logout"), **supported}


def check_uris(value: Any, metadata: Mapping[str, Any]) -> None:
    """Addresses as redirect URIs are, and compared letter by letter (2)."""
    if not isinstance(value, list | tuple) or not all(isinstance(uri, str) for uri in value) or len(value) > 100:
        raise ValueError(Sentence("must be a list of at most 100 strings."))
    for uri in value:
        redirect_uris.check(uri, native=metadata.get("application_type") == "native")


def check_flag(value: Any, _metadata: Mapping[str, Any]) -> None:
    """True or false: a client may say that it needs what it is told in any case."""
    if not isinstance(value, bool):
        raise ValueError(Sentence("must be true or false."))


def check_front(value: Any, metadata: Mapping[str, Any]) -> None:
    """An address that a frame loads: of the same origin as a redirect URI (Front-Channel Logout, 2)."""
    parts = addresses.web_address(value)
    origins = {urlsplit(uri)[:2] for uri in metadata["redirect_uris"]}
    if parts[:2] not in origins:
        raise ValueError(Sentence("must have the scheme, host and port of a redirect URI."))


def tell_clients(server: ServerState, sids: Sequence[str]) -> None:
    """A session has ended, here or on a page of the host: its clients are told when the answer has been sent."""
    assert server.logouts is not None
    try:
        issuer = server.issuer()
    except IssuerUnknown:
        return  # nobody has ever been signed in to a client; the host's logout view goes on
    afterwards.once_answered(server, "tell clients of a sign-out", partial(server.logouts.end, issuer, sids))


@click.command()
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="At most so many.")
@with_appcontext
def deliver(limit: int) -> None:
    """Deliver logout tokens that are due: to clients that could not be told when somebody signed out."""
    server: ServerState = current_app.extensions["oauth2server"]
    assert server.logouts is not None
    try:
        with server.storage.guarded():
            arrived, missed = server.logouts.deliver(limit)
    except OAuth2ServerError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Delivered {arrived}; {missed} could not be.")


def logout(server: ServerState) -> Response:
    """Sign out a person whom an ID token names; ask anybody else first (2)."""
    is_answer = http.method == "POST" and parameters.has_field("confirm")
    if http.method == "POST" and not is_answer:
        # A POST from another site may come without the session cookie.
        return make_response(redirect(interaction.address(parameters.from_form(server, "logout")), 303))
    sent = parameters.from_query(server, "logout")
    hint, person = _hint(server, sent), server.subjects.person()
    client = None if hint is None else server.storage.clients.info(hint.client_id)
    onward = _onward(sent, hint, client)
    assert server.logouts is not None
    page, audience = server.pages["sign_out"], Audience()
    if person is not None:
        audience = server.logouts.audience(server.issuer(), sessions.sids())
        if not _is_named(server, hint, client, person) and not (is_answer and _has_confirmed()):
            return make_response(page("ask", person, audience, client=client, action=interaction.here()))
        logout_user()
    if onward is None or audience.frames:
        to = None if onward is None else responses.with_state(onward, sent.get("state"))
        return responses.with_frames(server, page("done", None, audience, to=to), audience.frames)
    return responses.logout_answer(onward, sent.get("state"))


def _has_confirmed() -> bool:
    try:
        validate_csrf(http.form.get("csrf_token"))
    except ValidationError:
        return False
    return True


def _hint(server: ServerState, sent: Parameters) -> Hint | None:
    """Whom and which client the ID token names; None if there is none that is good: then nothing is believed."""
    value, signs = sent.get("id_token_hint"), server.id_tokens
    assert signs is not None
    if value is None:
        return None
    try:
        hint = signs.read(value, server.issuer())
    except jose.Invalid as invalid:
        log.info("an id_token_hint is not believed: %s", invalid)
        return None
    if sent.get("client_id") not in (None, hint.client_id):
        other = Reason("id_token_hint", "it was given to another client than client_id names")
        raise PageError("invalid_request", "The id_token_hint was given to another client.", detail=other)
    return hint


def _is_named(server: ServerState, hint: Hint | None, client: ClientInfo | None, person: Any) -> bool:
    """Whether a hint speaks of this person and of this session; one of another session is suspect (2)."""
    if hint is None or hint.sid not in (None, *sessions.sids()):
        return False
    return hint.sub == server.identifiers.of(client, server.subjects.key_of(person))


def _onward(sent: Parameters, hint: Hint | None, client: ClientInfo | None) -> str | None:
    """Where the person goes afterwards: only where the client that the ID token names has registered it (3)."""
    wanted = sent.get("post_logout_redirect_uri")
    if wanted is None or hint is None:
        return None  # who could say that it is no stranger's?
    registered = list(client.metadata.get(URIS, ())) if client is not None and not client.disabled else []
    if wanted not in registered:
        reason = Reason("post_logout_redirect_uri", sent=wanted, expected=registered)
        error = PageError("invalid_request", "The post_logout_redirect_uri is not registered.", detail=reason)
        error.cause, error.client, error.client_id, error.sent = "redirect_uri", client, hint.client_id, wanted
        raise error
    return wanted
