"""A person at a browser that is in front of a client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ..browser.conftest import missing
from ..browser.visitor import PATIENCE
from ..browser.watch import Watch
from ..conftest import DEMANDED

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def need_browser() -> None:
    """Skip where there is none; fail where it is demanded."""
    reason = missing()
    if reason is not None:
        if "chromium" in DEMANDED:
            pytest.fail(reason)
        pytest.skip(reason)


class Ada:
    """A person at a browser of her own."""

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(PATIENCE)
        self.watch = Watch(self.context)
        self.page: Page = self.context.new_page()

    def press(self, name: str) -> None:
        """Press the button of that name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def sees(self, text: str) -> None:
        """Wait for it."""
        self.page.get_by_text(text).first.wait_for()

    def logs_in(self) -> None:
        """At the provider of the page."""
        self.page.get_by_label("Name").fill("ada")
        self.page.get_by_label("Password").fill("analytical engine")
        self.press("Sign in")

    def shown(self, wanted: str) -> Any:
        """The JSON on the page, when *wanted* is in it."""
        self.page.locator("pre", has_text=wanted).wait_for()
        return json.loads(self.page.locator("pre").inner_text())

    def leaves(self) -> None:
        """The browser had nothing to complain of, but that clients have no picture."""
        self.context.close()
        assert [line for line in self.watch.complaints if "favicon.ico" not in line] == []
