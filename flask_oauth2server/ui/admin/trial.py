"""Try it: a client's flow is run inside this server, and what came of it is shown; with ready code below."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from ...errors import IssuerUnknown
from ...oauth import trial
from ...oauth.trial import Step, Trial
from ...state import ServerState
from ...storage.clients import ClientInfo
from ...text import _
from ..portraits import address
from ..visit import missing
from .client_page import addressed
from .explained import Told, told
from .snippets import snippets
from .trial_form import CODE, TrialForm, trial_form
from .visit import BLUEPRINT, AdminVisit, add_page, is_served


def init_app(server: ServerState) -> None:
    """Join."""
    add_page(server, "/clients/<client_id>/try/", "client_try", client_try, posts=True)


@dataclass(frozen=True)
class Result:
    """What came of a trial.

    :ivar works: whether all went well; ``headline`` says it, and ``detail`` more.
    :ivar told: why it failed, or None.
    :ivar revoked: what became of what was obtained; ``left``: it could not be revoked.
    :ivar scopes: what the token allowed.
    :ivar signed: how the ID token is signed, ``said``: what it says, as JSON; empty where it is encrypted.
    :ivar userinfo: what userinfo would answer, as JSON; None: nobody was signed in to the client.
    """

    works: bool
    headline: str
    detail: str
    told: Told | None
    revoked: str
    left: bool
    scopes: Sequence[str]
    steps: Sequence[Step]
    signed: str
    said: str
    userinfo: str | None


def client_try(visit: AdminVisit, client_id: str) -> Any:
    """The form; sent with a good CSRF token it is run."""
    server = visit.server
    client = addressed(visit, client_id)
    info = server.storage.clients.info(client.client_id)
    if info is None:
        raise missing()
    form = trial_form(server, client, sent=request.method == "POST")
    result = None
    if visit.posted and not form.none:
        only_check = form.kind == CODE and "check" in request.form
        found = trial.run(
            server, info, visit.key, redirect_uri=form.redirect_uri, scopes=form.chosen, only_check=only_check
        )
        result = _result(found, client, info, form, only_check)
    return visit.render(
        "client_try.html",
        section="clients",
        app_name=client.name,
        trial=form,
        result=result,
        disabled=info.disabled,
        groups=_code(server, info, form),
        uses_secret=info.is_confidential,
        method=info.auth_method,
        client_url=url_for(f"{BLUEPRINT}.client", client_id=address(client)),
        tokens_url=_tokens_url(server, client),
    )


def _code(server: ServerState, info: ClientInfo, form: TrialForm) -> Any:
    try:
        return snippets(server, info, form.begins_with)
    except IssuerUnknown:
        return []


def _tokens_url(server: ServerState, client: Any) -> str | None:
    return url_for(f"{BLUEPRINT}.tokens", client=address(client)) if is_served(server, "tokens") else None


def _result(found: Trial, client: Any, info: ClientInfo, form: TrialForm, only_check: bool) -> Result:
    explained = None if found.failure is None else told(found.failure, client)
    headline, detail = _words(found, info, form, only_check, explained)
    obtained = len(found.steps) > 1 or (explained is None and not only_check)
    revoked = _("What it obtained is revoked.") if obtained else _("It obtained nothing.")
    if not found.revoked:
        revoked = _("What it obtained could not be revoked. End it by hand.")
    steps = [Step(_titles().get(step.title, step.title), step.request, step.answer) for step in found.steps]
    return Result(
        works=explained is None,
        headline=headline,
        detail=detail,
        told=explained,
        revoked=revoked,
        left=not found.revoked,
        scopes=found.scopes,
        steps=steps,
        signed=_json(found.told.header) if found.told else "",
        said=_json(found.told.claims) if found.told else "",
        userinfo=_json(found.told.userinfo) if found.told else None,
    )


def _json(members: Mapping[str, Any]) -> str:
    return json.dumps(members, indent=2, ensure_ascii=False) if members else ""


def _words(
    found: Trial, info: ClientInfo, form: TrialForm, only_check: bool, explained: Told | None
) -> tuple[str, str]:
    if explained is not None:
        says_more = explained.detail.rstrip(".") != explained.title
        return explained.title, explained.detail if says_more else ""
    time = _("%(number)s\N{NO-BREAK SPACE}ms.", number=found.milliseconds)
    if only_check:
        asked = _("The person would not be asked: the client is first-party.") if info.first_party else None
        return _("The request is good."), f"{asked or _('The person would be asked.')} {time}"
    if form.kind == CODE:
        valid = _("Code received, exchanged, token valid.")
        if found.told and found.told.claims:
            valid = _("Code received, exchanged, ID token valid.")
        return _("It works."), f"{valid} {time}"
    return _("It works."), f"{_('Token received, valid.')} {time}"


def _titles() -> dict[str, str]:
    return {
        "Authorization request": _("Authorization request"),
        "Token request": _("Token request"),
        "Refresh": _("Refresh"),
    }
