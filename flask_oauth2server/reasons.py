"""The private reason of a refusal: a sentence for the log, and what else tells why."""

from __future__ import annotations

from typing import Any


class Plain(str):
    """A text that is known to hold no secret, whatever it looks like."""


class Reason(str):
    """Why a request was refused, for administrators alone.

    As a string it is the sentence that the log and the signals have.

    :param cause: a key of the catalogue in :mod:`.domain.causes`.
    :param sentence: the private sentence; empty: what the client is told.
    :param facts: what differed, as JSON values: ``sent`` and ``expected`` (a list) are set beside one
        another; never a secret, a code or a token. ``more`` may be a function without arguments that
        returns further facts: it is called only where the reason is kept, after the answer.
    """

    cause: str
    facts: dict[str, Any]

    def __new__(cls, cause: str, sentence: str = "", **facts: Any) -> Reason:
        self = super().__new__(cls, sentence)
        self.cause, self.facts = cause, facts
        return self

    def saying(self, sentence: str) -> Reason:
        """The same with another sentence."""
        return Reason(self.cause, sentence, **self.facts)
