"""Blinker signals: what happened, told after it was committed.

The sender is always the Flask application; the arguments are listed at each signal. Values of
tokens, codes and secrets are never sent.
"""

from __future__ import annotations

import logging
from typing import Any

from blinker import NamedSignal, Namespace
from flask import current_app

log = logging.getLogger(__name__)

_signals = Namespace()

#: A client was registered: ``client`` (the model).
client_created = _signals.signal("client-created")
#: A client's metadata changed: ``client``, ``changed`` (the names).
client_updated = _signals.signal("client-updated")
#: A client was disabled or enabled again: ``client``, ``disabled`` (bool).
client_disabled = _signals.signal("client-disabled")
#: A client was deleted with all it held: ``client_id``.
client_deleted = _signals.signal("client-deleted")
#: A client got a further secret: ``client``, ``hint`` (its last characters).
secret_created = _signals.signal("secret-created")
#: A secret was revoked: ``client``, ``hint``.
secret_revoked = _signals.signal("secret-revoked")
#: A client could not be authenticated: ``client_id`` (as sent, where it could be read), ``detail``.
client_authentication_failed = _signals.signal("client-authentication-failed")
#: A person allowed a client: ``client_id``, ``user_id``, ``scopes``, ``authorization`` (public id),
#: ``remembered`` (True if no page was shown).
authorization_granted = _signals.signal("authorization-granted")
#: A person said no: ``client_id``, ``user_id``, ``scopes`` (those asked for).
authorization_denied = _signals.signal("authorization-denied")
#: An authorization ended before its time: ``authorization`` (public id), ``client_id``,
#: ``user_id``, ``reason``.
authorization_revoked = _signals.signal("authorization-revoked")
#: A token was issued: ``client_id``, ``user_id``, ``scopes``, ``grant_type`` (that of the
#: implicit grant, too).
token_issued = _signals.signal("token-issued")
#: A token that hangs on no authorization was revoked: ``client_id``, ``user_id``, ``name``.
token_revoked = _signals.signal("token-revoked")
#: A code or refresh token came a second time, its authorization was ended: ``client_id``,
#: ``grant_type``.
token_reused = _signals.signal("token-reused")
#: A personal token was made: ``user_id``, ``name``, ``scopes``.
personal_token_created = _signals.signal("personal-token-created")
#: A signing key was made: ``kid``, ``alg``, ``active_from`` (naive UTC).
signing_key_created = _signals.signal("signing-key-created")
#: A signing key that waited signs from now on, before its time: ``kid``, ``alg``.
signing_key_activated = _signals.signal("signing-key-activated")
#: A signing key was revoked: ``kid``, ``alg``.
signing_key_revoked = _signals.signal("signing-key-revoked")
#: A request was refused: ``endpoint``, ``error``, ``detail`` (the private reason), ``client_id``
#: where it is known, ``reference`` (which the page shows).
request_refused = _signals.signal("request-refused")
#: A protected view refused a request: ``error`` (may be empty), ``detail``, ``scopes`` demanded.
access_refused = _signals.signal("access-refused")
#: Everything about a user was removed: ``user_id`` (the key).
user_forgotten = _signals.signal("user-forgotten")


def tell(signal: NamedSignal, **arguments: Any) -> None:
    """Send *signal* from the current app. What it tells of has happened: a receiver that fails is
    logged, and takes nobody's answer away."""
    if not signal.receivers:
        return
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    for receiver in signal.receivers_for(app):
        try:
            receiver(app, **arguments)
        except Exception:
            log.exception("a receiver of %s failed", signal.name)
