"""End tokens and authorizations: first the page that tells what will stop, then the act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from ...state import ServerState
from ...storage.access import Whose
from ...text import _, ngettext
from .access import MOST, AuthorizationLine, TokenLine, authorization_lines, token_lines
from .faces import Count
from .keyed import number
from .people import name_of
from .visit import BLUEPRINT, AdminVisit, add_page

REASON = "ended by an administrator"
#: More than a page of the lists has.
_MOST_CHOSEN = 100
_LONGEST = 512


def init_app(server: ServerState) -> None:
    """Join."""
    add_page(server, "/access/end/", "access_end", access_end, posts=True)


@dataclass(frozen=True)
class Chosen:
    """What is to be ended.

    :ivar tokens: rows that have not ended; ``authorizations`` likewise.
    :ivar user: the user all of whose access ends, or None; ``client`` likewise, the model.
    """

    tokens: Sequence[Any] = ()
    authorizations: Sequence[Any] = ()
    user: Any = None
    client: Any = None

    @property
    def everything(self) -> bool:
        """Whether all of somebody's access ends."""
        return self.user is not None or self.client is not None


def access_end(visit: AdminVisit) -> Any:
    """A list sends what was ticked; this page sends the same again, confirmed."""
    back = "authorizations" if request.form.get("back") == "authorizations" else "tokens"
    filters = {name: _sent(name) for name in ("user", "client") if _sent(name)}
    if not visit.posted:
        return visit.go(back, **filters)
    chosen = _chosen(visit.server)
    if not (chosen.tokens or chosen.authorizations or chosen.everything):
        return visit.go(back, "plain", _nothing(), **filters)
    if request.form.get("confirmed") != "yes":
        return _page(visit, chosen, back, filters)
    ended = _end(visit.server, chosen)
    return visit.go(back, *_told(ended), **filters)


def _sent(name: str) -> str:
    return request.form.get(name, "").replace("\0", "").strip()[:_LONGEST]


def _nothing() -> str:
    if request.form.getlist("token") or request.form.getlist("authorization") or request.form.get("everything"):
        return _("That had ended already.")
    return _("Tick what you want to end.")


def _chosen(server: ServerState) -> Chosen:
    """What the form names, as far as it is there and has not ended."""
    storage = server.storage.access
    if request.form.get("everything") == "yes":
        text, name = _sent("everything_user"), _sent("everything_client")
        client = server.storage.clients.addressed(name) if name else None
        user = _user(server, text) if text else None
        if (text and user is None) or (name and client is None):
            return Chosen()  # half of what was meant would end too much
        return Chosen(user=user, client=client)
    pks = [pk for text in request.form.getlist("token")[:_MOST_CHOSEN] if (pk := number(text)) is not None]
    ids = [text.replace("\0", "") for text in request.form.getlist("authorization")[:_MOST_CHOSEN]]
    return Chosen(
        [row for row in storage.some_tokens(pks) if row.revoked_at is None and row.authorization_revoked_at is None],
        [row for row in storage.some_authorizations(ids) if row.revoked_at is None],
    )


def _user(server: ServerState, text: str) -> Any:
    """The user whose key stands in the form."""
    try:
        return server.subjects.load(server.subjects.parsed(text))
    except ValueError:
        return None


def _page(visit: AdminVisit, chosen: Chosen, back: str, filters: dict[str, Any]) -> str:
    server, storage = visit.server, visit.server.storage.access
    facts: dict[str, Any] = {"whom": "", "app": "", "live_authorizations": None, "live_alone": None}
    if chosen.everything:
        key = None if chosen.user is None else server.subjects.key_of(chosen.user)
        whose = Whose(key, None if chosen.client is None else chosen.client.id)
        facts = {
            "whom": "" if key is None else name_of(server, key),
            "app": "" if chosen.client is None else chosen.client.name,
            "live_authorizations": Count.of(storage.live_authorizations(whose, MOST), MOST),
            "live_alone": Count.of(storage.live_alone(whose, MOST), MOST),
        }
    tokens: list[TokenLine] = token_lines(server, chosen.tokens)
    ended: list[AuthorizationLine] = authorization_lines(server, chosen.authorizations)
    return visit.render(
        "access_end.html",
        section="tokens",
        tokens=tokens,
        authorizations=ended,
        families=len({row.authorization_id for row in chosen.tokens if row.authorization_id is not None}),
        everything=chosen.everything,
        everything_user=_sent("everything_user"),
        everything_client=_sent("everything_client"),
        back=back,
        back_url=url_for(f"{BLUEPRINT}.{back}", **filters),
        end_url=url_for(f"{BLUEPRINT}.access_end"),
        filters=filters,
        **facts,
    )


def _end(server: ServerState, chosen: Chosen) -> int:
    """How many authorizations and tokens ended."""
    extension = server.extension
    if chosen.everything:
        return extension.revoke_access(user=chosen.user, client=chosen.client, reason=REASON)
    ended = [extension.revoke_token(row, reason=REASON) for row in chosen.tokens]
    ended += [extension.revoke_authorization(row.public_id, reason=REASON) for row in chosen.authorizations]
    return sum(ended)


def _told(ended: int) -> tuple[str, str]:
    if not ended:
        return "plain", _("That had ended already.")
    text = ngettext(
        "Ended, at once: %(num)s authorization or token.", "Ended, at once: %(num)s authorizations and tokens.", ended
    )
    return "good", text
