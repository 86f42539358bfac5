"""Error pages: what happened, whose fault it probably is and what to do; the reason is for the log.

The page and the log share a reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from flask import request

from .. import clock
from ..state import ServerState
from ..text import _, ngettext
from .pages import here, markup, provider_name, render, strong
from .portraits import portrait

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


class Text(NamedTuple):
    """What a page says about one cause."""

    icon: str
    heading: Any
    happened: Any
    advice: list[Any]


def init_app(server: ServerState) -> None:
    """Join."""
    server.add_page("errors", partial(errors, server))
    server.add_page("unverified_error", partial(unverified_error, server))


def errors(server: ServerState, error: Any = None) -> str:
    """The page of *error*, or of a code named in the address."""
    if error is None:
        named = request.args.get("error", "")
        return _page(server, _damaged(server, _the_app(None)), named if named in _CODES else "invalid_request")
    cause, client = _cause(error), getattr(error, "client", None)
    text = _TEXTS.get(cause, _damaged)(server, _the_app(client))
    if cause == "too_many":
        text = text._replace(happened=_wait(error))
    button = (here(), _("Try again")) if cause == "busy" and request.method == "GET" else None
    facts = {"app": client and portrait(server, client), "sent": getattr(error, "sent", None), "button": button}
    return _page(server, text, error.error, _OLD_NAMES.get(cause, ""), reference=error.reference, **facts)


def _page(server: ServerState, text: Text, code: str, old_code: str = "", **facts: Any) -> str:
    given = {"app": None, "sent": None, "button": None, "reference": None, **facts}
    return render(server, "errors.html", code=code, old_code=old_code, at=clock.now(), **text._asdict(), **given)


def _cause(error: Any) -> str:
    if error.status == 503:
        return "busy" if getattr(error, "cause", "") == "busy" else "not_ready"
    return str(getattr(error, "cause", "damaged"))


def _wait(error: Any) -> str:
    minutes = -(-int(error.headers.get("Retry-After", "60")) // 60)
    return ngettext("Please wait %(num)s minute and try again.", "Please wait %(num)s minutes and try again.", minutes)


def unverified_error(server: ServerState, client: Any, host: str, location: str, error: Any) -> str:
    """An error that goes back to a client nobody has checked, when the person presses the button."""
    name = provider_name(server)
    happened = markup("It asked for something that %(host)s does not offer. Nothing has been shared.", host=name)
    advice = markup(
        "You can go back to the app. %(host)s has not checked it, so look at the address before you go on.", host=name
    )
    heading = markup("%(app)s could not be connected", app=strong(client.name))
    text = Text("alert", heading, happened, [advice])
    button = (location, _("Go to %(host)s", host=host))
    face = portrait(server, client)
    return _page(server, text, error.error, app=face, button=button, reference=error.reference)


def _the_app(client: Any) -> Any:
    return strong(client.name) if client is not None else _("The app")


# --- one cause each -------------------------------------------------------------------------------


def _redirect_uri(server: ServerState, app: Any) -> Text:
    happened = markup(
        "It sent you here with a return address that it has not registered with %(host)s. We stopped, so that nobody "
        "else receives your data. Nothing has been shared.",
        host=provider_name(server),
    )
    advice = [_("Go back to the app and start again from there."), _tell_makers()]
    return Text("link", markup("%(app)s could not be connected", app=app), happened, advice)


def _client_unknown(server: ServerState, app: Any) -> Text:
    heading = markup("%(host)s does not know this app", host=provider_name(server))
    happened = _("The link that brought you here names an app that is not registered. Nothing has been shared.")
    advice = [
        _("Check that you followed the right link."),
        _("Tell the makers of the app, and give them the reference below."),
    ]
    return Text("link", heading, happened, advice)


def _client_disabled(server: ServerState, app: Any) -> Text:
    host = provider_name(server)
    happened = markup("%(host)s has stopped this app. Nothing has been shared.", host=host)
    advice = [markup("Ask the makers of the app, or %(host)s, why.", host=host)]
    return Text("bad", markup("%(app)s has been switched off", app=app), happened, advice)


def _damaged(server: ServerState, app: Any) -> Text:
    happened = _("Part of it is missing or appears twice. Nothing has been shared.")
    return Text("link", _("This link is damaged"), happened, [_("Go back to the app and start again.")])


def _too_late(server: ServerState, app: Any) -> Text:
    happened = _(
        "This page was open for more than 10 minutes, or you answered it already in another tab. Nothing has been "
        "shared."
    )
    return Text("clock", _("You took a little too long"), happened, [_("Go back to the app and start again.")])


def _too_many(server: ServerState, app: Any) -> Text:
    return Text("clock", _("Too many tries"), "", [])


def _busy(server: ServerState, app: Any) -> Text:
    heading = markup("%(host)s is busy", host=provider_name(server))
    return Text("clock", heading, _("Nothing was changed."), [_("Wait a moment and press Try again.")])


def _not_ready(server: ServerState, app: Any) -> Text:
    heading = markup("%(host)s is not ready for this", host=provider_name(server))
    happened = _("It has not been set up to let apps in. The people who run it find the reason in their log.")
    return Text("bad", heading, happened, [_("Try again later, or tell them and give them the reference below.")])


def _insecure(server: ServerState, app: Any) -> Text:
    happened = _("This address begins with http://, so others could read along. Nothing has been shared.")
    advice = [_("Use the address that begins with https://."), _tell_makers()]
    return Text("alert", _("This connection is not safe"), happened, advice)


def _method(server: ServerState, app: Any) -> Text:
    happened = _("A page was asked for in a way that it does not know. Nothing was changed.")
    return Text("link", _("This cannot be done here"), happened, [_("Go back and try again from there.")])


def _too_large(server: ServerState, app: Any) -> Text:
    happened = _("More was sent than is read here. Nothing was changed.")
    return Text("bad", _("That was too much"), happened, [_("Go back and send less, such as a smaller file.")])


def _no_key(server: ServerState, app: Any) -> Text:
    happened = _("Development mode is open only to the address that start-up printed.")
    advice = [_("Copy the whole address from the terminal, with the key in it.")]
    return Text("bad", _("This page needs its key"), happened, advice)


def _missing(server: ServerState, app: Any) -> Text:
    happened = _("It does not exist, or it is somebody else's.")
    return Text("bad", _("There is nothing here"), happened, [_("Go back to your applications and look there.")])


def _not_admin(server: ServerState, app: Any) -> Text:
    happened = _("This page is for administrators, and you are signed in as somebody who is none.")
    advice = [_("Sign in as an administrator, or ask one to open it for you.")]
    return Text("bad", _("You may not open this page"), happened, advice)


def _offer_gone(server: ServerState, app: Any) -> Text:
    happened = _("It was used or withdrawn, or it is too old. Nothing was changed.")
    advice = [_("Ask whoever sent you the link for another one.")]
    return Text("clock", _("This offer is no longer open"), happened, advice)


def _tell_makers() -> str:
    return _(
        "If it happens again, tell the makers of the app and give them the reference below. You cannot fix it yourself."
    )


_TEXTS: Mapping[str, Callable[[ServerState, Any], Text]] = {
    "redirect_uri": _redirect_uri,
    "client_unknown": _client_unknown,
    "client_disabled": _client_disabled,
    "damaged": _damaged,
    "too_late": _too_late,
    "too_many": _too_many,
    "busy": _busy,
    "not_ready": _not_ready,
    "insecure": _insecure,
    "method": _method,
    "too_large": _too_large,
    "no_key": _no_key,
    "missing": _missing,
    "not_admin": _not_admin,
    "offer_gone": _offer_gone,
}
