"""Client authentication: which method, one only, then succeed (RFC 6749, 2.3)."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import request

from .. import signals
from ..domain import secrets, tokens
from ..domain.throttle import Guess
from ..errors import ProtocolError
from ..reasons import Reason
from ..signals import tell
from ..state import ServerState
from ..storage.clients import ClientInfo
from .parameters import Parameters

NONE = "none"


def authenticate(server: ServerState, parameters: Parameters) -> ClientInfo:
    """The client that a request comes from.

    All known methods are asked; two at once are refused; ``none`` matches only when no other does.

    :raises ProtocolError: ``invalid_request`` or ``invalid_client``.
    """
    try:
        return _authenticated(server, parameters)
    except ProtocolError as refusal:
        told = {"client_id": refusal.client_id, "detail": refusal.detail}
        tell(signals.client_authentication_failed, **told)
        raise


def _authenticated(server: ServerState, parameters: Parameters) -> ClientInfo:
    method, client_id, credential = _presented(server, parameters)
    named = parameters.get("client_id")
    if named is not None and named != client_id:
        reason = Reason("two_clients", sent=named, expected=[client_id])
        refusal = ProtocolError("invalid_request", "Two different clients are named.", detail=reason)
        refusal.client_id = client_id
        raise refusal
    guess = _counted(server, method, client_id, credential)
    client = server.storage.clients.info(client_id)
    detail = _judged(server, method, client_id, client, credential)
    if client is None or detail:
        refusal = failed(detail)
        refusal.client_id = client_id
        raise refusal
    if guess is not None:
        server.throttle.give_back(guess)
    return client


def claimed(server: ServerState, parameters: Parameters) -> str:
    """The id of the client that a request names, whether it comes from that client or not.

    :raises ProtocolError: ``invalid_request`` or ``invalid_client``.
    """
    return _presented(server, parameters)[1]


def without_credentials(server: ServerState, sent: Parameters) -> Parameters:
    """What was sent, but for what only client authentication needs."""
    return sent.without(*(name for method in server.client_auths.values() for name in method.parameters))


def failed(detail: str) -> ProtocolError:
    """The one answer to every failure; RFC 6749, 5.2 wants the challenge of the scheme used."""
    challenge = {"WWW-Authenticate": 'Basic realm="OAuth 2.0 client", charset="UTF-8"'}
    return ProtocolError(
        "invalid_client", "Client authentication failed.", status=401, detail=detail, headers=challenge
    )


def _presented(server: ServerState, parameters: Parameters) -> tuple[str, str, Any]:
    found = []
    for method, auth in server.client_auths.items():
        if method != NONE and (hit := auth.find(parameters)) is not None:
            found.append((method, *hit))
    if len(found) > 1:
        methods = Reason("two_methods", sent=" ".join(method for method, *_ in found))
        raise ProtocolError(
            "invalid_request", "Two methods of client authentication were used at once.", detail=methods
        )
    if found:
        return found[0]
    hit = server.client_auths[NONE].find(parameters) if NONE in server.client_auths else None
    if hit is None:
        raise failed(Reason("no_client_authentication", "no client authentication was sent"))
    return (NONE, *hit)


def _counted(server: ServerState, method: str, client_id: str, credential: Any) -> Guess | None:
    """Count a secret that may be guessed, under the client that is *named*, so that none is told from none.

    A long one is not counted and costs nothing: nobody can lock its client out.

    :raises TooMany: if there have been too many wrong ones.
    """
    if not server.client_auths[method].uses_secret or not secrets.may_be_guessed(credential):
        return None
    return server.throttle.reserve("client_secret", client_id, request.remote_addr)


def _judged(server: ServerState, method: str, client_id: str, client: ClientInfo | None, credential: Any) -> str:
    """The reason of a refusal, or an empty string.

    The credential is verified in any case, so that an unknown client takes as long as a wrong secret;
    but not against a client that may not use it, so that nothing is noted or used up for one.
    """
    detail = ""
    if client is None:
        detail = Reason("client_unknown", "no such client", sent=client_id)
    elif client.disabled:
        detail = Reason("client_disabled", "the client is disabled")
    elif client.auth_method != method:
        sentence = f"{method} was used, {client.auth_method} is registered"
        detail = Reason("auth_method", sentence, sent=method, expected=[client.auth_method])
    good = server.client_auths[method].verify(_NOBODY if detail or client is None else client, credential)
    return detail or ("" if good or client is None else _wrong(server, client, credential))


def _wrong(server: ServerState, client: ClientInfo, credential: Any) -> Reason:
    """What a wrong credential looks like, without a letter of it."""
    if not isinstance(credential, str):
        return Reason("secret_wrong", "the credential is wrong")
    kept = tokens.digest(credential)
    shape = {
        "length": len(credential),
        "has_spaces": credential != credential.strip(),
        "kind": server.values.kind(credential),
        "more": partial(_former, server, client.pk, kept),
    }
    return Reason("secret_wrong", "the credential is wrong", **shape)


def _former(server: ServerState, client_pk: int, digest: str) -> dict[str, Any]:
    """Whether it was a secret of the client once; that of a short one cannot be told."""
    row = server.storage.clients.ended_secret(client_pk, digest)
    if row is None:
        return {}
    how, when = ("revoked_at", row.revoked_at) if row.revoked_at is not None else ("ended_at", row.expires_at)
    return {"hint": row.hint, how: when.isoformat()}


_NOBODY = ClientInfo(
    pk=0,
    client_id="",
    name="",
    metadata={"redirect_uris": (), "scope": "", "grant_types": (), "response_types": ()},
    is_confidential=True,
    first_party=False,
    verified=False,
    may_introspect=False,
    access_token_expires_in=None,
    refresh_token_expires_in=None,
    refresh_rotation="always",
    disabled=True,
    secrets=(),
)
