"""Refusals, kept for administrators: the precise reason, and the request without its secrets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from flask import g, request

from .. import clock
from ..reasons import Plain, Reason
from ..transport import network
from .causes import cause_of
from .cleaning import cleaned, scheme_of
from .devices import Devices
from .records import Records

#: Parameters whose values tell why, and are no secrets.
_SHOWN = frozenset(
    ("client_id", "redirect_uri", "response_type", "response_mode", "scope", "grant_type", "prompt", "max_age")
) | frozenset(("code_challenge_method", "token_type_hint", "display", "ui_locales", "acr_values", "resource"))
_MOST = 40

#: So many refusals of one cause and client are kept at once, and then one in so many seconds.
_BURST, _PAUSE = 20, 60
#: The same for all of a process together.
_BURST_IN_ALL, _PAUSE_IN_ALL = 100, 1
#: The same for all that is refused before a client or a token is known: anybody can make up what it names.
_BURST_OF_STRANGERS, _PAUSE_OF_STRANGERS = 50, 60
#: Checks that fail before anybody is known.
_BEFORE_KNOWN = frozenset(("transport", "readable", "one_method", "client", "token_sent", "token_known"))
_MOST_BUDGETS = 1000
#: The database may be away: nothing is written then, which would only make the next request wait, too.
_NOT_NOW = 503


class Budget:
    """Lets so many through at once, and one more after each pause.

    :param burst: how many at once.
    :param pause: seconds.
    """

    def __init__(self, burst: int, pause: float) -> None:
        self._burst, self._pause = burst, pause
        self._left, self._at = float(burst), clock.timestamp()

    def take(self) -> bool:
        """Take one, if there is one left."""
        now = clock.timestamp()
        self._left = min(self._burst, self._left + max(0.0, now - self._at) / self._pause)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Failures:
    """Refusals of one app.

    :param records: where they are written.
    :param settings: reads ``OAUTH2_ENABLE_FAILURES``.
    :param devices: tells where a request came from, as far as that is kept.
    """

    def __init__(self, records: Records, settings: Mapping[str, Any], devices: Devices) -> None:
        self._records = records
        self._on = bool(settings["OAUTH2_ENABLE_FAILURES"])
        self._devices = devices
        self._all = Budget(_BURST_IN_ALL, _PAUSE_IN_ALL)
        self._strangers = Budget(_BURST_OF_STRANGERS, _PAUSE_OF_STRANGERS)
        self._budgets: OrderedDict[tuple[str, str], Budget] = OrderedDict()

    def note(self, reference: str, detail: str, error: str, status: int, client_id: str | None) -> None:
        """Count a refusal of the current request, and keep its reason unless there are too many alike.

        :param detail: the private reason, a :class:`.Reason` where more is known.
        :param error: the error code that is told.
        :param client_id: the client, as far as the request names one.
        """
        if not self._on:
            return
        cause = detail.cause if isinstance(detail, Reason) else "other"
        named = client_id or next((value for name, value in _sent() if name == "client_id"), None)
        named = named[:512] if named else None
        self._records.count_refusal(cause, named)
        if status == _NOT_NOW or not self._is_kept(cause, named):
            return
        origin = self._devices.origin()
        self._records.keep(
            {
                "reference": reference,
                "cause": cause,
                "error": error[:64],
                "status": status,
                "endpoint": (request.endpoint or "")[:255],
                "client_id": named and cleaned(named),
                "user_id": g.get("oauth2server_person"),  # who is signed in, if that was asked for
                "address": origin.address,
                "created_at": clock.now(),
                "facts": _facts(detail),
            }
        )

    def _is_kept(self, cause: str, client_id: str | None) -> bool:
        """Whether there is room: for the cause and client, or for strangers from one address, and in all."""
        stranger = cause_of(cause).step in _BEFORE_KNOWN
        alike = ("", network(request.remote_addr)) if stranger else (cause, client_id or "")
        budget = self._budgets.get(alike)
        if budget is None:
            budget = self._budgets[alike] = Budget(_BURST, _PAUSE)
            if len(self._budgets) > _MOST_BUDGETS:
                self._budgets.popitem(last=False)
        return budget.take() and (self._strangers if stranger else self._all).take()


def _sent() -> Iterable[tuple[str, str]]:
    pairs: Iterable[tuple[str, str]] = g.get("oauth2server_sent", ())
    return pairs


def _facts(detail: str) -> dict[str, Any]:
    scheme = scheme_of(request.headers.get("Authorization", ""))
    facts = dict(detail.facts) if isinstance(detail, Reason) else {}
    more = facts.pop("more", None)
    parameters = [[name, cleaned(v) if name in _SHOWN else _present(v)] for name, v in list(_sent())[:_MOST]]
    kept = {
        "detail": cleaned(str(detail)),
        "method": request.method,
        "parameters": parameters,
        **({"authorization": scheme} if scheme else {}),
        **{name: _clean(value) for name, value in facts.items()},
    }
    return kept if more is None else {**kept, "more": more}


def _present(value: str) -> str:
    return f"(present, {len(value)} characters)"


def _clean(value: Any) -> Any:
    if isinstance(value, Plain):
        return str(value)
    if isinstance(value, str):
        return cleaned(value)
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value[:_MOST]]
    return value
