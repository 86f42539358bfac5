"""Every page in every state: nothing wrong for axe-core, nothing too wide, nothing that the browser complains of."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from . import openid_states
from .data import THEO
from .states import SETTINGS, STATES, State
from .visitor import Visitor
from .watch import DESKTOP, NARROW, PHONE, wrongs


@pytest.mark.parametrize("state", [*STATES, *openid_states.STATES], ids=lambda state: state.name)
def test_page(state: State, visitor: Callable[..., Visitor]) -> None:
    """At 1280 and 390 px, light and dark, all folds open; the fixture looks at console, policy and requests."""
    somebody = visitor(state.person)
    state.reach(somebody)
    somebody.page.get_by_text(state.shows).first.wait_for()
    assert wrongs(somebody.page, folds=state.folds) == []
    assert somebody.page.locator("h1").count() == 1


def test_settings_stand_in_the_middle(visitor: Callable[..., Visitor]) -> None:
    somebody = visitor(THEO)
    somebody.visit(SETTINGS)
    for width in (NARROW, PHONE, 640, 641, 900, 960, 961, DESKTOP, 1920):
        somebody.page.set_viewport_size({"width": width, "height": 800})
        box = somebody.page.locator("main").bounding_box()
        assert box is not None
        right = somebody.page.evaluate("document.documentElement.clientWidth") - box["x"] - box["width"]
        assert abs(box["x"] - right) <= 1, width
