"""Strangers choose the texts: work grows with their length, not with its square. Counted in steps: time is noise."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

from flask_oauth2server.domain import cleaning, differences

FEW, MANY = 90, 900
#: Ten times the text may take ten times the steps, and a little more where few are of its own.
AT_MOST = 11


def steps(work: Callable[..., Any], *arguments: Any) -> int:
    """How many instructions the interpreter takes."""
    taken = 0

    def trace(frame: Any, event: str, _argument: Any) -> Any:
        nonlocal taken
        frame.f_trace_opcodes = True
        taken += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work(*arguments)
    finally:
        sys.settrace(before)
    return taken


@pytest.mark.parametrize(
    ("sent", "expected"), [("a", "a"), ("a", "b"), ("ab", "ba"), ("abc", "ab"), ("https://", "https://a")]
)
def test_differences(sent: str, expected: str) -> None:
    few, many = (
        steps(differences.between, f"x{sent * number}y", [expected * number, f"x{expected * number}z"])
        for number in (FEW, MANY)
    )
    assert few <= many <= AT_MOST * few
    assert few < many or sent != expected


@pytest.mark.parametrize("text", ["@", "a@", "@ ", "/@", "a:b@c ", "eyJ", "a_", "%40", "%2540 "])
def test_cleaning(text: str) -> None:
    few, many = (steps(cleaning.cleaned, (text * number)[:number]) for number in (FEW, MANY))
    assert 0 < many <= AT_MOST * few


@pytest.mark.parametrize("text", ["@ ", "a:b@c ", "%2540 "])
def test_only_the_beginning_is_cleaned(text: str) -> None:
    short, long = ((text * 20_000)[:length] for length in (1_000, 20_000))
    assert steps(cleaning.cleaned, short) == steps(cleaning.cleaned, long)


def test_what_looks_like_a_secret_is_never_tried_a_second_way() -> None:
    """Steps of a regular expression are not counted; those that repeat without end give nothing back."""
    plain = re.sub(r"\[[^]]*\]", "c", cleaning._SECRETS.pattern)
    endless = re.findall(r"(?:[*+]|\{\d+,\})[+?]?", re.sub(r"\{\d+,\d+\}\+?", "", plain))
    assert endless == ["{20,}+", "{10,}+", "*+"]
