"""Run a client's flow inside this very server, to see whether it works; nothing of it stays.

No redirect is followed and the client does not authenticate; all else is what a client would meet.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

from .. import clock, jose
from ..domain import audit, tokens
from ..domain.offline import SIGN_IN
from ..domain.why import Explanation, explained
from ..errors import ProtocolError, TokenRefused
from ..reasons import Reason
from ..state import ServerState
from ..storage.clients import ClientInfo
from ..transport import endpoint_url
from . import authorization_request, parameters, responses
from .client_auth import failed
from .parameters import Pair
from .request import ProtocolRequest

#: Why what a trial obtained has ended.
ENDED = "tried by an administrator"
#: Members of answers whose values are told by their length alone.
_HIDDEN = frozenset(("code", "access_token", "refresh_token", "id_token", "code_verifier", "state", "nonce"))


class Step(NamedTuple):
    """One request of a trial and its answer, as lines."""

    title: str
    request: list[str]
    answer: list[str]


class Told(NamedTuple):
    """What the client is told of the person.

    :ivar header: of the ID token; ``claims``: what it says, once it is verified; both empty where it is encrypted for
        the client.
    :ivar userinfo: what userinfo would answer.
    """

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    userinfo: Mapping[str, Any]


@dataclass
class Trial:
    """What came of a trial.

    :ivar steps: requests and answers, in order.
    :ivar failure: why it failed, or None.
    :ivar milliseconds: how long all of it took.
    :ivar scopes: what the token allowed.
    :ivar revoked: whether what was obtained is refused now.
    :ivar told: of the person, or None where nobody was signed in to the client.
    """

    steps: list[Step] = field(default_factory=list)
    failure: Explanation | None = None
    milliseconds: int = 0
    scopes: list[str] = field(default_factory=list)
    revoked: bool = False
    told: Told | None = None


def run(
    server: ServerState,
    client: ClientInfo,
    user_key: Any,
    *,
    redirect_uri: str,
    scopes: Sequence[str],
    only_check: bool = False,
) -> Trial:
    """Run the code flow of *client* as the person *user_key*, or its client credentials where it has no
    code flow.

    What it obtained is revoked before this returns, whatever happens.

    :param redirect_uri: sent as it is.
    :param only_check: judge the authorization request, and grant nothing.
    """
    trial, started = Trial(), time.perf_counter()
    of_client = {"client_id": client.client_id, "client_name": client.name}
    server.storage.unit.run(partial(server.audit.note, audit.CLIENT_TRIED, None, **of_client))
    runner = _Runner(server, client, user_key, trial)
    try:
        if client.response_types:
            runner.code_flow(redirect_uri, scopes, only_check)
        else:
            runner.client_credentials(scopes)
    except ProtocolError as refusal:
        runner.refused(refusal)
    finally:
        runner.end()
    trial.milliseconds = max(1, round((time.perf_counter() - started) * 1000))
    return trial


class _Runner:
    def __init__(self, server: ServerState, client: ClientInfo, user_key: Any, trial: Trial) -> None:
        self.server, self.client, self.user_key, self.trial = server, client, user_key, trial
        self.pending: tuple[str, str, list[Pair]] | None = None
        self.authorization_id: int | None = None
        self.access_token: str | None = None

    def code_flow(self, redirect_uri: str, scopes: Sequence[str], only_check: bool) -> None:
        verifier, state, nonce = tokens.random_text(64), tokens.random_text(16), tokens.random_text(16)
        digest = hashlib.sha256(verifier.encode()).digest()
        sent = [
            ("response_type", "code"),
            ("client_id", self.client.client_id),
            ("redirect_uri", redirect_uri),
            ("scope", " ".join(scopes)),
            ("state", state),
            ("nonce", nonce if SIGN_IN in scopes else ""),
            ("code_challenge", base64.urlsafe_b64encode(digest).rstrip(b"=").decode()),
            ("code_challenge_method", "S256"),
        ]
        self.pending = ("Authorization request", "authorize", [pair for pair in sent if pair[1]])
        request = self._validated()
        if only_check:
            self._done(["It would be shown to the person."])
            return
        answer = self._granted(request)
        self._done([f"302 {request.redirect_uri}", *_shown({**answer, "state": state, "iss": self.server.issuer()})])
        exchange = [
            ("grant_type", "authorization_code"),
            ("code", answer["code"]),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ]
        obtained = self._token("Token request", exchange)
        self._look_at(obtained["access_token"])
        if "id_token" in obtained:
            self._read(obtained["id_token"], request, nonce)
        if "refresh_token" in obtained:
            again = [("grant_type", "refresh_token"), ("refresh_token", obtained["refresh_token"])]
            self._token("Refresh", again)

    def client_credentials(self, scopes: Sequence[str]) -> None:
        sent = [("grant_type", "client_credentials"), ("scope", " ".join(scopes))]
        sent = [pair for pair in sent if pair[1]]
        self.pending = ("Token request", "access_token", sent)
        if self.client.disabled:  # which the authentication, left out here, would have found
            raise failed(Reason("client_disabled", "the client is disabled"))
        if "client_credentials" not in self.server.grants:
            raise ProtocolError("unsupported_grant_type", detail=Reason("grant_type_not_offered"))
        obtained = self._token("Token request", sent)
        self._look_at(obtained["access_token"])

    def _validated(self) -> ProtocolRequest:
        assert self.pending is not None
        sent = parameters.selected(self.server, "authorize", self.pending[2])
        request, error = authorization_request.validate(self.server, authorization_request.filtered(self.server, sent))
        if error is not None:
            raise error
        return request

    def _granted(self, request: ProtocolRequest) -> dict[str, str]:
        scopes, how = list(request.scopes or ()), audit.TRIED
        answer = authorization_request.grant(
            self.server, request, self.user_key, scopes, use_up_ticket=_nothing, reason=how
        )
        self.authorization_id = request.authorization_id
        return answer

    def _token(self, title: str, pairs: list[Pair]) -> dict[str, Any]:
        self.pending = (title, "access_token", pairs)
        sent = parameters.selected(self.server, "token", pairs)
        answer = self.server.provider.token(sent, self.client)
        self.access_token = answer["access_token"]
        self._done(["200", *_shown(answer)])
        return answer  # type: ignore[no-any-return]

    def _look_at(self, value: str) -> None:
        token = self.server.bearer.find(value)
        assert token is not None
        self.trial.scopes = list(token.scopes)

    def _read(self, id_token: str, request: ProtocolRequest, nonce: str) -> None:
        """Verify an ID token as its client would, unless it is for the client's eyes alone."""
        server, header, claims = self.server, {}, {}
        if not self.client.metadata.get("id_token_encrypted_response_alg"):
            try:
                header, claims = jose.header_of(id_token), jose.verified(id_token, server.keys.verifiers())
            except jose.Invalid as invalid:
                raise ProtocolError("server_error", detail=Reason("other", f"the ID token: {invalid}")) from invalid
            expected = {"iss": server.issuer(), "aud": self.client.client_id, "nonce": nonce}
            if {name: claims.get(name) for name in expected} != expected:
                raise ProtocolError("server_error", detail=Reason("other", "the ID token is another client's"))
        told = server.user_claims.in_userinfo(self.user_key, self.trial.scopes, request.wanted)
        sub = server.identifiers.of(self.client, self.user_key)
        self.trial.told = Told(header, claims, {"sub": sub, **told})

    def _done(self, answer: list[str]) -> None:
        assert self.pending is not None
        title, endpoint, pairs = self.pending
        address = endpoint_url(self.server.issuer(), f"oauth2server.{endpoint}")
        line = f"{'GET' if endpoint == 'authorize' else 'POST'} {address}"
        self.trial.steps.append(Step(title, [line, *_shown(dict(pairs))], answer))

    def refused(self, error: ProtocolError) -> None:
        """Explain a refusal; it is not counted as one of the client's."""
        assert self.pending is not None
        told = responses.told_members(error)
        self._done([str(error.status), *_shown(told)])
        reason = error.detail if isinstance(error.detail, Reason) else Reason("other", error.detail)
        facts = dict(reason.facts)
        more = facts.pop("more", dict)
        row = SimpleNamespace(
            cause=reason.cause,
            endpoint=f"oauth2server.{self.pending[1]}",
            facts={**facts, **more(), "detail": str(reason)},
            client_id=self.client.client_id,
            client_pk=self.client.pk,
            error=error.error,
            status=error.status,
            reference="",
            created_at=clock.now(),
        )
        self.trial.failure = explained(row)

    def end(self) -> None:
        """Revoke what was obtained, and make sure that it is refused."""
        storage = self.server.storage
        if self.authorization_id is not None:
            storage.unit.run(partial(self.server.authorizations.revoke, self.authorization_id, ENDED))
        elif self.access_token is not None:
            row = storage.tokens.find_access(tokens.digest(self.access_token))
            storage.unit.run(partial(storage.tokens.revoke, row.id))
        self.trial.revoked = self.access_token is None or self._is_refused(self.access_token)

    def _is_refused(self, value: str) -> bool:
        with suppress(TokenRefused):
            return self.server.bearer.find(value) is None
        return True


def _nothing() -> None:
    """There is no ticket to use up, and no consent that could be withdrawn."""


def _shown(members: Mapping[str, Any]) -> list[str]:
    return [
        f"  {name} = {f'({len(str(value))} characters)' if name in _HIDDEN else value}"
        for name, value in members.items()
    ]
