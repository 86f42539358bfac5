"""The page of one client, as administrators see it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from flask import url_for

from ... import clock
from ...domain.clients import MOST_SECRETS
from ...domain.offline import SIGN_IN
from ...state import ServerState
from ...storage.access import Whose
from ...text import _, ngettext
from ..application_page import NEW_SECRET, secret_rows, shown_uris
from ..portraits import address, portrait
from ..visit import missing
from .access import authorization_lines
from .charts import activity
from .faces import MOST, Count, Refused, Trouble
from .people import Named, name_of
from .reasons import sentence
from .trial_form import trial_form
from .visit import BLUEPRINT, AdminVisit, add_page, is_served

#: So many authorizations stand on the page; the others are a page of their own.
_FEW = 5
_WEEK = 7
#: From so many refusals on, if so large a part of them has one cause, the page begins with it.
_TROUBLE, _ONE_REASON = 3, 0.75
_ACTS = {
    "check_url": "client_check",
    "disable_url": "client_disable",
    "reset_url": "client_secret",
    "signout_url": "client_sign_out",
    "delete_url": "client_delete",
}
_PAGES = {"edit_url": "client_edit", "try_url": "client_try"}
_LISTS = {"authorizations_url": "authorizations", "tokens_url": "tokens", "failures_url": "failures"}


def init_app(server: ServerState) -> None:
    """Join."""
    add_page(server, "/clients/<client_id>/", "client", client)


def client(visit: AdminVisit, client_id: str) -> Any:
    """One client."""
    return show(visit, addressed(visit, client_id))


def addressed(visit: AdminVisit, client_id: str) -> Any:
    """The client that the address names, whosever it is."""
    found = visit.server.storage.clients.addressed(client_id)
    if found is None:
        raise missing()
    return found


def show(
    visit: AdminVisit,
    client: Any,
    *,
    secret: str | None = None,
    first: bool = False,
    gone: bool = False,
    delete_error: str | None = None,
    **context: Any,
) -> str:
    """The page of one client.

    :param secret: the value of a secret made in this very request; ``first``: of a client made in it.
    :param gone: whether a value was asked for that was shown before.
    """
    server, storage = visit.server, visit.server.storage
    secrets = secret_rows(server, client, secret, lambda pk: _act(client, "client_secret_revoke", pk=pk))
    people, more = storage.overview.people(MOST, client.id)
    refused = _refused(server, client)
    refused_count = _refused_count(server, client, refused)
    chart = activity(server, client.id, heights=(48, 32, 32))
    return visit.render(
        "client.html",
        section="clients",
        app=portrait(server, client, to_owner=True),
        disabled=client.disabled_at is not None,
        verified_at=client.verified_at,
        created_at=client.created_at,
        owner=_owner(server, client),
        seen=server.clients.fingerprint(client),
        facts=_facts(server, client),
        redirect_uris=shown_uris(server, client),
        scope_ids=client.scopes,
        secret=secret,
        secret_is_first=first,
        old_hints=[row.hint for row in secrets if not row.new] if secret else [],
        gone=gone,
        secrets=secrets,
        uses_secret=_uses_secret(server, client),
        secret_limit=len(secrets) >= MOST_SECRETS,
        ticket=visit.ticket(NEW_SECRET),
        authorizations=_live(server, client),
        authorization_count=Count.of(storage.access.live_authorizations(Whose(client_pk=client.id), MOST)),
        keeps_devices=server.devices.kept,
        people=Count(people, more),
        chart=chart,
        issued=sum(chart.series[0].counts[-_WEEK:]),
        last_issued_at=storage.tokens.last_issued(client.id),
        refused=refused,
        refused_count=refused_count,
        trouble=_trouble(refused, refused_count),
        delete_error=delete_error,
        trial=trial_form(server, client),
        **_urls(server, client),
        **context,
    )


def _act(client: Any, endpoint: str, **arguments: Any) -> str:
    return url_for(f"{BLUEPRINT}.{endpoint}", client_id=address(client), **arguments)


def _urls(server: ServerState, client: Any) -> dict[str, str | None]:
    urls: dict[str, str | None] = {name: _act(client, endpoint) for name, endpoint in _ACTS.items()}
    urls |= {name: _act(client, page) if is_served(server, page) else None for name, page in _PAGES.items()}
    for name, endpoint in _LISTS.items():
        here = is_served(server, endpoint)
        urls[name] = url_for(f"{BLUEPRINT}.{endpoint}", client=address(client)) if here else None
    return {**urls, "clients_url": url_for(f"{BLUEPRINT}.clients") if is_served(server, "clients") else None}


def _owner(server: ServerState, client: Any) -> Named | None:
    if client.user_id is None:
        return None
    here = is_served(server, "tokens")
    url = url_for(f"{BLUEPRINT}.tokens", user=str(client.user_id)) if here else ""
    return Named(name_of(server, client.user_id), url)


def _uses_secret(server: ServerState, client: Any) -> bool:
    method = server.client_auths.get(str(client.client_metadata.get("token_endpoint_auth_method")))
    return method is not None and method.uses_secret


def _facts(server: ServerState, client: Any) -> list[tuple[str, str, bool]]:
    """Settings in words: label, value, and whether that is code."""
    metadata, settings = client.client_metadata, server.settings
    access = client.access_token_expires_in or settings["OAUTH2_PROVIDER_TOKEN_EXPIRES_IN"]
    facts = [
        (_("Grants"), " ".join(client.allowed_grant_types), True),
        (_("Response types"), ", ".join(client.allowed_response_types), True),
        (_("Client authentication"), str(metadata.get("token_endpoint_auth_method", "")), True),
        (_("PKCE"), _pkce(client), False),
        (_("Access token"), lasting(access), False),
        (_("Refresh token"), _refresh(server, client), False),
        *_openid(server, client),
        (_("Introspection"), _("any token") if client.may_introspect else _("its own tokens"), False),
        (_("Asking people"), _("never: they are not asked") if client.first_party else _("until they allow it"), False),
    ]
    return [fact for fact in facts if fact[1]]


def _openid(server: ServerState, client: Any) -> list[tuple[str, str, bool]]:
    """How it is told of people, and of the end of their sessions; only what is not as for everybody."""
    if server.id_tokens is None or SIGN_IN not in client.scopes:
        return []
    metadata = client.client_metadata
    names = {
        "id_token_signed_response_alg": _("ID tokens signed"),
        "id_token_encrypted_response_alg": _("ID tokens encrypted"),
        "userinfo_signed_response_alg": _("Userinfo signed"),
        "userinfo_encrypted_response_alg": _("Userinfo encrypted"),
        "jwks_uri": _("Its keys"),
        "sector_identifier_uri": _("Sector"),
        "backchannel_logout_uri": _("Back-channel logout"),
        "frontchannel_logout_uri": _("Front-channel logout"),
    }
    apart = metadata.get("subject_type") == "pairwise"
    return [
        *((label, str(metadata.get(name) or ""), True) for name, label in names.items()),
        (_("Identifiers of people"), _("others than other clients are told") if apart else "", False),
        (_("After signing out"), ", ".join(metadata.get("post_logout_redirect_uris") or ()), True),
    ]


def _pkce(client: Any) -> str:
    if "authorization_code" not in client.allowed_grant_types:
        return ""
    required = not client.is_confidential or client.client_metadata.get("require_pkce", True)
    return _("required, S256") if required else _("not required")


def _refresh(server: ServerState, client: Any) -> str:
    if "refresh_token" not in client.allowed_grant_types:
        return ""
    idle = lasting(client.refresh_token_expires_in or server.settings["OAUTH2_REFRESH_EXPIRES_IN"])
    most = lasting(server.settings["OAUTH2_AUTHORIZATION_EXPIRES_IN"])
    if client.is_confidential and client.refresh_rotation == "never":
        return _("%(idle)s unused, %(most)s at most, never replaced", idle=idle, most=most)
    return _("%(idle)s unused, %(most)s at most, replaced at each use", idle=idle, most=most)


def lasting(seconds: int) -> str:
    """Such as "30 days": in the greatest unit that it is a whole number of."""
    units: list[tuple[int, Any]] = [
        (86400, partial(ngettext, "%(num)s day", "%(num)s days")),
        (3600, partial(ngettext, "%(num)s hour", "%(num)s hours")),
        (60, partial(ngettext, "%(num)s minute", "%(num)s minutes")),
        (1, partial(ngettext, "%(num)s second", "%(num)s seconds")),
    ]
    return next(str(told(seconds // unit)) for unit, told in units if seconds % unit == 0)


def _live(server: ServerState, client: Any) -> list[tuple[Any, str]]:
    """The latest authorizations that can be used, each with where it is ended."""
    rows = server.storage.overview.live_authorizations(client.id, _FEW)
    return [(line, _act(client, "client_end", public_id=line.public_id)) for line in authorization_lines(server, rows)]


def _refused(server: ServerState, client: Any) -> list[Refused]:
    """Why this client was refused in the last days, the most frequent first."""
    since = clock.now() - timedelta(days=_WEEK)
    groups = server.storage.failures.groups(since=since, client_pk=client.id)
    return [_refused_row(server, group) for group in sorted(groups, key=lambda group: -group.times)]


def _refused_count(server: ServerState, client: Any, rows: Sequence[Refused]) -> int:
    """How often; all are counted, only the latest are kept."""
    counted = server.storage.daily_counts.per_client("refused", [client.id], _WEEK)
    return max(counted.get(client.id, 0), sum(row.times for row in rows))


def _trouble(rows: Sequence[Refused], times: int) -> Trouble | None:
    """The one cause of nearly all of it, if there is one."""
    kept = sum(row.times for row in rows)
    if times < _TROUBLE or not rows or rows[0].times < _ONE_REASON * kept:
        return None
    return Trouble(times, rows[0].cause, rows[0].url, len(rows) == 1)


def _refused_row(server: ServerState, group: Any) -> Refused:
    url = ""
    if is_served(server, "failure"):
        url = url_for(f"{BLUEPRINT}.failure", reference=group.reference)
    where = str(group.endpoint).rpartition(".")[2]
    detail = _("%(error)s at %(endpoint)s", error=group.error, endpoint=where)
    return Refused(group.times, sentence(group.cause), detail, url, group.created_at)
