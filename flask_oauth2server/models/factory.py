"""Models made once per ``db``: mixins joined with its base, users told by a typed key."""

from __future__ import annotations

import types
from dataclasses import dataclass, fields
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Column, ForeignKey, Index, inspect
from sqlalchemy.orm import MappedAsDataclass

from ..errors import ConfigurationError
from . import mixins, records

_INFO_KEY = "oauth2server"


@dataclass(frozen=True)
class Models:
    """The model classes of one ``db``, by name."""

    Client: Any
    ClientSecret: Any
    ClientLogo: Any
    ClientTerm: Any
    Authorization: Any
    Grant: Any
    Token: Any
    Consent: Any
    Replay: Any
    SigningKey: Any
    AuditEvent: Any
    AuditSeal: Any
    Failure: Any
    FailureCount: Any
    DailyCount: Any
    LogoutDelivery: Any
    DoctorReport: Any

    def __iter__(self) -> Any:
        return (getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True)
class _UserColumn:
    ondelete: str
    nullable: bool
    index: bool = True


_USER_COLUMNS = {
    "Client": _UserColumn("SET NULL", nullable=True),
    "Authorization": _UserColumn("CASCADE", nullable=True, index=False),
    "Token": _UserColumn("CASCADE", nullable=True),
    "Consent": _UserColumn("CASCADE", nullable=False),
    "AuditEvent": _UserColumn("SET NULL", nullable=True),
    "Failure": _UserColumn("SET NULL", nullable=True),
}


def create_models(db: SQLAlchemy, user_model: Any = None, **own: Any) -> Models:
    """Make the models for *db*, or return those made before.

    :param db: the host's Flask-SQLAlchemy object.
    :param user_model: the host's user class; ``user_id`` becomes a foreign key to it.
    :param own: replacements by name, as ``Client=MyClient``; each a model of *db* that inherits
        the mixin of that name.
    :raises ConfigurationError: if *own* does not fit, or the models of *db* were made otherwise.
    """
    made = db.metadata.info.get(_INFO_KEY)
    if made is not None:
        _check_same(made, user_model, own)
        return made[0]  # type: ignore[no-any-return]
    if issubclass(db.Model, MappedAsDataclass):
        raise ConfigurationError(
            "The base class of this db is a MappedAsDataclass, which the models of OAuth2Server cannot inherit. "
            "Make db = SQLAlchemy() with a plain DeclarativeBase and add MappedAsDataclass to your own models."
        )
    names = [field.name for field in fields(Models)]
    for name in own:
        if name not in names:
            raise ConfigurationError(f"There is no model {name!r} to replace; the models are {', '.join(names)}.")
    models = Models(**{name: _model(db, name, own.get(name)) for name in names})
    for name, column in _USER_COLUMNS.items():
        _add_user_column(getattr(models, name), column, user_model)
    _add_indexes(models)
    db.metadata.info[_INFO_KEY] = (models, user_model, dict(own))
    return models


def _add_indexes(models: Models) -> None:
    """Those of several columns; lists are filtered and searched by them, newest first."""
    consent, client, term = (m.__table__ for m in (models.Consent, models.Client, models.ClientTerm))
    Index("uq_oauth2_consent_user_client", consent.c.user_id, consent.c.client_pk, unique=True)
    Index("ix_oauth2_client_verified_id", client.c.verified, client.c.id)
    Index("ix_oauth2_client_confidential_id", client.c.is_confidential, client.c.id)
    Index("ix_oauth2_client_disabled_id", client.c.disabled_at, client.c.id)
    Index("ix_oauth2_client_introspect_id", client.c.may_introspect, client.c.id)
    Index("ix_oauth2_client_term_term", term.c.term, term.c.client_pk)
    authorization = models.Authorization.__table__.c
    Index("ix_oauth2_authorization_sid", authorization["sid"])
    Index("ix_oauth2_authorization_user_id_id", *authorization["user_id", "id"])
    Index("ix_oauth2_authorization_user_client_id", *authorization["user_id", "client_pk", "id"])
    for of_client in (models.Authorization.__table__, models.Token.__table__):
        Index(f"ix_{of_client.name}_client_id", of_client.c.client_pk, of_client.c.id)
    _add_audit_indexes(models.AuditEvent.__table__.c, models.AuditSeal.__table__.c)


def _add_audit_indexes(event: Any, seal: Any) -> None:
    Index("ix_oauth2_audit_seal_purged_number", seal.purged_at, seal.number)
    for name in ("kind", "client_id", "actor", "user_id", "seal"):
        Index(f"ix_oauth2_audit_event_{name}_id", event[name], event.id)
    # What a foreign key has left of a person; where an index may be partial, nothing else is in it.
    orphan = event.user_id.is_(None) & event.user_salt.is_not(None)
    where = {"postgresql_where": orphan, "sqlite_where": orphan}
    Index("ix_oauth2_audit_event_orphan", event.user_id, event.user_salt, **where)


def _check_same(made: tuple[Models, Any, dict[str, Any]], user_model: Any, own: dict[str, Any]) -> None:
    models, made_for, _ = made
    differs = any(getattr(models, name, None) is not model for name, model in own.items())
    if differs or made_for is not user_model:
        raise ConfigurationError(
            "This db already has models of OAuth2Server, made with another user_model or other model classes. "
            "Use one OAuth2Server object for all apps that share a db, or name the same classes."
        )


def _model(db: SQLAlchemy, name: str, own: Any) -> Any:
    mixin = getattr(mixins, f"{name}Mixin", None) or getattr(records, f"{name}Mixin")
    if own is None:
        # The class name is ours alone: the host may well have a Token of its own.
        return types.new_class(f"OAuth2{name}", (mixin, db.Model), exec_body=lambda ns: ns.update(__module__=__name__))
    if not (isinstance(own, type) and issubclass(own, mixin) and issubclass(own, db.Model)):
        raise ConfigurationError(f"{name}= takes a class that inherits {mixin.__name__} and db.Model, not {own!r}.")
    if own.__tablename__ != mixin.__tablename__:  # type: ignore[attr-defined]
        raise ConfigurationError(f"Your {name} must keep __tablename__ = {mixin.__tablename__!r}: others refer to it.")
    return own


def _add_user_column(model: Any, column: _UserColumn, user_model: Any) -> None:
    if "user_id" in model.__table__.c:
        return
    if user_model is None:
        model.user_id = Column("user_id", mixins.exact(255), nullable=column.nullable, index=column.index)
        return
    key = user_key_column(user_model)
    target = ForeignKey(key, ondelete=column.ondelete)
    model.user_id = Column("user_id", key.type, target, nullable=column.nullable, index=column.index)


def user_key_column(user_model: Any) -> Any:
    """The primary key column of *user_model*.

    :raises ConfigurationError: if it is no mapped class, or its key has several columns.
    """
    mapper = inspect(user_model, raiseerr=False)
    if mapper is None or not hasattr(mapper, "local_table"):
        raise ConfigurationError(f"user_model must be a model class of your db, not {user_model!r}.")
    columns = list(mapper.local_table.primary_key.columns)
    if len(columns) != 1:
        raise ConfigurationError(f"{user_model.__name__} has a key of several columns; user_model needs one column.")
    return columns[0]
