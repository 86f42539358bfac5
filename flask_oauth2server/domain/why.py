"""Why did it fail? From a reference to an explanation, from a pasted value to its story."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from .. import clock
from ..storage import Storage
from ..text import Sentence, format_ago, format_moment
from . import differences, tokens
from .causes import CHECKS, Cause, cause_of, flow_of
from .hints import KINDS, hints
from .subjects import Subjects
from .tokens import Values

PASSED, FAILED, NOT_REACHED = "passed", "failed", "not reached"
_REFERENCE = re.compile(r"F-?([0-9A-Z]{4})-?([0-9A-Z]{4})", re.IGNORECASE)


class Check(NamedTuple):
    """A check of the request, and how it ended: :data:`PASSED`, :data:`FAILED` or :data:`NOT_REACHED`."""

    text: str
    state: str


@dataclass(frozen=True)
class Explanation:
    """A failure, explained.

    :ivar row: its row, with ``reference``, ``created_at``, ``client_id``, ``endpoint``, ``error``, ``status``, ...
    :ivar cause: its entry in the catalogue.
    :ivar detail: the private sentence of the log.
    :ivar hints: what else is known.
    :ivar difference: what was sent and what was expected, or None.
    :ivar checks: what was checked, in order.
    :ivar parameters: names and values of the request; secrets are told by their length alone.
    """

    row: Any
    cause: Cause
    detail: str
    hints: list[Sentence]
    difference: differences.Difference | None
    checks: list[Check]
    parameters: list[tuple[str, str]]


@dataclass(frozen=True)
class Story:
    """What is known of a value.

    :ivar kind: what it is, such as "an access token"; empty: it is none of ours.
    :ivar live: whether it is still good.
    :ivar sentences: what became of it, in order.
    :ivar client_id: the client that it was given to, or None.
    :ivar client_pk: the key of that client.
    :ivar user_id: the key of the person, or None.
    :ivar token_pk: the key of the token's row, or None.
    :ivar authorization: the public id of what it hangs on, or None.
    :ivar name: the name of a personal token, or None.
    """

    kind: str
    live: bool = False
    sentences: list[str] = field(default_factory=list)
    client_id: str | None = None
    client_pk: int | None = None
    user_id: Any = None
    token_pk: int | None = None
    authorization: str | None = None
    name: str | None = None


class Why:
    """Explains failures and values of one app.

    :param storage: the queries.
    :param values: recognises values.
    :param subjects: judges users.
    """

    def __init__(self, storage: Storage, values: Values, subjects: Subjects) -> None:
        self._storage = storage
        self._values = values
        self._subjects = subjects

    def reference(self, text: str) -> Explanation | None:
        """The failure that *text* is the reference of, however it is written; or None."""
        found = _REFERENCE.fullmatch(text.strip())
        row = found and self._storage.failures.find(f"F-{found[1]}-{found[2]}".upper())
        return explained(row) if row else None

    def token(self, value: str) -> Story:
        """The story of *value*, which is looked up by its digest and kept nowhere."""
        value = value.strip()
        kind = self._values.kind(value)
        if not kind:
            return Story("", sentences=[self._strange(value)])
        if kind in (tokens.ACCESS, tokens.REFRESH, tokens.PERSONAL):
            row = self._storage.stories.token(tokens.digest(value), refresh=kind == tokens.REFRESH)
            return self._of_token(kind, row) if row is not None else _removed(kind)
        if kind in (tokens.CODE, tokens.OFFER):
            row = self._storage.stories.code(tokens.digest(value))
            return _of_code(kind, row) if row is not None else _removed(kind)
        return Story(KINDS.get(kind, ""), sentences=[f"Its last characters are …{tokens.hint(value)}."])

    def _strange(self, value: str) -> str:
        if self._values.seems_ours(value):
            return (
                "It begins as the values of this provider do, but its end does not fit: it was cut off or mistyped. "
                f"It has {len(value)} characters."
            )
        issuer = _issuer_of(value)
        if issuer is not None:
            return f"It is a JSON Web Token of {issuer or 'somebody who is not named'}, and none of this provider."
        return "It is no value of this provider."

    def _of_token(self, kind: str, row: Any) -> Story:
        is_refresh = kind == tokens.REFRESH
        expires_at = row.refresh_expires_at if is_refresh else row.expires_at
        told = [f"It was issued {_when(row.created_at)}."]
        ends = [*self._rotation(row)] if is_refresh else []
        if row.revoked_at is not None:
            ends.append(f"It was revoked {_when(row.revoked_at)}.")
        ends += _end_of_authorization(row)
        if expires_at <= clock.now():
            ends.append(f"It expired {_when(expires_at)}.")
        if row.client_pk is not None and row.disabled_at is not None:
            ends.append(f"Its client was disabled {_when(row.disabled_at)}.")
        if row.user_id is not None and not self._subjects.is_active(row.user_id):
            ends.append("Its user does not exist any more, or is not active.")
        told += ends
        if row.audience:
            told.append(f"It was issued for another audience: {', '.join(row.audience)}.")
        if not is_refresh and row.last_used_at is not None:
            told.append(f"It was used last {_when(row.last_used_at)}.")
        if not ends:
            told.append(f"It is live, until {format_moment(expires_at)}.")
        return Story(
            KINDS[kind],
            live=not ends,
            sentences=told,
            client_id=row.client_id,
            client_pk=row.client_pk,
            user_id=row.user_id,
            token_pk=row.id,
            authorization=row.public_id,
            name=row.name,
        )

    def _rotation(self, row: Any) -> list[str]:
        if row.refresh_used_at is None:
            return []
        sentence = f"It was rotated {_when(row.refresh_used_at)}"
        successor = self._storage.stories.successor(row.authorization_id, row.generation)
        if successor is None:
            return [f"{sentence}."]
        used = successor.refresh_used_at or successor.last_used_at
        return [f"{sentence}; its successor was {'used' if used else 'not used yet'}."]


def explained(row: Any) -> Explanation:
    """A row of failures, explained."""
    cause, facts = cause_of(row.cause), dict(row.facts)
    difference = None
    if isinstance(facts.get("sent"), str) and isinstance(facts.get("expected"), list):
        difference = differences.between(facts["sent"], facts["expected"])
    return Explanation(
        row=row,
        cause=cause,
        detail=str(facts.get("detail", "")),
        hints=hints(facts),
        difference=difference,
        checks=_checks(row.endpoint, cause),
        parameters=[(name, value) for name, value in facts.get("parameters", ())],
    )


def _checks(endpoint: str, cause: Cause) -> list[Check]:
    flow = flow_of(endpoint, cause)
    failed = flow.index(cause.step)
    states = [PASSED if n < failed else FAILED if n == failed else NOT_REACHED for n in range(len(flow))]
    return [Check(CHECKS[step], state) for step, state in zip(flow, states, strict=True)]


def _removed(kind: str) -> Story:
    sentence = "It is written as one of this provider, but is not there: it ended long ago, or is of another database."
    return Story(KINDS[kind], sentences=[sentence])


def _of_code(kind: str, row: Any) -> Story:
    told, ends = [f"It was made {_when(row.created_at)}."], []
    if row.consumed_at is not None:
        ends.append(f"It was used {_when(row.consumed_at)}.")
    elif row.expires_at <= clock.now():
        ends.append(f"It expired {_when(row.expires_at)}, and was never used.")
    ends += _end_of_authorization(row)
    return Story(
        KINDS[kind],
        live=not ends,
        sentences=[*told, *ends],
        client_id=row.client_id,
        client_pk=row.client_pk,
        user_id=row.user_id,
        authorization=row.public_id,
    )


def _end_of_authorization(row: Any) -> list[str]:
    if row.public_id is not None and row.authorization_revoked_at is not None:
        why = f" ({row.revoked_reason})" if row.revoked_reason else ""
        return [f"What it hangs on was ended {_when(row.authorization_revoked_at)}{why}."]
    return []


def _when(moment: datetime) -> str:
    return f"{format_ago(moment)} ({format_moment(moment)})"


def _issuer_of(value: str) -> str | None:
    """Who a JSON Web Token says it is of, unproven; None: it is none."""
    parts = value.split(".")
    if len(parts) not in (3, 5) or len(value) > 20000:
        return None
    try:
        head, body = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    except (ValueError, binascii.Error, RecursionError):
        return None
    return str(body.get("iss", ""))[:200] if isinstance(head, dict) and isinstance(body, dict) else None
