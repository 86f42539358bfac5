"""Clients that are registered in a risky way, or are about to fail."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from datetime import timedelta

from .. import clock
from ..domain.secrets import SLOW
from ..storage.doctor import MOST, Counted
from ..text import gettext as _
from .findings import BAD, NOTE, WARN, Symptom
from .patient import Patient, Redirect
from .wording import counted, named

#: Secrets that end within it are told.
SOON = timedelta(days=14)
_UNUSED = timedelta(days=90)
#: Hosts below which anybody can have a name, for a while.
_SHARED = (
    "ngrok.io",
    "ngrok.app",
    "ngrok-free.app",
    "ngrok.dev",
    "ngrok-free.dev",
    "loca.lt",
    "localhost.run",
    "lhr.life",
    "serveo.net",
    "trycloudflare.com",
    "localtest.me",
    "lvh.me",
    "nip.io",
    "sslip.io",
    "xip.io",
    "webhook.site",
    "requestbin.com",
    "pipedream.net",
    "httpbin.org",
    "glitch.me",
    "repl.co",
    "replit.dev",
    "gitpod.io",
    "github.dev",
)
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


def _with_uri(patient: Patient, is_risky: Callable[[Redirect], bool]) -> Counted:
    """Clients of those looked at that have a redirect URI of some kind."""
    found = list(dict.fromkeys(redirect.client.client_id for redirect in patient.redirects if is_risky(redirect)))
    return Counted(found, bool(found) and patient.has_more_clients)


def http_redirects(patient: Patient) -> Iterator[Symptom]:
    """Codes in plain http (RFC 9700, 2.6)."""
    local = (*_LOCAL, *patient.settings["OAUTH2_LOOPBACK_HOSTS"])
    found = _with_uri(patient, lambda it: it.uri.startswith("http://") and it.host not in local)
    if found.client_ids:
        yield Symptom(
            BAD,
            counted(
                "%(num)s client has a redirect URI in plain http.",
                "%(num)s clients have a redirect URI in plain http.",
                found,
            ),
            _remedy(_("Everybody on the way reads the codes."), found, "edit", "--redirect-uri https://..."),
        )


def shared_redirects(patient: Patient) -> Iterator[Symptom]:
    """Codes to hosts that belong to nobody in particular, and to patterns."""
    wild = _with_uri(patient, lambda it: "*" in it.host)
    if wild.client_ids:
        yield Symptom(
            BAD,
            counted(
                "%(num)s client has a redirect URI with a wildcard.",
                "%(num)s clients have a redirect URI with a wildcard.",
                wild,
            ),
            _remedy(
                _("It is compared letter by letter, so no answer arrives. Elsewhere it lets codes go to strangers."),
                wild,
                "edit",
                "--redirect-uri https://...",
            ),
        )
    shared = _with_uri(patient, lambda it: _is_shared(it.host))
    if shared.client_ids:
        yield Symptom(
            WARN,
            counted(
                "%(num)s client has a redirect URI on a host that anybody can have.",
                "%(num)s clients have a redirect URI on a host that anybody can have.",
                shared,
            ),
            _remedy(_("Whoever gets the name next receives codes."), shared, "edit", "--redirect-uri https://..."),
        )


def _is_shared(host: str) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in _SHARED)


def local_redirects(patient: Patient) -> Iterator[Symptom]:
    """An address of somebody's own computer on a client that runs on a server."""
    found = _with_uri(
        patient,
        lambda it: (
            it.client.is_confidential
            and it.client.client_metadata.get("application_type", "web") == "web"
            and it.uri.startswith(("http://", "https://"))
            and it.host in _LOCAL
        ),
    )
    if found.client_ids:
        yield Symptom(
            WARN,
            counted(
                "%(num)s web application with a secret may be answered at localhost.",
                "%(num)s web applications with a secret may be answered at localhost.",
                found,
            ),
            _remedy(
                _("Any program on a person's computer can wait there. Register a client of its own for development."),
                found,
                "edit",
                "--redirect-uri https://...",
            ),
        )


def pkce_off(patient: Patient) -> Iterator[Symptom]:
    """Codes that a thief can use (RFC 9700, 2.1.1)."""
    found = [
        client.client_id
        for client in patient.clients
        if client.is_confidential
        and client.client_metadata.get("require_pkce") is False
        and "authorization_code" in (client.client_metadata.get("grant_types") or ())
    ]
    told = Counted(found, bool(found) and patient.has_more_clients)
    if found:
        yield Symptom(
            WARN,
            counted("%(num)s client need not use PKCE.", "%(num)s clients need not use PKCE.", told),
            _remedy(
                _("A code that is stolen on its way can be put into another's sign-in."), told, "edit", "--require-pkce"
            ),
        )


def unchecked_first_party(patient: Patient) -> Iterator[Symptom]:
    """People are not asked, and nobody has looked."""
    found = patient.storage.unchecked_first_party()
    if found.client_ids:
        yield Symptom(
            WARN,
            counted(
                "%(num)s client is first-party and was never checked.",
                "%(num)s clients are first-party and were never checked.",
                found,
            ),
            _remedy(_("People are not asked before it gets what it wants."), found, "edit", "--verified"),
        )


def expired_secrets(patient: Patient) -> Iterator[Symptom]:
    """Clients that are locked out."""
    found = patient.storage.locked_out()
    if found.client_ids:
        yield Symptom(
            BAD,
            counted(
                "%(num)s client has no secret left that has not expired.",
                "%(num)s clients have no secret left that has not expired.",
                found,
            ),
            _remedy(_("It cannot get tokens any more."), found, "rotate-secret"),
        )


def expiring_secrets(patient: Patient) -> Iterator[Symptom]:
    """Secrets that end within two weeks."""
    rows = patient.server.storage.overview.expiring(clock.now() + SOON, MOST)
    last = Counted(list(dict.fromkeys(row.client_id for row in rows if not row.others)), len(rows) == MOST)
    others = Counted(list(dict.fromkeys(row.client_id for row in rows if row.others)), len(rows) == MOST)
    if last.client_ids:
        yield Symptom(
            WARN,
            counted(
                "%(num)s client has no secret that lives longer than 14 days.",
                "%(num)s clients have no secret that lives longer than 14 days.",
                last,
            ),
            _remedy(_("It is refused then. A further secret works beside the old one."), last, "rotate-secret"),
        )
    if others.client_ids:
        yield Symptom(
            NOTE,
            counted(
                "%(num)s client has a secret that ends within 14 days, and a later one.",
                "%(num)s clients have a secret that ends within 14 days, and a later one.",
                others,
            ),
            _remedy(_("See that the later one is in use by then."), others, "show"),
        )


def short_secrets(patient: Patient) -> Iterator[Symptom]:
    """Secrets that a person may have chosen (RFC 6819, 5.1.4.2.2)."""
    found = patient.storage.short_secrets(SLOW)
    if found.client_ids:
        yield Symptom(
            WARN,
            counted(
                "%(num)s client has a short secret that was brought along.",
                "%(num)s clients have a short secret that was brought along.",
                found,
            ),
            _remedy(
                _("It can be guessed, and is slow to check. Make a long one, and end the short one when it is in use."),
                found,
                "rotate-secret",
            ),
        )


def never_used(patient: Patient) -> Iterator[Symptom]:
    """What nobody would miss."""
    found = patient.storage.never_used(_UNUSED)
    if found.client_ids:
        yield Symptom(
            NOTE,
            counted(
                "%(num)s client is older than 90 days, and nothing shows that it was ever used.",
                "%(num)s clients are older than 90 days, and nothing shows that they were ever used.",
                found,
            ),
            _remedy(_("Its secret lies about somewhere."), found, "disable"),
        )


def search_terms(patient: Patient) -> Iterator[Symptom]:
    """Clients that administrators cannot find."""
    found = patient.storage.without_terms()
    if found.client_ids:
        yield Symptom(
            NOTE,
            counted(
                "%(num)s client cannot be found by its name.", "%(num)s clients cannot be found by their names.", found
            ),
            _(
                "It was made before there was a search. Run `flask oauth2 init-db`. It is %(names)s.",
                names=named(found.client_ids),
            ),
        )


def _remedy(consequence: str, found: Counted, command: str, option: str = "") -> str:
    line = " ".join(["flask oauth2 client", command, shlex.quote(found.client_ids[0]), *([option] if option else [])])
    return _(
        "%(consequence)s Say `%(line)s`. (%(names)s)",
        consequence=consequence,
        line=line,
        names=named(found.client_ids),
    )
