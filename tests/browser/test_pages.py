"""Every page in every state: nothing wrong for axe-core, nothing too wide, nothing that the browser complains of."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .states import STATES, State
from .visitor import Visitor
from .watch import wrongs


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_page(state: State, visitor: Callable[..., Visitor]) -> None:
    """At 1280 and 390 px, light and dark, all folds open; the fixture looks at console, policy and requests."""
    somebody = visitor(state.person)
    state.reach(somebody)
    somebody.page.get_by_text(state.shows).first.wait_for()
    assert wrongs(somebody.page, folds=state.folds) == []
    assert somebody.page.locator("h1").count() == 1
