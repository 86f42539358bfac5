"""What happened in my name: allowed, first used from a new address, refused, ended; and "This was not me"."""

from __future__ import annotations

from typing import Any

from flask import request, url_for

from ..domain import audit
from ..state import ServerState
from ..text import _
from .faces import EventRow
from .listing import PAGE
from .pages import markup, provider_name, strong
from .settings import device_text
from .visit import BLUEPRINT, KEY, Visit, missing, signed_in

#: The kinds of which the icons are.
_ICONS = {
    audit.ALLOWED: "allowed",
    audit.TOKEN_MADE: "allowed",
    audit.CLIENT_MADE: "allowed",
    audit.CLIENT_CHANGED: "allowed",
    audit.CLIENT_TAKEN_OVER: "allowed",
    audit.SECRET_MADE: "allowed",
    audit.TOKEN_CHANGED: "allowed",
    audit.CLIENT_ENABLED: "allowed",
    audit.CLIENT_CHECKED: "allowed",
    audit.CLIENT_OFFERED: "allowed",
    audit.USED: "used",
    audit.DENIED: "refused",
}
#: What another event tells people already.
_TOLD_OTHERWISE = (audit.REUSED, audit.CONSENT_FORGOTTEN)


def init_app(server: ServerState) -> None:
    """Join."""
    page: dict[str, Any] = {"page": True, "checks_csrf": True, "blueprint": BLUEPRINT}
    server.add_route("/security/", "security", signed_in(server, security), **page)
    page["methods"] = ("GET", "HEAD", "POST")
    server.add_route(f"/security/<{KEY}:event_id>/not-me/", "not_me", signed_in(server, not_me), **page)


def security(visit: Visit) -> Any:
    """The events, newest first."""
    events = visit.server.storage.audit_events
    before = _number("before")
    found = events.of_user(visit.key, before=before, limit=PAGE + 1, but=_TOLD_OTHERWISE)
    if before is not None and not found:
        return visit.go("security")
    rows, older, newer = found[:PAGE], None, None
    if len(found) > PAGE:
        older = url_for(f"{BLUEPRINT}.security", before=rows[-1].id)
    if before is not None:
        later = events.newer(visit.key, after=before - 1, limit=PAGE, but=_TOLD_OTHERWISE)
        newer = url_for(f"{BLUEPRINT}.security", before=later[-1] + 1 if len(later) == PAGE else None)
    return visit.render(
        "security.html",
        events=[_event(visit.server, row) for row in rows],
        next_url=older,
        previous_url=newer,
        keeps_addresses=visit.server.devices.kept,
    )


def _number(name: str) -> int | None:
    value = request.args.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def not_me(visit: Visit, event_id: int) -> Any:
    """End what an event speaks of, at once: the authorization with the consent, or the personal token."""
    server = visit.server
    event = server.storage.audit_events.find(visit.key, event_id)
    if event is None:
        raise missing()
    if not visit.posted:
        return visit.go("security")
    ended = _ended_token(visit, event) if event.token_id is not None else _ended_access(visit, event)
    text = _("It is ended. If you did not allow it, somebody may know your password: change it now.")
    return visit.go("security", "good", text if ended else _("That had ended already."))


def _ended_token(visit: Visit, event: Any) -> bool:
    token = visit.server.storage.tokens.personal_of(visit.key, event.token_id)
    return token is not None and visit.server.extension.revoke_personal_token(token, reason="not me")


def _ended_access(visit: Visit, event: Any) -> bool:
    """End the authorization, and what was given to that application since.

    The consent first: whoever is being let in by it at this moment is done, and seen, after that.
    """
    extension, storage = visit.server.extension, visit.server.storage
    client = extension.get_client(event.client_id or "")
    if client is None:
        return False
    pk = client.id
    storage.unit.run(lambda: visit.server.authorizations.forget_consent(visit.key, client))
    since = [
        row.public_id
        for row, _id in storage.authorizations.live(user=visit.key, client_pk=pk, limit=1000)
        if row.created_at >= event.created_at
    ]
    ended = [extension.revoke_authorization(public_id, reason="not me") for public_id in {event.authorization, *since}]
    return any(ended)


def _event(server: ServerState, row: Any) -> EventRow:
    can_end = row.can_act and row.kind in (audit.ALLOWED, audit.USED, audit.TOKEN_MADE)
    by_administrator = row.actor_kind in (audit.ADMINISTRATOR, audit.COMMAND_LINE)
    text = _sentence(server, row)
    return EventRow(
        kind=_ICONS.get(row.kind, "ended"),
        text=markup("%(what)s An administrator did this.", what=text) if by_administrator else text,
        at=row.created_at,
        # Where somebody else sat is not told.
        place=device_text(server, row) if (row.device or row.address) and not _is_by_other(row) else "",
        not_me_url=url_for(f"{BLUEPRINT}.not_me", event_id=row.id) if can_end else None,
    )


def _is_by_other(row: Any) -> bool:
    """Whether somebody else did it, or nobody."""
    if row.actor_kind == audit.PERSON:
        return row.actor is not None and row.actor != str(row.user_id)
    return row.actor_kind in (audit.ADMINISTRATOR, audit.COMMAND_LINE, audit.SERVER)


def _sentence(server: ServerState, row: Any) -> Any:
    app, name = strong(row.client_name or ""), strong(row.name or "")
    if _is_by_other(row) and (given := _by_others(row.kind, app, name)):
        return given
    if row.kind == audit.ALLOWED and row.reason == audit.REMEMBERED:
        return markup("%(app)s was let in again; you had allowed it before.", app=app)
    if row.kind == audit.ALLOWED and row.reason == audit.BY_PROVIDER:
        host = provider_name(server)
        return markup("%(app)s was let in by %(host)s, which did not ask you.", app=app, host=host)
    if row.kind == audit.ALLOWED and row.reason == audit.TRIED:
        return markup("You tried %(app)s as an administrator; what it was given was ended at once.", app=app)
    if row.kind == audit.DENIED and row.reason == audit.BY_PROVIDER:
        return markup("%(host)s did not let %(app)s in.", app=app, host=provider_name(server))
    if row.kind == audit.USED and row.client_id is None:
        return markup("The personal token %(name)s was first used from this address.", name=name)
    if row.kind == audit.ENDED:
        return _ended(row.reason or "", app)
    sentences = {
        audit.ALLOWED: markup("You allowed %(app)s.", app=app),
        audit.DENIED: markup("You refused %(app)s.", app=app),
        audit.USED: markup("%(app)s was first used from this address.", app=app),
        audit.TOKEN_MADE: markup("You made the personal token %(name)s.", name=name),
        audit.TOKEN_ENDED: markup("The personal token %(name)s was ended.", name=name),
        audit.CLIENT_MADE: markup("You registered the application %(app)s.", app=app),
        audit.CLIENT_CHANGED: markup("Your application %(app)s was changed.", app=app),
        audit.CLIENT_DELETED: markup("Your application %(app)s was deleted.", app=app),
        audit.CLIENT_GIVEN_AWAY: markup("%(app)s has another owner now.", app=app),
        audit.CLIENT_TAKEN_OVER: markup("You took over the application %(app)s.", app=app),
        audit.SECRET_MADE: markup("%(app)s was given a new secret.", app=app),
        audit.SECRET_ENDED: markup("A secret of %(app)s was revoked.", app=app),
        audit.TOKEN_CHANGED: markup("The personal token %(name)s was changed.", name=name),
        audit.CLIENT_DISABLED: markup("Your application %(app)s was disabled.", app=app),
        audit.CLIENT_ENABLED: markup("Your application %(app)s was enabled again.", app=app),
        audit.CLIENT_CHECKED: markup("Your application %(app)s was checked.", app=app),
        audit.CLIENT_OFFERED: markup("A link was made by which another person can take over %(app)s.", app=app),
        audit.OFFER_WITHDRAWN: markup("That link to take over %(app)s was withdrawn.", app=app),
        audit.USER_EXPORTED: markup("What is kept about you was handed out."),
    }
    return sentences.get(row.kind, row.kind)


def _by_others(kind: str, app: Any, name: Any) -> Any:
    """Of what is told as done by the person, what is said where it was somebody else."""
    sentences = {
        audit.TOKEN_MADE: markup("The personal token %(name)s was made for you.", name=name),
        audit.CLIENT_MADE: markup("The application %(app)s was registered for you.", app=app),
        audit.CLIENT_TAKEN_OVER: markup("The application %(app)s was given to you.", app=app),
    }
    return sentences.get(kind)


def _ended(reason: str, app: Any) -> Any:
    """Why the access of *app* ended, as far as it is worth a sentence."""
    reasons = {
        "revoked by the user": markup("You revoked the access of %(app)s.", app=app),
        "disconnected by the user": markup("You disconnected %(app)s from one device.", app=app),
        "not me": markup("You said that %(app)s was not let in by you; it was ended.", app=app),
        "reuse": markup(
            "%(app)s was ended: a code or token of it came twice, as from a thief. Allow it again if you trust it.",
            app=app,
        ),
        "revoked by the client": markup("%(app)s signed you out.", app=app),
        "signed out": markup("The access of %(app)s ended when you signed out.", app=app),
    }
    return reasons.get(reason) or markup("The access of %(app)s was ended.", app=app)
