"""What the audit log says of each kind of event, and why something ended, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ...domain import audit
from ...text import Sentence, _
from ..pages import counted, markup


class Told(NamedTuple):
    """What a sentence names.

    :ivar app: the client, markup, with a link where it is still there; ``name``: of a personal token or a
        signing key, or the hint of a secret; likewise markup.
    :ivar of_client: whether the event is about a client.
    """

    app: Any
    name: Any
    of_client: bool


def reason_text(reason: str | None) -> str:
    """Why an authorization or a token was ended; a host's own reason is its own words."""
    texts = {
        "": _("revoked"),
        "revoked": _("revoked"),
        "reuse": _("a code or token came a second time"),
        "not me": _("its user said that it was not them"),
        "revoked by the user": _("revoked by its user"),
        "disconnected by the user": _("disconnected by its user"),
        "revoked by the client": _("revoked by the client"),
        "signed out": _("its user signed out"),
        "revoked on the command line": _("revoked on the command line"),
        "ended by the owner of the application": _("ended by the owner of the client"),
        "ended by an administrator": _("ended by an administrator"),
        "user removed": _("its user was removed"),
        "client deleted": _("the client was deleted"),
    }
    return texts.get(reason or "") or str(reason)


def sentence(row: Any, told: Told) -> Any:
    """One event as a sentence without its subject, markup.

    :param row: of the table of audit events.
    """
    make = _SENTENCES.get(row.kind)
    return str(row.kind) if make is None else make(row, told)


def kinds() -> list[tuple[str, str]]:
    """Every kind with what a select calls it."""
    labels = {
        audit.ALLOWED: _("Allowed"),
        audit.DENIED: _("Refused"),
        audit.USED: _("First use from an address"),
        audit.ENDED: _("Authorization ended"),
        audit.REUSED: _("Code or token used twice"),
        audit.CONSENT_FORGOTTEN: _("Consent forgotten"),
        audit.TOKEN_MADE: _("Personal token made"),
        audit.TOKEN_CHANGED: _("Personal token changed"),
        audit.TOKEN_ENDED: _("Token ended"),
        audit.CLIENT_MADE: _("Client registered"),
        audit.CLIENT_CHANGED: _("Client changed"),
        audit.CLIENT_CHECKED: _("Client checked"),
        audit.CLIENT_DISABLED: _("Client disabled"),
        audit.CLIENT_ENABLED: _("Client enabled"),
        audit.CLIENT_DELETED: _("Client deleted"),
        audit.CLIENT_TRIED: _("Client tried"),
        audit.CLIENT_OFFERED: _("Client offered"),
        audit.OFFER_WITHDRAWN: _("Offer withdrawn"),
        audit.CLIENT_GIVEN_AWAY: _("Client given away"),
        audit.CLIENT_TAKEN_OVER: _("Client taken over"),
        audit.SECRET_MADE: _("Secret made"),
        audit.SECRET_ENDED: _("Secret revoked"),
        audit.KEY_MADE: _("Signing key made"),
        audit.KEY_ROTATED: _("Signing key rotated"),
        audit.KEY_REVOKED: _("Signing key withdrawn"),
        audit.USER_ERASED: _("Person erased"),
        audit.USER_EXPORTED: _("Person exported"),
        audit.AUDIT_VERIFIED: _("Audit log verified"),
        audit.AUDIT_EXPORTED: _("Audit log exported"),
    }
    return [(kind, labels.get(kind, kind)) for kind in audit.KINDS]


def _allowed(row: Any, told: Told) -> Any:
    if row.reason == audit.REMEMBERED:
        return markup("Was let into %(app)s again, without a question", app=told.app)
    if row.reason == audit.TRIED:
        return markup("Was let into %(app)s by trying its flow", app=told.app)
    if row.reason == audit.BY_PROVIDER:
        return markup("Was let into %(app)s without a question, by a rule of this server", app=told.app)
    scopes = len((row.scope or "").split())
    return counted("Allowed %(app)s, %(num)s scope", "Allowed %(app)s, %(num)s scopes", scopes, app=told.app)


def _denied(row: Any, told: Told) -> Any:
    if row.reason == audit.BY_PROVIDER:
        return markup("%(app)s was not let in, by a rule of this server", app=told.app)
    return markup("Refused %(app)s", app=told.app)


def _used(row: Any, told: Told) -> Any:
    if told.of_client:
        return markup("Used %(app)s from this address for the first time", app=told.app)
    return markup("Used the personal token %(name)s from this address for the first time", name=told.name)


def _ended(row: Any, told: Told) -> Any:
    return markup("Ended an authorization of %(app)s: %(why)s", app=told.app, why=reason_text(row.reason))


def _token_ended(row: Any, told: Told) -> Any:
    why = reason_text(row.reason)
    if told.of_client:
        return markup("Ended a token that %(app)s had in its own name: %(why)s", app=told.app, why=why)
    return markup("Ended the personal token %(name)s: %(why)s", name=told.name, why=why)


def _changed(row: Any, told: Told) -> Any:
    if row.changes == {"verified": [True, False]}:
        return markup("Took the check away from %(app)s", app=told.app)
    fields = ", ".join(sorted(row.changes or ()))
    if not fields:
        return markup("Changed %(app)s", app=told.app)
    return markup("Changed %(app)s: %(fields)s", app=told.app, fields=fields)


def _forgotten(row: Any, told: Told) -> Any:
    if not told.of_client:
        return markup("Forgot all that this person had agreed to")
    if row.user_id is None and row.user_digest is None:
        return markup("Forgot what everybody had agreed to for %(app)s", app=told.app)
    return markup("Forgot what this person had agreed to for %(app)s", app=told.app)


def _key_revoked(row: Any, told: Told) -> Any:
    if row.reason == "unreadable":
        return markup("Withdrew the signing key %(name)s, which could not be read", name=told.name)
    return markup("Withdrew the signing key %(name)s", name=told.name)


def _verified(row: Any, _told: Told) -> Any:
    if row.reason == "broken":
        return markup("Verified the audit log: it was changed")
    return markup("Verified the audit log: unbroken")


def _about(message: Sentence) -> Callable[[Any, Told], Any]:
    return lambda _row, told: markup(message, app=told.app, name=told.name)


_SENTENCES: dict[str, Callable[[Any, Told], Any]] = {
    audit.ALLOWED: _allowed,
    audit.DENIED: _denied,
    audit.USED: _used,
    audit.ENDED: _ended,
    audit.REUSED: _about(Sentence("%(app)s sent a code or refresh token a second time, as a thief would")),
    audit.CONSENT_FORGOTTEN: _forgotten,
    audit.TOKEN_MADE: _about(Sentence("Made the personal token %(name)s")),
    audit.TOKEN_CHANGED: _about(Sentence("Changed the personal token %(name)s")),
    audit.TOKEN_ENDED: _token_ended,
    audit.CLIENT_MADE: _about(Sentence("Registered the client %(app)s")),
    audit.CLIENT_CHANGED: _changed,
    audit.CLIENT_CHECKED: _about(Sentence("Marked %(app)s as checked")),
    audit.CLIENT_DISABLED: _about(Sentence("Disabled %(app)s")),
    audit.CLIENT_ENABLED: _about(Sentence("Enabled %(app)s again")),
    audit.CLIENT_DELETED: _about(Sentence("Deleted the client %(app)s")),
    audit.CLIENT_TRIED: _about(Sentence("Tried the flow of %(app)s")),
    audit.CLIENT_OFFERED: _about(Sentence("Offered %(app)s to a new owner")),
    audit.OFFER_WITHDRAWN: _about(Sentence("Withdrew the offer of %(app)s")),
    audit.CLIENT_GIVEN_AWAY: _about(Sentence("Gave %(app)s to a new owner")),
    audit.CLIENT_TAKEN_OVER: _about(Sentence("Took over %(app)s")),
    audit.SECRET_MADE: _about(Sentence("Made the secret %(name)s for %(app)s")),
    audit.SECRET_ENDED: _about(Sentence("Revoked the secret %(name)s of %(app)s")),
    audit.KEY_MADE: _about(Sentence("Made the signing key %(name)s")),
    audit.KEY_ROTATED: _about(Sentence("Let the signing key %(name)s sign from now on")),
    audit.KEY_REVOKED: _key_revoked,
    audit.USER_ERASED: _about(Sentence("Erased what was kept about a person")),
    audit.USER_EXPORTED: _about(Sentence("Exported what is kept about a person")),
    audit.AUDIT_VERIFIED: _verified,
    audit.AUDIT_EXPORTED: _about(Sentence("Exported the audit log")),
}
