"""Error pages: what happened and what to do, never the reason that is for the log."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import request

from ..state import ServerState
from ..text import _
from .pages import provider_name, render

#: The codes that the page shows when they are named in its address; nothing else is echoed.
_CODES = (
    "access_denied",
    "invalid_client",
    "invalid_client_id",
    "invalid_request",
    "invalid_scope",
    "mismatching_redirect_uri",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_response_type",
)

#: The names that the original gave to what is ``invalid_request`` now.
_OLD_NAMES = {"redirect_uri": "mismatching_redirect_uri", "client_unknown": "invalid_client_id"}


def init_app(server: ServerState) -> None:
    """Join."""
    server.add_page("errors", partial(errors, server))
    server.add_page("unverified_error", partial(unverified_error, server))


def errors(server: ServerState, error: Any = None) -> str:
    """The page of *error*, or of a code named in the address."""
    if error is None:
        named = request.args.get("error", "")
        code = named if named in _CODES else "invalid_request"
        return render(server, "errors.html", code=code, **_text(server, "", None))
    cause = _cause(error)
    old = _OLD_NAMES.get(cause, "")
    text = _text(server, cause, getattr(error, "client", None))
    return render(server, "errors.html", code=error.error, old_code=old, client=getattr(error, "client", None), **text)


def _cause(error: Any) -> str:
    if error.status in (429, 503) or error.error == "temporarily_unavailable":
        return "busy" if error.error == "temporarily_unavailable" else "not_ready"
    return getattr(error, "cause", "damaged")


def unverified_error(server: ServerState, name: str, host: str, location: str, code: str) -> str:
    """An error that goes back to a client nobody has checked, when the person presses the button."""
    return render(
        server,
        "errors.html",
        code=code,
        heading=_("%(app)s could not be connected", app=name),
        happened=_(
            "It asked for something that %(host)s does not offer. Nothing has been shared.", host=provider_name(server)
        ),
        advice=[
            _(
                "You can go back to the app. %(host)s has not checked it, so look at the address before you go on.",
                host=provider_name(server),
            )
        ],
        button=(location, _("Go to %(host)s", host=host)),
    )


def _text(server: ServerState, cause: str, client: Any) -> dict[str, Any]:
    app = client.name if client is not None else _("The app")
    host = provider_name(server)
    nothing = _("Nothing has been shared.")
    again = _("Go back to the app and start again.")
    tell = _("If it happens again, tell the makers of the app. You cannot fix it yourself.")
    texts: dict[str, tuple[str, str, list[str]]] = {
        "redirect_uri": (
            _("%(app)s could not be connected", app=app),
            _(
                "It sent you here with a return address that it has not registered with %(host)s. "
                "We stopped, so that nobody else receives your data.",
                host=host,
            ),
            [again, tell],
        ),
        "client_unknown": (
            _("%(host)s does not know this app", host=host),
            _("The link that brought you here names an app that is not registered."),
            [_("Check that you followed the right link."), tell],
        ),
        "client_disabled": (
            _("%(app)s has been switched off", app=app),
            _("%(host)s has stopped this app.", host=host),
            [_("Ask the makers of the app, or %(host)s, why.", host=host)],
        ),
        "busy": (
            _("%(host)s is busy", host=host),
            _("Nothing was changed."),
            [_("Wait a moment and try again.")],
        ),
        "not_ready": (
            _("%(host)s is not ready for this", host=host),
            _("It has not been set up to let apps in. The people who run it find the reason in their log."),
            [_("Try again later.")],
        ),
        "no_key": (
            _("This page needs its key"),
            _("Development mode is open only to the address that start-up printed."),
            [_("Copy the whole address from the terminal, with the key in it.")],
        ),
        "damaged": (
            _("This link is damaged"),
            _("Part of it is missing or appears twice."),
            [again],
        ),
    }
    heading, happened, advice = texts.get(
        cause, (_("Something went wrong"), _("The app's request could not be answered."), [again])
    )
    if cause not in ("busy", "not_ready", "no_key"):
        happened = f"{happened} {nothing}"
    return {"heading": heading, "happened": happened, "advice": advice}
