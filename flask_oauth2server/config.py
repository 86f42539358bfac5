"""Defaults of the ``OAUTH2_*`` keys that no single feature owns, and how they are read.

A feature brings its own in a ``DEFAULTS`` dictionary. Times are in seconds; a
:class:`~datetime.timedelta` is accepted, too.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from .errors import ConfigurationError

#: The issuer identifier (RFC 8414, 2): an https URL without query and fragment. Derived from the
#: request in development mode and debug only.
OAUTH2_ISSUER: str | None = None
#: Where the endpoints for clients live.
OAUTH2_URL_PREFIX = "/oauth"
#: Where people manage their applications and tokens.
OAUTH2_SETTINGS_URL_PREFIX = "/account/settings/applications"
#: Serve the pages where people manage their applications and tokens.
OAUTH2_ENABLE_SETTINGS = True
#: Where administrators look after the provider.
OAUTH2_ADMIN_URL_PREFIX = "/admin/oauth2"
#: Serve the pages of administrators, for whom ``@oauth2.admin_required`` admits.
OAUTH2_ENABLE_ADMIN = True
#: Columns of ``user_model`` by whose beginning administrators find people, those that it has; give each an index.
OAUTH2_USER_SEARCH_COLUMNS = ["email", "username", "name"]
#: Let signed-in people register applications of their own; ``@oauth2.may_register`` narrows it.
OAUTH2_USERS_MAY_REGISTER = True
#: An application may be taken over by whoever was sent the offer for so many seconds.
OAUTH2_OFFER_EXPIRES_IN = 3 * 86400
#: What the pages call this provider; None means the name of the app.
OAUTH2_PROVIDER_NAME: str | None = None
#: Address of the provider's mark on this very server, such as ``/static/mark.svg``.
OAUTH2_PROVIDER_MARK_URL: str | None = None
#: Address of the host's home page, which the provider's name on pages leads to.
OAUTH2_HOME_URL: str | None = None
#: Address of the host's help, linked at the foot of pages.
OAUTH2_HELP_URL: str | None = None
#: Address of the host's privacy policy, linked at the foot of pages.
OAUTH2_PRIVACY_URL: str | None = None
#: A template of the host that all pages extend; it has the blocks ``title``, ``head`` and ``main``.
OAUTH2_BASE_TEMPLATE: str | None = None
#: Colours of the pages: ``auto`` follows the person's system, else ``light`` or ``dark``.
OAUTH2_THEME = "auto"
#: Further sources for the pages' Content-Security-Policy, as ``{"style-src": "https://cdn.example"}``.
OAUTH2_CSP_SOURCES: dict[str, str] = {}
#: Keep address and device (browser and system) of people and of what uses tokens, for their own pages.
OAUTH2_KEEP_ADDRESSES = False
#: Audit events are kept so many seconds.
OAUTH2_AUDIT_EXPIRES_IN = 365 * 86400
#: The key that seals of the audit are made with: a long random text of its own. None: derived from ``SECRET_KEY``.
OAUTH2_AUDIT_KEY: str | None = None
#: Former keys of the audit, with which older seals are still verified.
OAUTH2_AUDIT_KEY_FALLBACKS: list[str] = []
#: Classes of authentication (``acr``) that the app knows, the weakest first; see ``@oauth2.authentication_context``.
OAUTH2_ACR_VALUES: list[str] = []
#: Endpoint of the app's page for new people, to which ``prompt=create`` leads. None: that is not offered.
OAUTH2_SIGN_UP_VIEW: str | None = None
#: Names of hosts that may be asked although they are private, and by plain http: clients in laboratories, whose
#: addresses are asked (logouts, keys, sectors).
OAUTH2_FETCH_PRIVATE_HOSTS: list[str] = []
#: When somebody signs out, end what clients were given in that session and may not use while the person is away: what
#: was asked for with the scope ``openid`` and without ``offline_access``, and what cannot be refreshed.
OAUTH2_REVOKE_ON_LOGOUT = True
#: Keys that tokens are signed with, as a JWK Set in JSON with private parts, from the environment or a secret store.
#: The first one of each algorithm signs, the others verify. None: they are made here, kept encrypted in the
#: database, and replaced by themselves.
OAUTH2_SIGNING_KEYS: str | None = None
#: A signing key is replaced after so many seconds; 0: only by ``flask oauth2 key rotate``.
OAUTH2_KEY_ROTATE_AFTER = 90 * 86400
#: A new signing key is published so many seconds before it signs.
OAUTH2_KEY_PUBLISHED_BEFORE = 86400
#: Keep the reasons of refused requests, for administrators.
OAUTH2_ENABLE_FAILURES = True
#: They are kept so many seconds.
OAUTH2_FAILURES_EXPIRES_IN = 14 * 86400
#: So many of them are kept at most, the latest.
OAUTH2_FAILURES_KEPT = 10_000
#: Counts of each day are kept so many seconds.
OAUTH2_COUNTS_EXPIRES_IN = 90 * 86400
#: Wrong guesses at the short secrets of one client within the window; then it is refused unheard. 0: not counted.
OAUTH2_GUESSES_PER_CLIENT = 100
#: Wrong guesses at short secrets from one address (IPv6: one /64 network) within the window. 0: not counted.
OAUTH2_GUESSES_PER_ADDRESS = 20
#: Length of that window in seconds, 1 at least.
OAUTH2_GUESSES_WINDOW = 3600
#: Limit the rates of requests, where Flask-Limiter is installed (the extra ``limiter``).
OAUTH2_ENABLE_RATE_LIMITS = True
#: Requests of one client from one address to the token and revocation endpoints, as Flask-Limiter writes it:
#: one limit or more, as ``10 per second; 600 per minute``. This and each further one may be empty: no limit.
OAUTH2_RATE_TOKEN = "600 per minute"
#: Requests of one client from one address to the introspection endpoint.
OAUTH2_RATE_INTROSPECT = "6000 per minute"
#: Requests from one address to those three endpoints together, whatever clients they name.
OAUTH2_RATE_ADDRESS = "12000 per minute"
#: Requests of one person from one address to the authorization endpoint, consent among them; who is not signed
#: in shares it with everybody else at that address.
OAUTH2_RATE_AUTHORIZE = "300 per minute"
#: Applications, secrets and tokens that one person makes on the pages, failed tries among them.
OAUTH2_RATE_CREATE = "60 per hour"
#: Where requests are counted, such as ``redis://127.0.0.1:6379/0``. None means the app's
#: ``RATELIMIT_STORAGE_URI``, else the memory of each process.
OAUTH2_RATE_STORAGE_URI: str | None = None
#: Scopes as ``{"email": "Read your e-mail address"}``, beside those registered in code.
OAUTH2_SCOPES: dict[str, str] = {}
#: Life of an authorization code in seconds.
OAUTH2_CODE_EXPIRES_IN = 60
#: Life of an access token in seconds.
OAUTH2_PROVIDER_TOKEN_EXPIRES_IN = 3600
#: A refresh token not used for so many seconds ends.
OAUTH2_REFRESH_EXPIRES_IN = 30 * 86400
#: An authorization ends after so many seconds, however often it is refreshed.
OAUTH2_AUTHORIZATION_EXPIRES_IN = 365 * 86400
#: Life of a personal token in seconds, if none is named.
OAUTH2_PERSONAL_TOKEN_EXPIRES_IN = 90 * 86400
#: The longest life of a personal token in seconds.
OAUTH2_PERSONAL_TOKEN_MAX_EXPIRES_IN = 366 * 86400
#: Grant types that remain of those switched on; None means all.
OAUTH2_ALLOWED_GRANT_TYPES: list[str] | None = None
#: Response types that remain of those switched on; None means all.
OAUTH2_ALLOWED_RESPONSE_TYPES: list[str] | None = None
#: Further host names whose http redirect URIs match on any port, beside 127.0.0.1 and [::1].
OAUTH2_LOOPBACK_HOSTS: list[str] = []
#: Accept plain http from other machines. For laboratories only.
OAUTH2_ALLOW_INSECURE_TRANSPORT = False
#: Prefix of all values made from now on; one letter for their kind and ``_`` follow.
OAUTH2_TOKEN_PREFIX = "o2"
#: Former prefixes, whose values go on working.
OAUTH2_TOKEN_PREFIXES: list[str] = []
#: Length of the random part of a generated client id, in characters.
OAUTH2_CLIENT_ID_SALT_LEN = 40
#: Length of the random part of a generated client secret, in characters (43 at least).
OAUTH2_CLIENT_SECRET_SALT_LEN = 60
#: Length of the random part of a personal token, in characters (43 at least).
OAUTH2_TOKEN_PERSONAL_SALT_LEN = 60
#: Endpoint of the view that renders errors which may not be sent to a client.
OAUTH2_PROVIDER_ERROR_ENDPOINT = "oauth2server.errors"
#: Of the original; accepted without effect, since codes are in the database.
OAUTH2_CACHE_TYPE: str | None = None
#: Show errors of unverified clients on a page with a button, instead of redirecting at once.
OAUTH2_CONFIRM_UNVERIFIED_ERRORS = True
#: The longest request body that an endpoint reads, in bytes.
OAUTH2_MAX_CONTENT_LENGTH = 65536
#: The least number of seconds between two small clean-ups of one process; 0 turns them off.
OAUTH2_PURGE_INTERVAL = 300
#: Let the ``oauthlib`` logger write at DEBUG. It writes tokens and codes.
OAUTH2_OAUTHLIB_DEBUG = False

#: All of the above by name.
DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {name: value for name, value in list(globals().items()) if name.startswith("OAUTH2_")}
)


def read(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read all ``OAUTH2_*`` keys once.

    :param config: the app's configuration.
    :param defaults: every known key with its default; the default's type is demanded.
    :returns: a read-only mapping of all known keys; times as whole seconds.
    :raises ConfigurationError: if a value has the wrong type.
    """
    _warn_of_unknown(config, defaults)
    if config.get("OAUTH2_CACHE_TYPE") is not None:
        warnings.warn("OAUTH2_CACHE_TYPE has no effect: codes are kept in the database.", stacklevel=3)
    settings = {key: _checked(key, config.get(key, default), default) for key, default in defaults.items()}
    for key, allowed in _ONE_OF.items():
        if settings[key] not in allowed:
            raise ConfigurationError(f"{key} must be one of {', '.join(allowed)}, not {settings[key]!r}.")
    return MappingProxyType(settings)


#: The most seconds that any time may be: what an INTEGER column holds.
LONGEST_TIME = 2**31 - 1
#: What a key whose default is None may be instead.
_OR_NONE: Mapping[str, type] = {
    "OAUTH2_ISSUER": str,
    "OAUTH2_PROVIDER_NAME": str,
    "OAUTH2_PROVIDER_MARK_URL": str,
    "OAUTH2_HOME_URL": str,
    "OAUTH2_HELP_URL": str,
    "OAUTH2_PRIVACY_URL": str,
    "OAUTH2_BASE_TEMPLATE": str,
    "OAUTH2_RATE_STORAGE_URI": str,
    "OAUTH2_CACHE_TYPE": str,
    "OAUTH2_AUDIT_KEY": str,
    "OAUTH2_SIGNING_KEYS": str,
    "OAUTH2_SIGN_UP_VIEW": str,
    "OAUTH2_ALLOWED_GRANT_TYPES": list,
    "OAUTH2_ALLOWED_RESPONSE_TYPES": list,
}
_ONE_OF = {"OAUTH2_THEME": ("auto", "light", "dark")}
_WANTED = {
    bool: "True or False",
    int: "a whole number, 0 or more (times in seconds)",
    str: "a string",
    list: "a list of strings",
    dict: "a dictionary of strings",
}


def _checked(key: str, value: Any, default: Any) -> Any:
    if isinstance(value, timedelta):
        value = int(value.total_seconds())
    if default is None and value is None:
        return None
    wanted = type(default) if default is not None else _OR_NONE.get(key, object)
    good = isinstance(value, list | tuple | set | frozenset) if wanted is list else isinstance(value, wanted)
    if wanted is int:
        good = good and not isinstance(value, bool) and 0 <= value <= LONGEST_TIME
    if not good:
        raise ConfigurationError(f"{key} must be {_WANTED[wanted]}, not {value!r}.")
    return value


def _warn_of_unknown(config: Mapping[str, Any], known: Iterable[str]) -> None:
    names = list(known)
    for key in config:
        if key.startswith("OAUTH2_") and key not in names:
            nearest = difflib.get_close_matches(key, names, n=1, cutoff=0)[0]
            warnings.warn(f"{key} is not a setting of Flask-OAuth2Server. Did you mean {nearest}?", stacklevel=4)
