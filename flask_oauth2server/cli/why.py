"""``flask oauth2 why``: the precise reason of a refusal, or the story of a token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click
from flask.cli import with_appcontext

from .. import clock
from ..domain.causes import cause_of
from ..domain.why import Explanation, Story
from .common import Lines, as_json, explained, find_client, server, show, show_one


@click.command("why")
@click.argument("what", metavar="[REFERENCE|TOKEN]", required=False)
@click.option("--client", "client_id", help="Instead: what was refused of this client, the last first.")
@as_json
@with_appcontext
@explained
def why(what: str | None, client_id: str | None, as_json: bool) -> None:
    """Tell why a request was refused, by the reference of its error page, or what became of a token.

    Without an argument it is asked for and not echoed, so that a token stays out of the shell's history. A
    token is looked up by its digest, and neither kept nor logged.
    """
    if client_id is not None:
        show(_of_client(find_client(client_id)), as_json, "Nothing of it was refused that is still kept.")
        return
    what = what or click.prompt("Reference or token", hide_input=True)
    explanation = server().why.reference(what)
    if explanation is not None:
        facts = _explained(explanation)
        show_one(facts if as_json else {name: _in_lines(value) for name, value in facts.items()}, as_json)
    elif what.upper().startswith("F-"):
        raise click.ClickException(
            "No refusal is kept under this reference: it is too old, was one of many alike, or was read wrongly."
        )
    else:
        show_one(_told(server().why.token(what)), as_json)


def _in_lines(value: Any) -> Any:
    return Lines(value) if isinstance(value, list) else value


def _of_client(client: Any) -> list[dict[str, Any]]:
    since = clock.now() - timedelta(seconds=server().settings["OAUTH2_FAILURES_EXPIRES_IN"])
    rows = server().storage.failures.groups(since=since, client_pk=client.id)
    return [
        {
            "times": row.times,
            "what": cause_of(row.cause).title,
            "told": row.error,
            "last": row.created_at,
            "reference": row.reference,
        }
        for row in rows
    ]


def _explained(explanation: Explanation) -> dict[str, Any]:
    row, cause, difference = explanation.row, explanation.cause, explanation.difference
    facts: dict[str, Any] = {"what": f"{cause.title}.", "reason": explanation.detail}
    if difference is not None:
        facts["sent"] = "".join(piece.text for piece in difference.sent)
        facts["expected"] = "".join(piece.text for piece in difference.expected)
        facts["difference"] = f"{difference.sentence} The first one is character {difference.position}."
    facts |= {
        "also": " ".join(explanation.hints),
        "rule": cause.section,
        "why": cause.why,
        "in_the_client": cause.client,
        "here": cause.here,
        "client_id": row.client_id,
        "told": f"{row.status} {row.error}",
        "endpoint": row.endpoint,
        "at": row.created_at,
        "request": [f"{name}={value}" for name, value in explanation.parameters],
        "checks": [f"{check.text}: {check.state}." for check in explanation.checks],
    }
    return {name: value for name, value in facts.items() if value not in ("", None, [])}


def _told(story: Story) -> dict[str, Any]:
    facts = {
        "kind": story.kind or "unknown",
        "live": story.live,
        "story": " ".join(story.sentences),
        "client_id": story.client_id,
        "user": None if story.user_id is None else str(story.user_id),
        "name": story.name,
        "authorization": story.authorization,
    }
    return {name: value for name, value in facts.items() if value is not None}
