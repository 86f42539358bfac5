"""People: can they sign in, are they told from each other, and who is an administrator?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..text import gettext as _
from .findings import BAD, NOTE, WARN, Symptom
from .patient import Patient

#: Attributes that ``get_id()`` returns where it is a session token: of Flask-Security, and of Flask-Login's manual.
_SESSION_TOKENS = ("fs_uniquifier", "alternative_id", "session_token", "auth_token")
_LOOKED_AT = 5


def login_manager(patient: Patient) -> Iterator[Symptom]:
    """Whether anybody can sign in."""
    if patient.server.login_manager is not None:
        return
    needed = bool(patient.server.response_types)
    yield Symptom(
        BAD if needed else NOTE,
        _("There is no LoginManager, so nobody can sign in and allow a client."),
        _("Make one before OAuth2Server is initialised on the app: `LoginManager(app)`."),
    )


def user_keys(patient: Patient) -> Iterator[Symptom]:
    """``get_id()`` names a user where there is no ``user_model``; it must not change."""
    if patient.server.storage.users.user_model is not None or patient.server.development:
        return
    for class_ in patient.storage.user_classes():
        if attribute := next((name for name in _SESSION_TOKENS if hasattr(class_, name)), None):
            yield Symptom(
                WARN,
                _(
                    "%(name)s.get_id() seems to be a session token, %(attribute)s.",
                    name=class_.__name__,
                    attribute=attribute,
                ),
                _name_the_class(class_.__name__),
            )
            return
    if patient.server.login_manager is not None:
        lost = [key for key in patient.storage.stored_users(_LOOKED_AT) if not _is_same(patient, key)]
        if lost:
            yield Symptom(
                WARN,
                _("The user loader does not know people who allowed a client."),
                _("If get_id() is a session token, it has changed. %(remedy)s", remedy=_name_the_class("User")),
            )


def _name_the_class(name: str) -> str:
    return _(
        "When it changes, their authorizations and tokens are nobody's. Name the class: "
        "`OAuth2Server(app, db=db, user_model=%(name)s)`.",
        name=name,
    )


def _is_same(patient: Patient, key: Any) -> bool:
    try:
        user = patient.server.subjects.load(key)
    except (ArithmeticError, LookupError, TypeError, ValueError):  # the host's loader, which takes other keys
        return False
    return user is not None and str(user.get_id()) == str(key)


def administrators(patient: Patient) -> Iterator[Symptom]:
    """Whether anybody may open the pages of administrators."""
    server = patient.server
    if not patient.settings["OAUTH2_ENABLE_ADMIN"] or "admin_required" in server.hooks:
        return
    if server.subjects.all_are_administrators:
        return
    model = server.storage.users.user_model
    classes = [model] if model is not None else patient.storage.user_classes()
    if classes and not any(hasattr(class_, "is_admin") for class_ in classes):
        yield Symptom(
            NOTE,
            _("Nobody can open the pages of administrators."),
            _(
                "%(name)s has no `is_admin`. Say who may: `@oauth2.admin_required` above a function of the user, or "
                "set `OAUTH2_ENABLE_ADMIN = False`.",
                name=classes[0].__name__,
            ),
        )


def user_search(patient: Patient) -> Iterator[Symptom]:
    """Whether administrators find people, and at what price."""
    model = patient.server.storage.users.user_model
    if model is None or not patient.settings["OAUTH2_ENABLE_ADMIN"]:
        return
    names = [name for name in patient.settings["OAUTH2_USER_SEARCH_COLUMNS"] if name in model.__table__.c]
    slow = patient.server.storage.schema.unindexed(model.__table__, names)
    if slow:
        yield Symptom(
            NOTE,
            _("Searching for people reads the whole table %(table)s.", table=model.__table__.name),
            _(
                "There is no index that begins with %(columns)s. Make one in your model: `%(column)s = "
                "mapped_column(String(255), index=True)`.",
                columns=", ".join(f"`{name}`" for name in slow),
                column=slow[0],
            ),
        )
        return
    slow = patient.storage.without_prefix_index(model.__table__.name, names)
    if slow:
        yield Symptom(
            NOTE,
            _("Searching for people reads the whole table %(table)s.", table=model.__table__.name),
            _(
                "PostgreSQL finds by a beginning only where an index is made for it. Make one: "
                '`Index("ix_user_%(column)s", %(model)s.%(column)s, '
                'postgresql_ops={"%(column)s": "text_pattern_ops"})`.',
                model=model.__name__,
                column=slow[0],
            ),
        )
