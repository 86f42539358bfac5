"""Signing keys, and what clients have yet to be told when people sign out."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from .. import clock
from ..domain.key_facts import ACTIVE, LOST
from ..domain.keys import STALENESS
from ..domain.logouts import BACK
from ..fetch import is_public
from ..storage.doctor import MOST, Counted
from ..text import gettext as _
from ..text import ngettext
from .findings import BAD, NOTE, WARN, Symptom
from .patient import Patient
from .wording import counted, named

#: Seconds for which clients may keep the list of keys, as its answer tells them, and workers do.
FETCHED_ANEW = 300 + STALENESS
#: A key that nobody replaces is old after that.
_OLD = timedelta(days=366)
#: Logout tokens are delivered within it where ``flask oauth2 deliver`` runs.
_OVERDUE = timedelta(minutes=10)
#: Ends of names that no public machine has (RFC 6762, RFC 8375, RFC 6761 and ICANN's choice for inner networks).
_PRIVATE = ("localhost", "local", "internal", "home.arpa", "lan", "intranet", "corp", "test")


def signing_keys(patient: Patient) -> Iterator[Symptom]:
    """Private parts that cannot be decrypted: ``SECRET_KEY`` is another one."""
    if patient.server.id_tokens is None:
        return
    for key in patient.server.keys.overview():
        if not key.trouble:
            continue
        fact = _("The key that signs %(alg)s cannot be read.", alg=key.alg)
        if key.state != ACTIVE:
            fact = _("The next key for %(alg)s cannot be read.", alg=key.alg)
        cause = _("Its row in the database is damaged.")
        if key.trouble == LOST:
            cause = _(
                "It was encrypted with another `SECRET_KEY`. Put the former one into `SECRET_KEY_FALLBACKS`. "
                "This is the way back if it is lost:"
            )
        line = f"flask oauth2 key rotate --now --alg {key.alg}"
        yield Symptom(BAD, fact, _("Nobody gets an ID token with it. %(cause)s `%(line)s`.", cause=cause, line=line))


def pairwise_salt(patient: Patient) -> Iterator[Symptom]:
    """The salt of pairwise names, which is never replaced."""
    if patient.server.id_tokens is not None and patient.server.keys.is_salt_lost():
        yield Symptom(
            BAD,
            _("The salt of pairwise names cannot be read."),
            _(
                "Clients that know people by such names sign nobody in. It was encrypted with another `SECRET_KEY`: "
                "put the former one into `SECRET_KEY_FALLBACKS`. If it is lost, `DELETE FROM oauth2_signing_key "
                "WHERE kid = 'pairwise'`; a new one is made, and these clients take everybody for somebody new."
            ),
        )


def key_rotation(patient: Patient) -> Iterator[Symptom]:
    """Keys that sign before anybody knows them, and keys that are never replaced."""
    keys, settings = patient.server.keys, patient.settings
    if patient.server.id_tokens is None or keys.is_configured:
        return
    ahead = settings["OAUTH2_KEY_PUBLISHED_BEFORE"]
    if ahead < FETCHED_ANEW:
        yield Symptom(
            WARN,
            _("A new signing key signs %(seconds)s seconds after it was published.", seconds=ahead),
            _(
                "Clients keep the list of keys for longer, and refuse what it signs. Set "
                "`OAUTH2_KEY_PUBLISHED_BEFORE = 86400`."
            ),
        )
    if settings["OAUTH2_KEY_ROTATE_AFTER"]:
        return  # by itself: whoever needs an ID token has the next key made
    before = clock.now() - _OLD
    for key in keys.overview():
        if key.state == ACTIVE and key.active_from is not None and key.active_from < before:
            line = f"flask oauth2 key rotate --alg {key.alg}"
            yield Symptom(
                NOTE,
                _("The signing key for %(alg)s is older than a year.", alg=key.alg),
                _("`OAUTH2_KEY_ROTATE_AFTER` is 0, so keys are replaced by hand alone: `%(line)s`.", line=line),
            )


def undelivered_logouts(patient: Patient) -> Iterator[Symptom]:
    """Logout tokens that wait, and those that were given up."""
    if patient.server.logouts is None:
        return
    late = patient.storage.late_logouts(_OVERDUE)
    if late:
        yield Symptom(
            WARN,
            ngettext(
                "%(num)s logout token has been due for more than ten minutes.",
                "%(num)s logout tokens have been due for more than ten minutes.",
                min(late, MOST),
            ),
            _(
                "Clients still think that people are signed in. Run `flask oauth2 deliver` every minute, by cron or "
                "by a timer of systemd."
            ),
        )
    given_up = patient.storage.failed_logouts()
    if given_up.client_ids:
        yield Symptom(
            NOTE,
            counted(
                "%(num)s client could not be told that people have signed out.",
                "%(num)s clients could not be told that people have signed out.",
                given_up,
            ),
            _(
                "It was tried for a day, or refused. Look at the log, and at `backchannel_logout_uri` of %(names)s.",
                names=named(given_up.client_ids),
            ),
        )


def private_logouts(patient: Patient) -> Iterator[Symptom]:
    """Addresses that are never asked, since they are of a private network."""
    if patient.server.logouts is None:
        return
    allowed = {host.lower() for host in patient.settings["OAUTH2_FETCH_PRIVATE_HOSTS"]}
    hosts = {
        client.client_id: host
        for client in patient.clients
        if (host := _host(client.client_metadata.get(BACK))) and host not in allowed and _is_private(host)
    }
    if hosts:
        found = Counted(list(hosts), patient.has_more_clients)
        setting = ", ".join(f'"{host}"' for host in sorted(set(hosts.values()))[:3])
        yield Symptom(
            WARN,
            counted(
                "%(num)s client is to be told of the end of sessions at a private address.",
                "%(num)s clients are to be told of the end of sessions at a private address.",
                found,
            ),
            _(
                "Private machines are not asked. If they are meant to be, set "
                "`OAUTH2_FETCH_PRIVATE_HOSTS = [%(hosts)s]`. (%(names)s)",
                hosts=setting,
                names=named(found.client_ids),
            ),
        )


def _host(uri: object) -> str:
    try:
        return (urlsplit(str(uri or "")).hostname or "").lower()
    except ValueError:
        return ""


def _is_private(host: str) -> bool:
    """Whether a host is certainly none of the internet's, without looking its name up."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "." not in host or any(host == end or host.endswith(f".{end}") for end in _PRIVATE)
    return not is_public(host)
