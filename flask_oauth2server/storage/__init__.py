"""Every query of the package, one file an entity; nothing else writes ``select()``.

All statements run on ``db.session``, Core ones too, so that they see, and live and die with, what
the host has pending; past it only where it has nothing to do with them (:mod:`.lookup`, :mod:`.apart`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask_sqlalchemy import SQLAlchemy

from ..models.factory import Models
from .access import Access
from .apart import has_one_connection
from .applications import Applications
from .audit_events import AuditEvents
from .audit_seals import AuditSeals
from .authorizations import Authorizations
from .changes import Changes
from .client_search import ClientSearch
from .clients import Clients
from .consents import Consents
from .daily_counts import DailyCounts
from .doctor import Health
from .exports import Exports
from .failure_counts import FailureCounts
from .failures import Failures
from .grants import Grants
from .logos import Logos
from .logout_deliveries import LogoutDeliveries
from .overview import OverviewQueries
from .refusals import Refusals
from .replays import Replays
from .schema import Schema
from .scope_use import ScopeUse
from .signing_keys import SigningKeys
from .stories import Stories
from .tokens import Tokens
from .unit import DATABASE_ERRORS, Unit
from .user_search import UserSearch
from .users import Users


class Storage:
    """All queries of one app, bound to its ``db``.

    :param db: the Flask-SQLAlchemy object.
    :param models: the classes made for it.
    :param user_model: the host's user class, or None.
    """

    def __init__(self, db: SQLAlchemy, models: Models, user_model: object | None) -> None:
        self.unit = Unit(db)
        self.schema = Schema(db, models)
        self.clients = Clients(db, models)
        self.logos = Logos(db, models)
        self.authorizations = Authorizations(db, models)
        self.users = Users(db, models, user_model)
        self.grants = Grants(db, models, self.users)
        self.tokens = Tokens(db, models, self.users)
        self.changes = Changes(db, models, self.users)
        self.access = Access(db, models)
        self.applications = Applications(db, models)
        self.scope_use = ScopeUse(db, models)
        self.client_search = ClientSearch(db, models)
        self.user_search = UserSearch(db, models, self.users)
        self.overview = OverviewQueries(db, models)
        self.consents = Consents(db, models)
        self.logout_deliveries = LogoutDeliveries(db, models)
        self.replays = Replays(db, models)
        self.signing_keys = SigningKeys(db, models)
        self.audit_events = AuditEvents(db, models)
        self.audit_seals = AuditSeals(db, models)
        self.exports = Exports(db, models)
        self.failure_counts = FailureCounts(db, models)
        self.doctor = Health(db, models)
        self.failures = Failures(db, models)
        self.stories = Stories(db, models)
        self.daily_counts = DailyCounts(db, models)
        self.refusals = Refusals(db, models)

    def has_one_connection(self) -> bool:
        """Whether a session beside ``db.session`` would be on the same connection, and in its transaction."""
        return has_one_connection(self.authorizations.bind())

    @contextmanager
    def guarded(self, tables: bool = True) -> Iterator[None]:
        """See to missing *tables*, and turn "the database cannot now" into :class:`.Unavailable`."""
        try:
            if tables:
                self.schema.demand()
            yield
        except DATABASE_ERRORS as error:
            self.unit.translate(error)
            raise
