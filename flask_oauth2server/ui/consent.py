"""The consent page: who asks, what for, where the answer goes, as whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from flask import url_for

from ..domain import redirect_uris
from ..domain.claims import OF_SCOPES
from ..domain.consent import Asking, Question
from ..domain.offline import SIGN_IN, STAY
from ..scopes import Scope
from ..state import ServerState
from .claim_texts import claim_line
from .faces import Face, Group, Line, grouped, lines, stated
from .pages import here, render
from .portraits import portrait

#: Who asks for nothing else wants to know who somebody is.
_IDENTITY = {SIGN_IN, STAY, *OF_SCOPES}


def init_app(server: ServerState) -> None:
    """Join."""
    server.add_page("consent", partial(consent, server))


@dataclass(frozen=True)
class ConsentPage:
    """What ``authorize.html`` shows; the template's own names for the parts of a question."""

    heading: str
    app: Face
    notice: bool
    again: str | None
    since: datetime | None
    new_count: int
    warned: bool
    kind: str
    returns_to: str
    port: str
    redirect_uri: str
    groups: list[Group]
    group_titles: bool
    before: tuple[Line, ...]
    optional: tuple[Line, ...]
    only_optional: bool
    offline_until: datetime | None
    offline_before: datetime | None
    ends_with_session: bool
    ticket: str = field(repr=False)
    scope: str
    client_id: str
    switch_url: str
    next: str


def consent(server: ServerState, question: Question) -> str:
    """The page of one question."""
    return render(server, "authorize.html", user=question.user, page=_page(server, question))


def _page(server: ServerState, question: Question) -> ConsentPage:
    uri, asking = question.redirect_uri, question.asking
    loopback = redirect_uris.is_loopback(uri, server.settings["OAUTH2_LOOPBACK_HOSTS"])
    kind = "loopback" if loopback else "web" if uri.startswith(("https://", "http://")) else "scheme"
    stays = question.offline_until is not None and not question.ends_with_session
    new_offline = stays and not asking.offline
    again = _again(question, new_offline)
    required = (*stated(question.required), *map(claim_line, question.claims))
    new, before = _told_apart(required, asking) if again == "more" else (required, ())
    groups = grouped(new)
    until = question.offline_until
    return ConsentPage(
        heading="more" if again == "more" else "sign_in" if _is_identity(question) else "use",
        app=portrait(server, question.client),
        notice=question.notice,
        again=again,
        since=asking.since,
        new_count=len({*asking.new} - {STAY}) + len(asking.new_claims) + new_offline,
        warned=not (question.client.verified or question.client.first_party) or kind != "web",
        kind=kind,
        returns_to=redirect_uris.host(uri),
        port=redirect_uris.port(uri) if loopback else "",
        redirect_uri=uri,
        groups=groups,
        group_titles=len(groups) > 1,
        before=lines(before),
        optional=tuple(line for s, ticked in question.optional for line in lines([s], [s.id] if ticked else [])),
        only_optional=not required,
        offline_until=until if again != "more" or new_offline else None,
        offline_before=until if again == "more" and not new_offline else None,
        ends_with_session=question.ends_with_session,
        ticket=question.ticket,
        scope=question.scope,
        client_id=question.client.client_id,
        switch_url=url_for("oauth2server.sign_out"),
        next=here(),
    )


def _is_identity(question: Question) -> bool:
    """Whether the client wants to know who somebody is, and nothing else."""
    scopes = question.scope.split()
    return SIGN_IN in scopes and _IDENTITY.issuperset(scopes)


def _again(question: Question, new_offline: bool) -> str | None:
    """Why somebody who allowed the client before is asked again; None: for the first time, or because
    the client wants it."""
    asking = question.asking
    if asking.since is None:
        return None
    if asking.new or asking.new_claims or new_offline:
        return "more"
    return "always" if asking.always else "host" if asking.new_host else None


def _told_apart(required: Sequence[Scope], asking: Asking) -> tuple[tuple[Scope, ...], tuple[Scope, ...]]:
    ids = {*asking.new, *(claim_line(name).id for name in asking.new_claims)}
    return tuple(scope for scope in required if scope.id in ids), tuple(s for s in required if s.id not in ids)
