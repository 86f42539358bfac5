"""What a browser complains of while a person looks at our pages, and what axe-core and a ruler find."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.example ~NOTFOUND",  # nothing is asked of any other machine
)
DESKTOP, PHONE, NARROW = 1280, 390, 320
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")

#: All that reads colours, which takes most of the time: in dark nothing else can change.
_COLOURS = ("color-contrast", "link-in-text-block")
#: Of a long list they look at the first rows; the others are made by the same lines of a template.
_ALIKE = ("li:nth-of-type(n+13)", "tbody tr:nth-of-type(n+13)")
_VIOLATIONS = """addEventListener("securitypolicyviolation", event =>
    window.o2Violation(`${event.effectiveDirective} ${event.blockedURI} on ${event.documentURI}`))"""
#: Console lines that repeat a status, which is judged where the answer came in.
_REPEATED = "Failed to load resource: the server responded with a status of"


@dataclass
class Watch:
    """Listens to a browser context; what it must not do is in :attr:`complaints`.

    :ivar gone: addresses that the browser went to in vain, for there is no such machine: a client's.
    """

    context: BrowserContext
    complaints: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.expose_binding("o2Violation", lambda _source, text: self.complaints.append(f"policy: {text}"))
        self.context.add_init_script(_VIOLATIONS)
        self.context.on("console", self._on_console)
        self.context.on("response", self._on_response)
        self.context.on("requestfailed", self._on_failed)
        self.context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_REPEATED):
            self.complaints.append(f"console: {message.text}")

    def _on_response(self, response: Response) -> None:
        of_page = response.request.is_navigation_request()
        if response.status >= 400 and not (of_page and response.status != 500):
            self.complaints.append(f"answer: {response.status} {response.url}")

    def _on_failed(self, request: Request) -> None:
        why = request.failure or ""
        if request.is_navigation_request() and "ERR_NAME_NOT_RESOLVED" in why:
            self.gone.append(request.url)
        elif "ERR_ABORTED" not in why:  # left before it was there
            self.complaints.append(f"request: {why} {request.url}")


@functools.cache
def _axe_script() -> str:
    from axe_playwright_python.sync_playwright import Axe  # may be missing

    return Axe().axe_script


def open_all(page: Page) -> None:
    """Open every fold."""
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")


def axe(page: Page, *, colours: bool) -> list[str]:
    """What axe-core finds wrong with the colours, or with all else; one line each."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe_script())
    options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
    if colours:
        options["runOnly"] = {"type": "rule", "values": _COLOURS}
    else:
        options["runOnly"] = {"type": "tag", "values": TAGS}
        options["rules"] = {rule: {"enabled": False} for rule in _COLOURS}
    where = {"include": [["html"]], "exclude": [[rows] for rows in _ALIKE] if colours else []}
    found = page.evaluate("([where, options]) => axe.run(where, options).then(all => all.violations)", [where, options])
    return [
        f"{rule['id']}: {node['target']} {node['html'][:160]} {node['failureSummary'][:300]}"
        for rule in found
        for node in rule["nodes"]
    ]


def is_too_wide(page: Page) -> bool:
    """Whether the page can be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def wrongs(page: Page, *, folds: bool = True) -> list[str]:
    """Everything wrong with the page as it is: on a desktop and a phone, in light and dark; it is not loaded again.

    :param folds: open them all; on a page with a hundred of them axe-core takes minutes.
    """
    found = []
    if folds:
        open_all(page)
    for width, scheme in ((DESKTOP, "light"), (PHONE, "dark")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for colours in (False, True):
            found += [f"{width} {scheme} {line}" for line in axe(page, colours=colours)]
    for width in (DESKTOP, PHONE, NARROW):
        page.set_viewport_size({"width": width, "height": 800})
        if is_too_wide(page):
            found.append(f"{width} can be scrolled sideways")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": DESKTOP, "height": 800})
    return found
