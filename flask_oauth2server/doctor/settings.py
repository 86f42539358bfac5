"""Settings that are weaker than they need be, each with the line that mends it."""

from __future__ import annotations

from collections.abc import Iterator

from ..text import gettext as _
from .findings import BAD, NOTE, WARN, Symptom
from .patient import Patient

_DAY = 86400
#: Lives of which longer ones are too long: the setting, seconds, and why.
_LONGEST = (
    ("OAUTH2_CODE_EXPIRES_IN", 600),
    ("OAUTH2_PROVIDER_TOKEN_EXPIRES_IN", _DAY),
    ("OAUTH2_REFRESH_EXPIRES_IN", 366 * _DAY),
    ("OAUTH2_AUTHORIZATION_EXPIRES_IN", 5 * 366 * _DAY),
    ("OAUTH2_PERSONAL_TOKEN_EXPIRES_IN", 366 * _DAY),
    ("OAUTH2_PERSONAL_TOKEN_MAX_EXPIRES_IN", 2 * 366 * _DAY),
)
_LONGEST_GRACE = 60


def query_token(patient: Patient) -> Iterator[Symptom]:
    """Tokens in addresses (RFC 9700, 4.3.2)."""
    if patient.settings.get("OAUTH2_ENABLE_QUERY_TOKEN"):
        yield Symptom(
            WARN,
            _("Query-string tokens are accepted."),
            _(
                "They end up in logs and in the browser's history. Set `OAUTH2_ENABLE_QUERY_TOKEN = False` when the "
                "last old client is gone."
            ),
        )


def insecure_transport(patient: Patient) -> Iterator[Symptom]:
    """Plain http from other machines (RFC 6749, 3.1)."""
    if patient.settings["OAUTH2_ALLOW_INSECURE_TRANSPORT"]:
        yield Symptom(
            BAD,
            _("Plain http is accepted from other machines."),
            _(
                "Everybody on the way reads passwords, codes and tokens. Set `OAUTH2_ALLOW_INSECURE_TRANSPORT = False` "
                "and serve everything by https."
            ),
        )


def implicit(patient: Patient) -> Iterator[Symptom]:
    """The implicit grant (RFC 9700, 2.1.2)."""
    if patient.settings.get("OAUTH2_ENABLE_IMPLICIT"):
        yield Symptom(
            WARN,
            _("The implicit grant is offered."),
            _(
                "Access tokens stand in addresses, where other programs and pages find them. Set "
                "`OAUTH2_ENABLE_IMPLICIT = False` when the last old client uses the code grant with PKCE."
            ),
        )


def oauthlib_debug(patient: Patient) -> Iterator[Symptom]:
    """A log with tokens in it."""
    if patient.settings["OAUTH2_OAUTHLIB_DEBUG"]:
        yield Symptom(
            BAD,
            _("The log of oauthlib may contain tokens and codes."),
            _("Whoever reads the log can use them. Set `OAUTH2_OAUTHLIB_DEBUG = False` and remove the logs."),
        )


def unverified_errors(patient: Patient) -> Iterator[Symptom]:
    """Redirects to addresses that nobody has looked at (RFC 9700, 4.11.2)."""
    if not patient.settings["OAUTH2_CONFIRM_UNVERIFIED_ERRORS"]:
        yield Symptom(
            WARN,
            _("Errors of unchecked clients redirect at once."),
            _(
                "Whoever registers a client can send people from your address to any other. Set "
                "`OAUTH2_CONFIRM_UNVERIFIED_ERRORS = True`."
            ),
        )


def lifetimes(patient: Patient) -> Iterator[Symptom]:
    """Lives so long that a stolen value is as good as a password."""
    for key, most in _LONGEST:
        told = patient.settings[key]
        if told > most:
            yield Symptom(
                WARN,
                _("%(key)s is %(told)s.", key=key, told=_duration(told)),
                _("What is stolen can be used for as long. Set `%(key)s = %(most)s` or less.", key=key, most=most),
            )


def _duration(seconds: int) -> str:
    if seconds < 2 * _DAY:
        return _("%(number)s seconds", number=seconds)
    return _("%(number)s days", number=seconds // _DAY)


def refresh_grace(patient: Patient) -> Iterator[Symptom]:
    """A grace in which a stolen refresh token goes unnoticed (RFC 9700, 4.14.2)."""
    grace = patient.settings.get("OAUTH2_REFRESH_GRACE", 0)
    if grace > _LONGEST_GRACE:
        yield Symptom(
            WARN,
            _("A refresh token can be used twice within %(grace)s seconds.", grace=grace),
            _(
                "A thief who comes within that time is not noticed. Set `OAUTH2_REFRESH_GRACE = %(most)s` or less.",
                most=_LONGEST_GRACE,
            ),
        )


def csp_sources(patient: Patient) -> Iterator[Symptom]:
    """A policy that lets pages run what others write."""
    weak = {"'unsafe-inline'", "'unsafe-eval'", "*", "http:", "https:", "data:"}
    for directive, sources in patient.settings["OAUTH2_CSP_SOURCES"].items():
        found = sorted(weak.intersection(sources.split()))
        if found and directive in ("script-src", "default-src"):
            yield Symptom(
                WARN,
                _("The consent page may run scripts from %(sources)s.", sources=" ".join(found)),
                _(
                    "A script that somebody smuggles in can press Allow. Name the hosts that your layout needs: "
                    '`OAUTH2_CSP_SOURCES = {"%(directive)s": "https://cdn.example"}`.',
                    directive=directive,
                ),
            )


def loopback_hosts(patient: Patient) -> Iterator[Symptom]:
    """Names that count as this computer, and may be another (RFC 8252, 8.3)."""
    others = [
        host
        for host in patient.settings["OAUTH2_LOOPBACK_HOSTS"]
        if host != "localhost" and not host.endswith(".localhost") and not host.startswith("127.")
    ]
    if others:
        yield Symptom(
            WARN,
            _("Codes are sent in plain http to %(hosts)s.", hosts=", ".join(others)),
            _(
                "The name may lead to another computer. Keep `OAUTH2_LOOPBACK_HOSTS = []`, or name only what leads to "
                'the person\'s own: `OAUTH2_LOOPBACK_HOSTS = ["localhost"]`.'
            ),
        )


def running_mode(patient: Patient) -> Iterator[Symptom]:
    """Debug, testing or development mode where strangers can reach it."""
    level = BAD if patient.is_public else NOTE
    if patient.server.development:
        yield Symptom(
            level,
            _("This is development mode."),
            _(
                "Whoever has the address that start-up prints signs in as anybody. Give the app a database before "
                'others can reach it: `SQLALCHEMY_DATABASE_URI = "sqlite:///shop.sqlite"`.'
            ),
        )
    if patient.config["DEBUG"]:
        yield Symptom(
            level,
            _("Debug mode is on."),
            _("Errors open a console that runs any code. Start without `--debug`, and without `FLASK_DEBUG`."),
        )
    if patient.config["TESTING"]:
        yield Symptom(
            level,
            _("Testing mode is on."),
            _("It serves pages that tell who a token is for, and a scope for tests. Set `TESTING = False`."),
        )


def metrics_token(patient: Patient) -> Iterator[Symptom]:
    """The token that reads the metrics."""
    token = patient.settings.get("OAUTH2_METRICS_TOKEN", "")
    if patient.settings.get("OAUTH2_ENABLE_METRICS") and token and len(token) < 32:
        yield Symptom(
            WARN,
            _("OAUTH2_METRICS_TOKEN has only %(number)s characters.", number=len(token)),
            _("Who guesses it reads the metrics. Set `OAUTH2_METRICS_TOKEN` to the output of `openssl rand -hex 32`."),
        )


def audit_key(patient: Patient) -> Iterator[Symptom]:
    """The key of the seals."""
    key = patient.settings["OAUTH2_AUDIT_KEY"]
    if not key:
        yield Symptom(
            NOTE,
            _("The audit log is sealed with a key derived from SECRET_KEY."),
            _(
                "Whoever can sign sessions could write the log anew. Give it a key of its own, kept where the app's "
                'developers do not read it: `OAUTH2_AUDIT_KEY = "..."`, with the output of `openssl rand -hex 32`.'
            ),
        )
    elif len(key) < 32:
        yield Symptom(
            WARN,
            _("OAUTH2_AUDIT_KEY has only %(number)s characters.", number=len(key)),
            _("Who guesses it can write the log anew. Set `OAUTH2_AUDIT_KEY` to the output of `openssl rand -hex 32`."),
        )
