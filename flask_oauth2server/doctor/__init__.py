"""``server.doctor``: is all well with this provider? Every check is a row of the table below."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from flask import Flask

from .. import clock
from ..errors import OAuth2ServerError
from ..state import ServerState
from ..storage.unit import DATABASE_ERRORS
from ..text import gettext as _
from ..text import language
from . import cache, clients, database, issuer, keys, limits, people, reach, sessions, settings
from .findings import BAD, LEVELS, WARN, Check, Finding, Overview, worst_first
from .patient import Patient

__all__ = ["CHECKS", "Doctor", "Finding", "Overview"]

log = logging.getLogger(__name__)

#: Seconds that a glance may be old.
_KEPT = 60

#: In this order they are run, and told where they are alike bad.
CHECKS: tuple[Check, ...] = (
    Check("database", database.reachable, database=True),
    Check("tables", database.tables, database=True),
    Check("indexes", database.indexes, database=True),
    Check("engine", database.engine, database=True),
    Check("database_clock", database.database_clock, database=True),
    Check("unpurged", database.unpurged, database=True),
    Check("unsealed", database.unsealed, database=True),
    Check("issuer", issuer.issuer),
    Check("well_known", issuer.well_known),
    Check("issuer_reached", reach.issuer_reached, network=True),
    Check("proxy", reach.proxy, network=True),
    Check("server_clock", reach.server_clock, network=True),
    Check("running_mode", settings.running_mode),
    Check("secret_key", sessions.secret_key),
    Check("secret_key_fallbacks", sessions.secret_key_fallbacks),
    Check("cookies", sessions.cookies),
    Check("login_manager", people.login_manager),
    Check("user_keys", people.user_keys, database=True),
    Check("administrators", people.administrators),
    Check("user_search", people.user_search, database=True),
    Check("rate_limits", limits.rate_limits),
    Check("rate_storage", limits.rate_storage),
    Check("guesses", limits.guesses),
    Check("insecure_transport", settings.insecure_transport),
    Check("oauthlib_debug", settings.oauthlib_debug),
    Check("query_token", settings.query_token),
    Check("implicit", settings.implicit),
    Check("unverified_errors", settings.unverified_errors),
    Check("lifetimes", settings.lifetimes),
    Check("refresh_grace", settings.refresh_grace),
    Check("loopback_hosts", settings.loopback_hosts),
    Check("csp_sources", settings.csp_sources),
    Check("audit_key", settings.audit_key),
    Check("metrics_token", settings.metrics_token),
    Check("signing_keys", keys.signing_keys, database=True),
    Check("pairwise_salt", keys.pairwise_salt, database=True),
    Check("key_rotation", keys.key_rotation, database=True),
    Check("undelivered_logouts", keys.undelivered_logouts, database=True),
    Check("token_cache", cache.token_cache),
    Check("http_redirects", clients.http_redirects, database=True),
    Check("shared_redirects", clients.shared_redirects, database=True),
    Check("local_redirects", clients.local_redirects, database=True),
    Check("redirect_domains", reach.redirect_domains, database=True, network=True),
    Check("private_logouts", keys.private_logouts, database=True),
    Check("pkce_off", clients.pkce_off, database=True),
    Check("unchecked_first_party", clients.unchecked_first_party, database=True),
    Check("expired_secrets", clients.expired_secrets, database=True),
    Check("expiring_secrets", clients.expiring_secrets, database=True),
    Check("short_secrets", clients.short_secrets, database=True),
    Check("never_used", clients.never_used, database=True),
    Check("search_terms", clients.search_terms, database=True),
)
#: Where one of these finds something bad, no other question to the database is asked.
FOUNDATION = {"database", "tables"}

#: What a check may meet: a database that cannot, or rows and hooks of a host that are not as they should be.
_ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_TROUBLE = (OAuth2ServerError, *DATABASE_ERRORS, OSError, *_ODD)


class Doctor:
    """Examines one app.

    :param app: the app.
    :param server: its parts.
    """

    def __init__(self, app: Flask, server: ServerState) -> None:
        self._app = app
        self._server = server
        #: The last overview in each language, and when it was made.
        self._seen: dict[str, tuple[float, Overview]] = {}
        reach.add_probe(server)

    def glance(self) -> Overview:
        """The same as :meth:`overview`, as it was at most a minute ago: for a page that is looked at often."""
        spoken = language()
        seen = self._seen.get(spoken)
        if seen is None or clock.timestamp() - seen[0] >= _KEPT:
            seen = self._seen[spoken] = clock.timestamp(), self.overview()
        return seen[1]

    def overview(self) -> Overview:
        """What is found without asking the network, and what the last run that asked it found there."""
        local = [check for check in CHECKS if not check.network]
        overview = self._examine(local)
        report = self._last_report()
        if report is None:
            return overview
        names = {check.name for check in CHECKS if check.network}
        told = [_told(finding) for finding in report.findings if finding["check"] in names]
        passed = len(names) - len({finding.check for finding in told})
        return Overview(worst_first([*overview.findings, *told]), overview.passed + passed, report.created_at)

    def run(self, network: bool = True) -> Overview:
        """Run all checks; a run that asked the network is kept for :meth:`overview`.

        :param network: whether to ask the network, too.
        """
        overview = self._examine([check for check in CHECKS if network or not check.network])
        if network and self._keep(overview):
            return replace(overview, checked_at=clock.now())
        return overview

    def _examine(self, checks: Iterable[Check]) -> Overview:
        patient = Patient(self._app, self._server)
        findings: list[Finding] = []
        passed, usable = 0, True
        for check in checks:
            if check.database and not usable:
                continue  # it would only say the same once more
            found = self._found(check, patient)
            findings += found
            passed += not found
            usable = usable and not (check.name in FOUNDATION and any(f.level == BAD for f in found))
        return Overview(worst_first(findings), passed, None)

    def _found(self, check: Check, patient: Patient) -> list[Finding]:
        try:
            return [Finding(check.name, *symptom) for symptom in check.find(patient)]
        except _TROUBLE as error:
            log.warning("the check %s failed", check.name, exc_info=error)
            self._server.storage.unit.rollback()
            fact = _("The check “%(check)s” could not be made.", check=check.name)
            remedy = _("The log of the app says more: %(error)s.", error=type(error).__name__)
            return [Finding(check.name, WARN, fact, remedy)]

    def _last_report(self) -> Any:
        try:
            return self._server.storage.doctor.last_report()
        except DATABASE_ERRORS:  # a check has told of it
            self._server.storage.unit.rollback()
            return None

    def _keep(self, overview: Overview) -> bool:
        """Write a run down, unless the database cannot."""
        findings, storage = [asdict(finding) for finding in overview.findings], self._server.storage
        try:
            storage.unit.run(lambda: storage.doctor.keep(findings, len(CHECKS)))
        except (OAuth2ServerError, *DATABASE_ERRORS):
            storage.unit.rollback()
            return False
        return True


def _told(finding: Mapping[str, str]) -> Finding:
    """A finding as it was kept, by whatever version."""
    level = finding["level"] if finding["level"] in LEVELS else WARN
    return Finding(finding["check"], level, finding["fact"], finding["remedy"])
