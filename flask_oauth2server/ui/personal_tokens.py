"""Personal tokens: make, show once, change, revoke."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import request, url_for

from .. import clock
from ..domain import tokens
from ..errors import IssuerUnknown, TicketRefused
from ..scopes import Scope
from ..state import ServerState
from ..text import _, format_day, ngettext
from ..transport import endpoint_url
from .faces import Group, TokenRow, grouped, lines, stated
from .forms import TokenForm
from .visit import BLUEPRINT, KEY, Visit, missing, signed_in, too_late

_DAY = 86400
_PRESETS = (7, 30, 90, 365)
_SOON = timedelta(days=7)
_NEW = "new personal token"
#: The choice where no whole day is allowed.
_LONGEST = "longest"


def init_app(server: ServerState) -> None:
    """Join."""
    both: dict[str, Any] = {"page": True, "checks_csrf": True, "blueprint": BLUEPRINT}
    both["methods"] = ("GET", "HEAD", "POST")
    add = server.add_route
    add("/tokens/new/", "token_new", signed_in(server, token_new), rate="create", **both)
    add(f"/tokens/<{KEY}:token_id>/", "token_view", signed_in(server, token_view), **both)
    add(f"/tokens/<{KEY}:token_id>/revoke/", "token_revoke", signed_in(server, token_revoke), **both)


def token_rows(visit: Visit, found: Sequence[Any]) -> list[TokenRow]:
    """Personal tokens, for the list."""
    return [_row(visit.server, token) for token in found]


def ping_url(server: ServerState) -> str:
    """The address at which a token can be tried; that of the provider where there is no such endpoint."""
    try:
        issuer = server.issuer()
    except IssuerUnknown:  # people can end things here all the same
        issuer = request.url_root
    served = any(route.name == "ping" for route in server.routes)
    return endpoint_url(issuer, "oauth2server.ping") if served else issuer


def _row(server: ServerState, token: Any) -> TokenRow:
    now = clock.now()
    state = "ended" if token.expires_at <= now else "soon" if token.expires_at - now < _SOON else "live"
    return TokenRow(
        name=token.name,
        hint=f"{server.settings['OAUTH2_TOKEN_PREFIX']}{tokens.PERSONAL}_…{token.hint}",
        lines=lines(server.scopes.get(id_) or Scope(id_) for id_ in token.scopes),
        created_at=token.created_at,
        last_used_at=token.last_used_at,
        last_used_from=server.devices.place(token.last_used_from) or token.last_used_from or "",
        expires_at=token.expires_at,
        state=state,
        view_url=url_for(f"{BLUEPRINT}.token_view", token_id=token.id),
        revoke_url=url_for(f"{BLUEPRINT}.token_revoke", token_id=token.id),
        like_url=url_for(f"{BLUEPRINT}.token_new", like=token.id),
    )


def _offered(visit: Visit) -> list[Scope]:
    """The scopes that this person may give to a token."""
    hook = visit.server.hooks.get("personal_token_scopes")
    offered = list(stated(scope for _id, scope in visit.server.scopes.choices(exclude_internal=True)))
    if hook is None:
        return offered
    allowed = set(hook(visit.user))
    return [scope for scope in offered if scope.id in allowed]


def _owned(visit: Visit, token_id: int) -> Any:
    """The token, if it is this person's: the user is in the query."""
    token = visit.server.storage.tokens.personal_of(visit.key, token_id)
    if token is None:
        raise missing()
    return token


# --- make -----------------------------------------------------------------------------------------


def token_new(visit: Visit) -> Any:
    """Make a token. Its value is shown in the answer, and nowhere else."""
    presets = _presets(visit.server)
    form = TokenForm().labelled({days: label for days, label, _at in presets})
    if not visit.posted:
        return _new_page(visit, form, presets, _liked(visit, form))
    seconds = _read(visit, form, presets)
    if not form.is_good() or seconds is None:
        return _new_page(visit, form, presets, form.scopes)
    try:
        value = visit.server.extension.create_personal_token(
            visit.user, name=form.name.data, scopes=form.scopes, expires_in=seconds, before=visit.use_up(_NEW)
        )
    except TicketRefused:
        if not visit.was_sent_before(_NEW):
            return _new_page(visit, form, presets, form.scopes, message=too_late())
        return visit.render(
            "token_view.html", state="gone", token=None, value=None, done_url=url_for(f"{BLUEPRINT}.index")
        )
    made = visit.server.storage.tokens.by_digest(tokens.digest(value))
    return _view(visit, made, state="made", value=value)


def _presets(server: ServerState) -> list[tuple[str, str, datetime]]:
    """Number of days, label and last day of each choice, up to the longest life."""
    longest = _longest(server) // _DAY
    usual = server.settings["OAUTH2_PERSONAL_TOKEN_EXPIRES_IN"] // _DAY
    days = sorted({*_PRESETS, usual})
    now = clock.now()
    offered = [(str(n), _label(n), now + timedelta(days=n)) for n in days if 0 < n <= longest]
    return offered or [(_LONGEST, _("As long as it may"), now + timedelta(seconds=_longest(server)))]


def _longest(server: ServerState) -> int:
    return int(server.settings["OAUTH2_PERSONAL_TOKEN_MAX_EXPIRES_IN"])


def _label(days: int) -> str:
    return _("1 year") if days == 365 else ngettext("%(num)s day", "%(num)s days", days)


def _liked(visit: Visit, form: TokenForm) -> Sequence[str]:
    """Fill the form in as another token of this person is ("Make a new one like it")."""
    if visit.stale:
        return request.form.getlist("scopes")
    form.expiry.data = str(visit.server.settings["OAUTH2_PERSONAL_TOKEN_EXPIRES_IN"] // _DAY)
    like = request.args.get("like", "")
    if not (like.isascii() and like.isdigit() and len(like) < 19):
        return ()
    token = visit.server.storage.tokens.personal_of(visit.key, int(like))
    if token is None:
        return ()
    form.name.data = token.name
    scopes: Sequence[str] = token.scopes
    return scopes


def _read(visit: Visit, form: TokenForm, presets: Sequence[tuple[str, str, datetime]]) -> int | None:
    """Judge everything that was sent; returns the life in seconds."""
    form.check_name()
    sent = request.form.getlist("scopes")
    offered = _offered(visit)
    form.scopes = [scope.id for scope in offered if scope.id in sent]
    if offered and not form.scopes:
        form.scope_errors = [_("Tick at least one thing it may do.")]
    if form.expiry.data in {days for days, _label, _at in presets}:
        return _longest(visit.server) if form.expiry.data == _LONGEST else int(form.expiry.data) * _DAY
    seconds = _until(form.last_day.data) if form.expiry.data == "date" else None
    longest = _longest(visit.server)
    if seconds is None or not _DAY // 24 <= seconds <= longest:
        form.last_day.errors = []
        last = clock.now() + timedelta(seconds=longest) - timedelta(days=1)
        form.refuse("last_day", _("Choose a day between tomorrow and %(date)s.", date=format_day(last)))
        return None
    return seconds


def _until(day: date | None) -> int | None:
    """Seconds until the end of *day* (UTC), if it is not over."""
    if day is None or day <= clock.now().date():
        return None
    try:
        end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    except OverflowError:
        return None
    return int(end.timestamp() - clock.timestamp())


def _new_page(
    visit: Visit,
    form: TokenForm,
    presets: Sequence[tuple[str, str, datetime]],
    chosen: Sequence[str],
    **context: Any,
) -> str:
    longest = _longest(visit.server)
    return visit.render(
        "token_new.html",
        form=form,
        presets=presets,
        longest=clock.now() + timedelta(seconds=longest) - timedelta(days=1),
        scope_groups=grouped(_offered(visit), chosen),
        scope_errors=form.scope_errors,
        problems=[*form.problems(), *(("scopes", _("What it may do"), error) for error in form.scope_errors)],
        cancel_url=url_for(f"{BLUEPRINT}.index"),
        ticket=visit.ticket(_NEW),
        action=url_for(f"{BLUEPRINT}.token_new"),
        **context,
    )


# --- show and change ------------------------------------------------------------------------------


def token_view(visit: Visit, token_id: int) -> Any:
    """Rename a token, or take scopes away from it; a POST with ``delete`` revokes it."""
    token = _owned(visit, token_id)
    if visit.posted and "delete" in request.form:
        return token_revoke(visit, token_id)
    form = TokenForm().labelled({})
    if not visit.posted:
        form.name.data = token.name if not visit.stale else form.name.data
        return _view(visit, token, state="edit", form=form)
    form.check_name()
    sent = request.form.getlist("scopes")
    form.scopes = [id_ for id_ in token.scopes if id_ in sent]
    if not form.scopes:
        form.scope_errors = [_("Tick at least one thing it may do.")]
    if not form.is_good():
        return _view(visit, token, state="edit", form=form)
    visit.server.extension.edit_personal_token(token, name=form.name.data, scopes=form.scopes)
    return visit.go("index", "good", _("Saved."), _anchor="tokens")


def _view(visit: Visit, token: Any, *, state: str, value: str | None = None, form: TokenForm | None = None) -> str:
    form = form or TokenForm().labelled({})
    row = _row(visit.server, token)
    chosen = request.form.getlist("scopes") if request.method == "POST" and state == "edit" else token.scopes
    group = Group("", lines([visit.server.scopes.get(id_) or Scope(id_) for id_ in token.scopes], chosen))
    return visit.render(
        "token_view.html",
        state=state,
        token=row,
        value=value,
        curl_url=ping_url(visit.server),
        form=form,
        lines=group.lines,
        problems=[*form.problems(), *(("scopes", _("What it may do"), error) for error in form.scope_errors)],
        scope_errors=form.scope_errors,
        done_url=url_for(f"{BLUEPRINT}.index", _anchor="tokens"),
        action=row.view_url,
        revoke_url=row.revoke_url,
    )


def token_revoke(visit: Visit, token_id: int) -> Any:
    """End a token at once; one that has ended by itself leaves the list."""
    token = _owned(visit, token_id)
    if not visit.posted:
        return visit.go("index")
    name, ended = token.name, token.expires_at <= clock.now()
    visit.server.extension.revoke_personal_token(token, reason="revoked by the user")
    text = _("“%(name)s” is removed.", name=name) if ended else _("“%(name)s” is revoked.", name=name)
    return visit.go("index", "good", text, _anchor="tokens")
