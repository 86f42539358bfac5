"""The pages of administrators, by keyboard and by eye."""

from __future__ import annotations

from collections.abc import Callable

from .data import TOMAS
from .states import HOUSE
from .visitor import Visitor
from .watch import PHONE


def test_an_administrator_needs_no_mouse(visitor: Callable[..., Visitor]) -> None:
    somebody = visitor(TOMAS)
    somebody.visit(f"{HOUSE}clients/widget/")
    keys = somebody.page.keyboard
    passed = somebody.tab_to("Disable")
    assert [words.split(" ")[0] for words in passed] == [
        *("Skip", "OAuth", "Overview", "Clients", "Tokens", "Scopes", "Failures", "Signing", "Audit"),
        *("Clients", "Theo", "Mark", "Edit", "Disable"),
    ]
    keys.press("Enter")
    somebody.page.get_by_role("status").get_by_text("Disabled.").wait_for()
    somebody.tab_to("Enable")
    keys.press("Enter")
    somebody.page.get_by_role("status").get_by_text("Enabled.").wait_for()
    somebody.tab_to("Skip to the page")
    keys.press("Enter")
    somebody.tab_to("Delete client…")
    keys.press("Enter")
    assert somebody.focused() == "Keep it"
    keys.press("Enter")
    assert somebody.focused() == "Delete client…"


def test_on_a_phone_a_table_is_a_list_of_records(visitor: Callable[..., Visitor]) -> None:
    """Name first, then label over value in two columns; for screen readers it stays a table."""
    somebody = visitor(TOMAS, viewport={"width": PHONE, "height": 800})
    somebody.visit(f"{HOUSE}clients/notebook/")
    table = somebody.page.get_by_role("table", name="Live authorizations")
    row = table.get_by_role("row").nth(1)
    boxes = [cell.bounding_box() for cell in (row.get_by_role("rowheader"), *row.get_by_role("cell").all())]
    head, scopes, device, granted, used, end = (box for box in boxes if box is not None)
    assert head["y"] < scopes["y"] < device["y"] == granted["y"] < used["y"] < end["y"]
    assert head["x"] == scopes["x"] == device["x"] < granted["x"]
    assert table.get_by_role("columnheader", name="Person").count() == 1
