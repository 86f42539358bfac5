"""One app's parts, and the verbs by which features join. No logic lives here.

The verbs are the complete list of ways the house can be extended, by users too; see
``docs/architecture.rst``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from . import transport
from .domain import tokens
from .domain.acr import AcrValues
from .domain.applications import Applications
from .domain.audit import Audit
from .domain.authorizations import AuthorizationRegistry
from .domain.bearer import DatabaseTokens, TokenInfo
from .domain.claims import UserClaims
from .domain.client_documents import ClientDocuments
from .domain.client_keys import ClientKeys
from .domain.client_search import ClientSearch
from .domain.clients import OFFER, ClientRegistry
from .domain.consent import Consents
from .domain.devices import Devices
from .domain.failures import Failures
from .domain.fingerprints import Keyring
from .domain.grants import HandleKind, Handles
from .domain.id_tokens import IdTokens
from .domain.identifiers import Identifiers
from .domain.keys import Keys
from .domain.logouts import Logouts
from .domain.metadata import FIELDS, Available, Check, Field, sorted_words
from .domain.offline import Offline
from .domain.purge import Purger
from .domain.records import Records
from .domain.seals import Seals
from .domain.subjects import Subjects
from .domain.throttle import Throttle
from .domain.token_cache import TokenCache
from .domain.token_push import TokenPush
from .domain.tokens import Values
from .domain.why import Why
from .fetch import Fetcher
from .registers import ClientAuth, EndpointParameters, GrantType, ResponseType, Route, TokenType
from .scopes import ScopeRegistry
from .storage import Storage
from .storage.clients import ClientInfo

if TYPE_CHECKING:
    from .doctor import Doctor
    from .extension import OAuth2Server


class ServerState:
    """Everything of one app; stored in ``app.extensions["oauth2server"]``.

    :param extension: the :class:`~flask_oauth2server.OAuth2Server` object.
    :param settings: the ``OAUTH2_*`` settings, read once.
    :param storage: all queries.
    :param scopes: the scopes of this app.
    :param development: whether this is the bare start.
    :param testing: whether that, debug or testing is on.
    """

    def __init__(
        self,
        extension: OAuth2Server,
        settings: Mapping[str, Any],
        storage: Storage,
        scopes: ScopeRegistry,
        *,
        development: bool,
        testing: bool,
    ) -> None:
        self.extension = extension
        self.settings = settings
        self.storage = storage
        self.scopes = scopes
        self.development = development
        self.testing = testing
        self.hooks: dict[str, Callable[..., Any]] = extension.hooks
        self.login_manager: Any = None
        #: Views that CSRFProtect leaves alone.
        self.passed_views: set[Callable[..., Any]] = set()
        self.provider: Any = None
        self.doctor: Doctor
        #: Counts the current request under the rate of its route; raises TooMany.
        self.rates: Callable[[Route], None] = lambda _: None
        #: What stands before the lookup of our own tokens, and what tells other processes of changes.
        self.token_cache: TokenCache | None = None
        self.token_push: TokenPush | None = None
        self.id_tokens: IdTokens | None = None
        self.logouts: Logouts | None = None
        self._open_registers()
        self._make_parts()

    def _open_registers(self) -> None:
        """What the verbs fill."""
        self.routes: list[Route] = []
        self.parameters: dict[str, EndpointParameters] = {}
        #: What each endpoint knows in all, worked out when it is asked first.
        self.known_parameters: dict[str, dict[str, bool]] = {}
        self.client_metadata: dict[str, Field] = dict(FIELDS)
        self.client_auths: dict[str, ClientAuth] = {}
        self.grants: dict[str, GrantType] = {}
        self.response_types: dict[str, ResponseType] = {}
        self.response_modes: dict[str, Callable[[Any, Mapping[str, str]], Any]] = {}
        self.request_filters: list[Callable[[Any], Any]] = []
        self.request_checks: list[Callable[[Any], None]] = []
        self.token_filters: list[Callable[[Any], None]] = []
        self.token_preparations: list[Callable[[ClientInfo], None]] = []
        self.token_types: dict[str, TokenType] = {}
        self.token_lookups: list[Callable[[str], TokenInfo | None]] = []
        self.session_ends: list[Callable[[Sequence[str]], None]] = []
        self.introspection: list[Callable[[Any], Mapping[str, Any]]] = []
        self.metadata: list[Callable[[str], Mapping[str, Any]]] = []
        self.well_known = ["oauth-authorization-server"]
        self.pages: dict[str, Callable[..., Any]] = {}
        self.commands: list[click.Command] = []
        self.cleanups: list[Callable[[int], int]] = []

    def _make_parts(self) -> None:
        """What does the work, each after those that it needs."""
        settings, storage, scopes = self.settings, self.storage, self.scopes
        # The tables that features share; a feature with a table of its own adds to them.
        shared = (storage.authorizations, storage.grants, storage.tokens, storage.replays, storage.failure_counts)
        self.cleanups += [queries.purge for queries in shared]
        kept = settings["OAUTH2_FAILURES_EXPIRES_IN"], settings["OAUTH2_FAILURES_KEPT"]
        self.add_cleanup(partial(storage.failures.purge, *kept))
        self.add_cleanup(partial(storage.daily_counts.purge, settings["OAUTH2_COUNTS_EXPIRES_IN"]))
        keyring = Keyring(settings)
        self.seals = Seals(storage, keyring, settings["OAUTH2_AUDIT_EXPIRES_IN"])
        self.add_cleanup(self.seals.purge)

        self.values = Values(settings["OAUTH2_TOKEN_PREFIX"], settings["OAUTH2_TOKEN_PREFIXES"])
        self.handles = Handles(storage, self.values)
        self.add_handle(OFFER, tokens.OFFER, settings["OAUTH2_OFFER_EXPIRES_IN"])
        self.subjects = Subjects(storage, self.hooks)
        self.devices = Devices(settings, self.hooks)
        self.audit = Audit(storage, self.devices, self.subjects, keyring)
        self.keys = Keys(storage, settings, self.audit)
        self.add_cleanup(self.keys.purge)
        self.identifiers = Identifiers(self.subjects, self.keys)
        self.fetcher = Fetcher(settings["OAUTH2_FETCH_PRIVATE_HOSTS"])
        self.client_documents = ClientDocuments(self.fetcher)
        self.client_keys = ClientKeys(self.client_documents)
        self.acr = AcrValues(settings["OAUTH2_ACR_VALUES"], self.hooks)
        self.user_claims = UserClaims(self.subjects, self.hooks, scopes)
        self.bearer = DatabaseTokens(storage, self.values, self.subjects)
        self.offline = Offline(self.grants, settings["OAUTH2_REVOKE_ON_LOGOUT"])
        self.consents = Consents(storage, scopes, settings["OAUTH2_LOOPBACK_HOSTS"], self.offline)
        self.authorizations = AuthorizationRegistry(
            storage, self.values, scopes, settings, self.offline, self.audit, self.devices
        )
        self.applications = Applications(storage)
        self.throttle = Throttle(storage, settings)
        self.purger = Purger(storage, self.cleanups, self.seals.step, settings["OAUTH2_PURGE_INTERVAL"])
        self.records = Records(storage, self.authorizations.note_uses, self.purger.step)
        self.why = Why(storage, self.values, self.subjects)
        self.failures = Failures(self.records, settings, self.devices)
        available = Available(self.grants, self.response_types, self.client_auths, scopes)
        self.clients = ClientRegistry(storage, self.values, self.client_metadata, available, settings, self.audit)
        self.client_search = ClientSearch(storage, self.subjects, settings["OAUTH2_USER_SEARCH_COLUMNS"])

    def issuer(self) -> str:
        """The issuer identifier of the current request.

        :raises IssuerUnknown: if there is none.
        """
        return transport.issuer(self.settings, development=self.development)

    def may_have(self, client: ClientInfo, scope: str) -> bool:
        """Whether a scope exists and *client* may ask for it, as both are now."""
        return scope in client.scopes and scope in self.scopes

    def add_route(
        self,
        rule: str,
        name: str,
        view: Callable[..., Any],
        *,
        page: bool,
        at_root: bool = False,
        methods: Sequence[str] = ("GET", "HEAD"),
        cors: bool = False,
        checks_csrf: bool = False,
        blueprint: str = "oauth2server",
        rate: str = "",
        uploads: int = 0,
    ) -> None:
        """Serve *view* at *rule*.

        :param rule: below the prefix of the blueprint, or below the root with *at_root*.
        :param name: the endpoint's name within the blueprint.
        :param page: True for people: HTML errors, security headers, CSRF. False for programs: JSON
            errors, no-store, passed by CSRF.
        :param methods: any other one is answered 405.
        :param cors: whether pages of any origin may read the answer, without credentials.
        :param checks_csrf: whether a page checks the CSRF token itself, where one is due.
        :param blueprint: ``oauth2server``, or ``oauth2server_settings`` for pages of people's own.
        :param rate: the limit that requests are counted under: ``token`` for
            ``OAUTH2_RATE_TOKEN``; empty: none.
        :param uploads: bytes that a body may have beyond ``OAUTH2_MAX_CONTENT_LENGTH``.
        """
        route = Route(rule, name, view, page, at_root, tuple(methods), cors, checks_csrf, blueprint, rate, uploads)
        self.routes.append(route)

    def add_parameters(
        self, endpoint: str, *names: str, repeatable: bool = False, authenticates: bool = False, like: str | None = None
    ) -> None:
        """Let *endpoint* know parameters; all others are ignored there.

        :param repeatable: whether *names* may be sent more than once.
        :param authenticates: also what client authentication sends.
        :param like: also whatever that endpoint knows.
        """
        known = self.parameters.get(endpoint) or EndpointParameters({}, [], False)
        known.names.update(dict.fromkeys(names, repeatable))
        known.likes.extend([like] if like else [])
        self.parameters[endpoint] = known._replace(authenticates=known.authenticates or authenticates)

    def add_client_metadata(
        self, name: str, default: Any = None, check: Check | None = None, confirm: Check | None = None
    ) -> None:
        """A further RFC 7591 name that clients may register; *check(value, metadata)* raises ValueError.

        :param confirm: such a check that asks another machine: only where value or redirect URIs are new.
        """
        self.client_metadata[name] = Field(default, check, confirm)

    def add_client_auth(
        self,
        method: str,
        find: Callable[[Any], tuple[str, Any] | None],
        verify: Callable[[ClientInfo, Any], bool],
        *parameters: str,
        uses_secret: bool = False,
    ) -> None:
        """A method of client authentication.

        :param method: its registered name, such as ``client_secret_basic``.
        :param find: parameters in; client id and credential out, or None if there is none.
        :param verify: whether the credential is the client's.
        :param parameters: what it sends in the body.
        :param uses_secret: whether its clients are given a secret.
        """
        self.client_auths[method] = ClientAuth(find, verify, parameters, uses_secret)

    def add_handle(self, kind: str, prefix: str, lifetime: int) -> None:
        """A kind of single-use handle, with the letter in its values and its life in seconds."""
        self.handles.kinds[kind] = HandleKind(prefix, lifetime)

    def add_grant(
        self,
        grant_type: str,
        grant_class: type[Any],
        before_unit: Callable[[Any, ClientInfo], None] | None = None,
        *,
        apart: bool = False,
    ) -> None:
        """A grant at the token endpoint, unless ``OAUTH2_ALLOWED_GRANT_TYPES`` leaves it out.

        :param grant_class: an oauthlib grant; its ``create_token_response`` runs inside the unit.
        :param before_unit: called with parameters and client once, outside; commits what must
            survive an error.
        :param apart: from its first write on it does nothing by ``db.session``, which is spared then where nobody
            can tell.
        """
        allowed = self.settings["OAUTH2_ALLOWED_GRANT_TYPES"]
        if allowed is None or grant_type in allowed:
            self.grants[grant_type] = GrantType(grant_class, before_unit, apart)

    def add_response_type(self, words: str, grant_class: type[Any], mode: str) -> None:
        """A response type, unless ``OAUTH2_ALLOWED_RESPONSE_TYPES`` leaves it out.

        :param grant_class: ``validate_authorization_request(request)`` of oauthlib, and
            ``grant(request)``, which runs in the granting unit and returns parameters.
        :param mode: the default response mode.
        """
        allowed, words = self.settings["OAUTH2_ALLOWED_RESPONSE_TYPES"], sorted_words(words)
        if allowed is None or words in map(sorted_words, allowed):
            self.response_types[words] = ResponseType(grant_class, mode)

    def add_response_mode(self, name: str, render: Callable[[Any, Mapping[str, str]], Any]) -> None:
        """A way to hand parameters to a redirect URI: *render(request, parameters)*; the request has both."""
        self.response_modes[name] = render

    def add_request_filter(self, peek: Callable[[Any], Any]) -> None:
        """*peek(parameters)* returns the parameters of an authorization request, maybe others."""
        self.request_filters.append(peek)

    def add_request_check(self, check: Callable[[Any], None]) -> None:
        """*check(request)* runs just after the redirect URI; it raises what the client is told."""
        self.request_checks.append(check)

    def add_token_filter(
        self, change: Callable[[Any], None], prepare: Callable[[ClientInfo], None] | None = None
    ) -> None:
        """*change(issuance)* runs in the unit, before the insert.

        :param prepare: called with the client once before a token request's unit; may commit what the filter needs.
        """
        self.token_filters.append(change)
        self.token_preparations += [] if prepare is None else [prepare]

    def add_token_type(self, scheme: str, judge: Callable[[TokenInfo], None]) -> None:
        """An authentication scheme at the resource; *judge(token)* raises TokenRefused."""
        self.token_types[scheme.lower()] = TokenType(scheme, judge)

    def add_token_lookup(self, find: Callable[[str], TokenInfo | None]) -> None:
        """*find(value)* returns a token or None, or raises TokenRefused."""
        self.token_lookups.append(find)

    def add_token_cache(self, cache: TokenCache) -> None:
        """*cache.find(value)* is asked instead of the lookup of this provider's own tokens, which it asks in turn.

        It is told which rows may have changed (*forget*), and of each use that is about to be written (*note_use*).
        """
        own = self.bearer.find
        self.token_lookups[:] = [cache.find if find == own else find for find in self.token_lookups]
        self.storage.changes.listen(cache.forget, cache.now)
        self.token_cache = cache

    def add_session_end(self, listener: Callable[[Sequence[str]], None]) -> None:
        """*listener(sids)* is called when somebody signs out, within that request."""
        self.session_ends.append(listener)

    def add_introspection(self, members: Callable[[Any], Mapping[str, Any]]) -> None:
        """*members(row)* returns further members of an introspection answer."""
        self.introspection.append(members)

    def add_metadata(self, members: Callable[[str], Mapping[str, Any]]) -> None:
        """*members(issuer)* returns further members of the server's metadata."""
        self.metadata.append(members)

    def add_well_known(self, name: str) -> None:
        """Serve that at ``/.well-known/<name>``, too."""
        self.well_known.append(name)

    def add_page(self, name: str, render: Callable[..., Any]) -> None:
        """Fill the page slot *name*."""
        self.pages[name] = render

    def add_command(self, command: click.Command) -> None:
        """A command, or group of commands, below ``flask oauth2``."""
        self.commands.append(command)

    def add_cleanup(self, purge: Callable[[int], int]) -> None:
        """*purge(limit)* removes at most *limit* rows and returns how many it removed."""
        self.cleanups.append(purge)
