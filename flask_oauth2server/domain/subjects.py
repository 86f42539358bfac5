"""Users: the key that is stored, the user behind it, and what the wire calls them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from flask import current_app, g
from werkzeug.local import LocalProxy

from ..errors import ConfigurationError, OAuth2ServerError
from ..storage import Storage
from ..storage.unit import NO_SUCH_VALUE
from . import sessions

log = logging.getLogger(__name__)

#: The length of the column ``user_id`` where there is no ``user_model``.
_LONGEST_KEY = 255


class Subjects:
    """Users of one app.

    With a ``user_model`` the stored key is its primary key; without, it is Flask-Login's
    ``get_id()``.

    :param storage: the queries.
    :param hooks: the extension's one-slot hooks; ``subject`` is asked here.
    """

    def __init__(self, storage: Storage, hooks: Mapping[str, Callable[..., Any]]) -> None:
        self._users = storage.users
        self._unit = storage.unit
        self._hooks = hooks
        #: Whether the browser of the current request may be let in at all.
        self.admits: Callable[[], bool] = lambda: True
        #: Whether everybody who is let in is an administrator: the bare start.
        self.all_are_administrators = False

    def key_of(self, user: Any) -> Any:
        """The key under which *user* is stored.

        :raises OAuth2ServerError: if it has none.
        """
        if isinstance(user, LocalProxy):
            user = user._get_current_object()
        if self._users.user_model is None:
            key = _text_key(user)
        else:
            key = self._users.key_of(user) if isinstance(user, self._users.user_model) else None
        if key is None:
            raise OAuth2ServerError(f"{user!r} is no stored user.")
        return key

    def person(self) -> Any:
        """The user at the browser of the current request, if there is one and the host lets them in;
        else None."""
        g.oauth2server_person = None
        person = sessions.person() if self.admits() else None
        key = None if person is None else self.key_of(person)
        if key is None or not getattr(person, "is_active", True):
            return None
        g.oauth2server_person = key  # for whoever looks into a refusal of this request
        return person

    def key_at_browser(self) -> Any:
        """The key of who is signed in at the browser of the current request, whoever they are; else None.

        Nothing is asked of the database that Flask-Login has not asked for.
        """
        if getattr(current_app, "login_manager", None) is None:
            return None
        person = sessions.person()
        try:
            return None if person is None else self.key_of(person)
        except OAuth2ServerError:
            return None  # of the host, but no user of ours

    def is_administrator(self, user: Any) -> bool:
        """Whether *user* may open the pages of administrators (``@oauth2.admin_required``)."""
        hook = self._hooks.get("admin_required")
        if hook is not None:
            return hook(user) is True
        return self.all_are_administrators or getattr(user, "is_admin", False) is True

    def name_of(self, user: Any) -> tuple[str, str]:
        """How a person is called, and a second line such as the e-mail address; it may be empty.

        From ``@oauth2.user_display``, else from the first two of ``name``, ``username``, ``email``.
        """
        hook = self._hooks.get("user_display")
        if hook is not None:
            shown = hook(user)
            if not isinstance(shown, tuple | list) or len(shown) != 2:
                raise ConfigurationError("The hook user_display returns two texts: a name and a second line.")
            return str(shown[0] or self.key_of(user)), str(shown[1] or "")
        values = [getattr(user, attribute, None) for attribute in ("name", "username", "email")]
        known = list(dict.fromkeys(value for value in values if isinstance(value, str) and value))
        if not known:
            return str(self.key_of(user)), ""
        email = known[-1] if len(known) > 1 else ""
        return known[0], email

    def parsed(self, text: str) -> Any:
        """The key written as *text* on a command line.

        :raises ValueError: if it cannot be one.
        """
        if "\0" in text:
            raise ValueError("no key has a NUL")
        key = self._users.key_python_type(text)
        if isinstance(key, int) and not -self._users.greatest_key <= key <= self._users.greatest_key:
            raise ValueError("there is no such key")
        return key

    def load(self, key: Any) -> Any:
        """The user behind *key*, or None."""
        if key is None:
            return None
        if self._users.user_model is not None:
            return self._users.load(key)
        login_manager = getattr(current_app, "login_manager", None)
        loader = login_manager and login_manager._user_callback
        if loader is None:
            return None
        try:
            return loader(key)
        except NO_SUCH_VALUE as error:  # what somebody typed is no key that the host's loader knows
            log.info("the user loader takes no such key: %s", type(error).__name__)
            if not isinstance(error, ValueError | OverflowError):  # the database has said so
                self._unit.rollback()
            return None

    def is_active(self, key: Any) -> bool:
        """Whether there is such a user and the host lets them in."""
        user = self.load(key)
        return user is not None and bool(getattr(user, "is_active", True))

    def is_row_active(self, row: Any) -> bool:
        """The same for the user of a token, from what its one SELECT brought, if that suffices."""
        if row.user_id is None:
            return True
        if self._users.user_model is None or self._users.active_in_python:
            return self.is_active(row.user_id)
        return row.user_row is not None and bool(row.user_active)

    def sub(self, key: Any) -> str:
        """The subject identifier of a user on the wire (``@oauth2.subject``; default: the key)."""
        hook = self._hooks.get("subject")
        return str(key) if hook is None else str(hook(self.load(key)))


def _text_key(user: Any) -> str | None:
    """What Flask-Login calls a user, if it can be stored and told from others on every database."""
    key = user.get_id() if hasattr(user, "get_id") else None
    if key is None:
        return None
    text = str(key)
    if not text or len(text) > _LONGEST_KEY or text != text.rstrip() or "\0" in text:
        raise OAuth2ServerError(
            f"get_id() of a user has to be 1 to {_LONGEST_KEY} characters that do not end in a space, "
            f"not {text[:300]!r}."
        )
    return text
