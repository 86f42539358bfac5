"""The extension object: :meth:`OAuth2Server.init_app`, and what users call."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from flask import Blueprint, Flask, current_app, g
from flask_sqlalchemy import SQLAlchemy

from . import cli, config, csrf, signals, transport, ui
from .development import Development, address
from .doctor import Doctor
from .domain import sessions
from .domain.claims import STANDARD, ClaimsHook
from .errors import ConfigurationError
from .features import DEFAULT_FEATURES
from .models.factory import create_models
from .oauth.provider import Provider
from .oauth.responses import api_view, page_view
from .resource import let_tokens_in, protect
from .scopes import Scope, ScopeRegistry
from .signals import tell
from .state import ServerState
from .storage import Storage
from .verbs import EXTENSION_NAME, Verbs

log = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

BLUEPRINT = "oauth2server"
#: The blueprints, each with the setting that says where it lives.
_PREFIX_KEYS = {
    BLUEPRINT: "OAUTH2_URL_PREFIX",
    "oauth2server_settings": "OAUTH2_SETTINGS_URL_PREFIX",
    "oauth2server_admin": "OAUTH2_ADMIN_URL_PREFIX",
}


class OAuth2Server(Verbs):
    """An OAuth 2.1 provider for Flask apps.

    :param app: the app; without one call :meth:`init_app` later.
    :param db: the app's Flask-SQLAlchemy object; found by itself if it is on the app already.
    :param user_model: the app's user class; ``user_id`` becomes a foreign key to it.
    :param features: what the provider can do; default: all of
        :data:`~flask_oauth2server.DEFAULT_FEATURES`.
    :param models: replacements of single models, as ``Client=MyClient``.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        db: SQLAlchemy | None = None,
        user_model: Any = None,
        features: Sequence[Any] = DEFAULT_FEATURES,
        **models: Any,
    ) -> None:
        self._db = db
        self._user_model = user_model
        self._features = tuple(features)
        self._own_models = models
        self.scopes = ScopeRegistry()
        self.hooks: dict[str, Callable[..., Any]] = {}
        if db is not None:
            # Models exist from here on, so that db.create_all() and migrations see them.
            self._models = create_models(db, user_model, **models)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, db: SQLAlchemy | None = None, user_model: Any = None) -> None:
        """Set up *app*; several apps may share one extension object.

        Reads all ``OAUTH2_*`` keys of the app's configuration once; they are listed with their
        defaults in :mod:`flask_oauth2server.config` and under "Configuration" in the documentation.

        :param app: the app. Its ``db.init_app`` and its ``LoginManager`` come first.
        :param db: as in the constructor.
        :param user_model: as in the constructor.
        :raises ConfigurationError: (a :class:`RuntimeError`) with a sentence that says what to do.
        """
        if not hasattr(app, "extensions"):
            app.extensions = {}
        if EXTENSION_NAME in app.extensions:
            raise ConfigurationError(
                "OAuth2Server is already initialised on this app. Use the object that is there "
                "(app.extensions['oauth2server'].extension), and call either OAuth2Server(app) or init_app(app), once."
            )
        user_model = user_model or self._user_model
        settings = config.read(app.config, self._defaults())
        if settings["OAUTH2_ISSUER"]:
            transport.check_issuer(settings["OAUTH2_ISSUER"])
        hosts: SQLAlchemy | None = db or self._db or app.extensions.get("sqlalchemy")
        if hosts is not None and app.extensions.get("sqlalchemy") is not hosts:
            raise ConfigurationError("Call db.init_app(app) before OAuth2Server is initialised on the app.")
        configured = _configured_database(app) if hosts is None else None
        development = Development(app) if hosts is None and configured is None else None
        database: Any = hosts or configured or (development and development.db)
        _check_secret_key(app)
        self._models = models = create_models(database, user_model, **self._own_models)
        server = self._state(app, settings, Storage(database, models, user_model), development)
        self._assemble(app, server, development)

    def _defaults(self) -> dict[str, Any]:
        defaults = dict(config.DEFAULTS)
        for feature in self._features:
            defaults.update(getattr(feature, "DEFAULTS", {}))
        return defaults

    def _state(
        self, app: Flask, settings: Mapping[str, Any], storage: Storage, development: Development | None
    ) -> ServerState:
        scopes = ScopeRegistry(self.scopes)
        for id_, help_text in settings["OAUTH2_SCOPES"].items():
            scopes.register(Scope(id_, help_text))
        return ServerState(
            self,
            settings,
            storage,
            scopes,
            development=development is not None,
            testing=development is not None or app.debug or app.testing,
        )

    def _assemble(self, app: Flask, server: ServerState, development: Development | None) -> None:
        app.extensions[EXTENSION_NAME] = server
        for feature in self._features:
            if server.settings.get(enabling_key(feature), True):
                feature.init_app(server)
        server.doctor = Doctor(app, server)
        ui.init_app(server, development)
        _limit_rates(app, server)
        cli.init_app(app, server)
        server.provider = Provider(server)
        _register(app, server)
        csrf.init_app(app)
        _end_before_others(app, server)
        sessions.init_app(app)
        _cap_oauthlib_logger(server)
        _watch_users(server)
        _meet_login_manager(app, server)
        if development is not None:
            _start_development(app, server, development)

    # --- hooks, in Flask-Login's manner --------------------------------------------------------

    def authentication_context(self, hook: F) -> F:
        """Decorator: *hook(user)* says how the person at the browser has authenticated: a pair of one of
        ``OAUTH2_ACR_VALUES`` (or None) and a list of methods such as ``["pwd", "otp"]`` (RFC 8176), or None."""
        return self._hooked("authentication_context", hook)

    def step_up(self, hook: F) -> F:
        """Decorator: *hook(user, acr_values, next_url)* returns a response that leads to a stronger authentication.

        It is asked where a client wants one (``acr_values``; RFC 9470) that ``authentication_context`` does not tell
        of. The page that it leads to sends the person on to *next_url*, a path on this server.
        """
        return self._hooked("step_up", hook)

    def select_account(self, hook: F) -> F:
        """Decorator: *hook(user, next_url)* returns a response that leads to a page where the person chooses an account
        (``prompt=select_account``), and which sends them on to *next_url*. Without it the consent page says whose
        account it is, and has "Not you?"."""
        return self._hooked("select_account", hook)

    def subject(self, hook: F) -> F:
        """Decorator: *hook(user)* returns the ``sub`` of a user on the wire; default: the stored key."""
        return self._hooked("subject", hook)

    def user_claims(self, *names: Any) -> Any:
        """Decorator: *hook(user)* returns a dictionary of what the app knows of a user (OpenID Connect Core, 5.1).

        ``@oauth2.user_claims("name", "email")`` names the claims that it may return, so that the scopes which ask
        for them are offered and the server's metadata are true; plain ``@oauth2.user_claims`` means all standard
        claims. Clients are told those that their scopes ask for; values that are None are left out.

        :raises ConfigurationError: for a claim that the protocol defines, such as ``sub``.
        """
        if len(names) == 1 and callable(names[0]):
            return self._claimed(names[0], STANDARD)
        return lambda hook: self._claimed(hook, names)

    def _claimed(self, hook: F, names: Sequence[str]) -> F:
        claims = ClaimsHook(hook, names)
        for scope in claims.scopes():
            if scope.id not in self.scopes:
                self.scopes.register(scope)
        self._hooked("user_claims", claims)
        return hook

    def consent_page(self, hook: F) -> F:
        """Decorator: *hook(question)* renders the consent page.

        Its form posts to the same address the fields ``csrf_token``, ``ticket``, ``confirm``
        (``yes`` or ``no``) and ``scope`` for each optional scope that is ticked. *question* is a
        :class:`~flask_oauth2server.domain.consent.Question`.
        """
        return self._hooked("consent_page", hook)

    def consent_decision(self, hook: F) -> F:
        """Decorator: *hook(question)* decides a consent instead of the person.

        It is asked where a page would be shown, but not where the client wants the page
        (``prompt=consent``) nor for a client that has to be asked for each time (RFC 8252, 8.6). It
        returns True (all is granted), a list of scopes (those are), False (nothing is), or None: ask
        the person.
        """
        return self._hooked("consent_decision", hook)

    def admin_required(self, hook: F) -> F:
        """Decorator: *hook(user)* tells whether a user may open the pages of administrators; default:
        whether ``user.is_admin`` is True."""
        return self._hooked("admin_required", hook)

    def may_register(self, hook: F) -> F:
        """Decorator: *hook(user)* tells whether a user may register applications; it narrows
        ``OAUTH2_USERS_MAY_REGISTER``."""
        return self._hooked("may_register", hook)

    def personal_token_scopes(self, hook: F) -> F:
        """Decorator: *hook(user)* returns the ids of the scopes that a user may give to personal tokens;
        default: all that are not internal."""
        return self._hooked("personal_token_scopes", hook)

    def user_display(self, hook: F) -> F:
        """Decorator: *hook(user)* returns how pages call a user, and a second line such as the e-mail
        address (or an empty string)."""
        return self._hooked("user_display", hook)

    def place(self, hook: F) -> F:
        """Decorator: *hook(address)* returns the place of an IP address for the pages of people's own,
        such as ``Leipzig``, or None. Asked only where ``OAUTH2_KEEP_ADDRESSES`` is on."""
        return self._hooked("place", hook)

    def _hooked(self, name: str, hook: F) -> F:
        self.hooks[name] = hook
        return hook

    protect = staticmethod(protect)


def enabling_key(feature: Any) -> str:
    """The key that switches *feature* on or off, after its last name: ``OAUTH2_ENABLE_IMPLICIT``."""
    return f"OAUTH2_ENABLE_{feature.__name__.rpartition('.')[2].upper()}"


def _configured_database(app: Flask) -> SQLAlchemy | None:
    """A db of our own for an app that has configured one and made none."""
    if not app.config.get("SQLALCHEMY_DATABASE_URI") and not app.config.get("SQLALCHEMY_BINDS"):
        return None
    db = SQLAlchemy()
    db.init_app(app)
    # The place is the app's own db's, which may still come: then the first request says so.
    del app.extensions["sqlalchemy"]
    return db


def _check_secret_key(app: Flask) -> None:
    if not app.secret_key:
        raise ConfigurationError(
            "Set SECRET_KEY to a long random value that stays the same, such as the output of "
            "`python -c 'import secrets; print(secrets.token_hex())'`: sessions and consent tickets are signed with it."
        )


def _register(app: Flask, server: ServerState) -> None:
    """Make the blueprints of all routes that features and pages have added."""
    prefixes = {name: _prefix(server.settings, key) for name, key in _PREFIX_KEYS.items()}
    blueprints = {name: Blueprint(name, __package__ or "") for name in _PREFIX_KEYS}
    blueprints[BLUEPRINT] = Blueprint(
        BLUEPRINT,
        __package__ or "",
        template_folder="templates",
        static_folder="static/oauth2server",
        static_url_path=f"{prefixes[BLUEPRINT]}/static",
    )
    for route in server.routes:
        view = page_view(server, route) if route.page else api_view(server, route)
        rule = route.rule if route.at_root else f"{prefixes[route.blueprint]}{route.rule}"
        blueprint = blueprints[route.blueprint]
        blueprint.add_url_rule(rule, route.name, view, methods=["GET"], provide_automatic_options=False)
        if not route.page or route.checks_csrf:
            server.passed_views.add(view)
    for blueprint in blueprints.values():
        app.register_blueprint(blueprint)
    for route in server.routes:
        for rule_on_map in app.url_map.iter_rules(f"{route.blueprint}.{route.name}"):
            # Every method comes to the view, which answers 405 itself: a blueprint's error
            # handlers never see one.
            rule_on_map.methods = None


def _prefix(settings: Mapping[str, Any], key: str) -> str:
    prefix: str = settings[key].rstrip("/")
    if prefix and not prefix.startswith("/"):
        raise ConfigurationError(f"{key} must begin with a slash, as '/oauth' does, not {prefix!r}.")
    return prefix


def _end_before_others(app: Flask, server: ServerState) -> None:
    """End what our own routes have begun in the database before Flask-SQLAlchemy does, whose rollback
    on a lost connection would raise when the answer is made already."""

    @app.teardown_appcontext
    def end(_: BaseException | None) -> None:
        if "oauth2server_route" in g:
            server.storage.unit.rollback()


def _limit_rates(app: Flask, server: ServerState) -> None:
    """Count requests, where Flask-Limiter is installed."""
    if server.settings["OAUTH2_ENABLE_RATE_LIMITS"] and importlib.util.find_spec("flask_limiter"):
        from . import rates  # optional machinery

        rates.init_app(app, server)


def _cap_oauthlib_logger(server: ServerState) -> None:
    logger = logging.getLogger("oauthlib")
    if not server.settings["OAUTH2_OAUTHLIB_DEBUG"] and logger.level < logging.INFO:  # also where none is set
        logger.setLevel(logging.INFO)  # at DEBUG it writes tokens and codes


def _watch_users(server: ServerState) -> None:
    users = server.storage.users
    if users.user_model is not None:

        def note(*facts: Any) -> None:
            # Several apps may share a db, each with a key of its own for the audit.
            current: ServerState = current_app.extensions.get(EXTENSION_NAME, server)
            current.audit.note_erased(*facts)

        users.on_delete(lambda key: tell(signals.user_forgotten, user_id=key), note)


def _meet_login_manager(app: Flask, server: ServerState) -> None:
    """Take the app's LoginManager as it is now, and fail on the first request if it was changed."""
    server.login_manager = getattr(app, "login_manager", None)
    if server.login_manager is None:
        warnings.warn(
            "There is no LoginManager on this app, so nobody can sign in and allow a client. Make one "
            "(flask_login.LoginManager) and initialise it before OAuth2Server.",
            stacklevel=5,
        )
    else:
        let_tokens_in(app, server.login_manager)

    def check_order() -> None:
        if getattr(app, "login_manager", None) is not server.login_manager:
            raise ConfigurationError("Initialise your LoginManager on the app before OAuth2Server.")
        if app.extensions.get("sqlalchemy") not in (None, server.storage.unit.db):
            raise ConfigurationError(
                "Call db.init_app(app) before OAuth2Server is initialised on the app: it found no db there and made "
                "one of its own."
            )

    transport.before_first_request(app, check_order)


def _start_development(app: Flask, server: ServerState, development: Development) -> None:
    server.subjects.admits = development.is_admitted
    server.subjects.all_are_administrators = True
    with app.app_context():
        server.storage.schema.create()
    app.logger.warning(
        "OAuth2Server has no db and is in DEVELOPMENT MODE: anyone with the key in this address can sign in as "
        "anybody. Open %s",
        address(app, server.settings["OAUTH2_URL_PREFIX"], development.key),
    )
