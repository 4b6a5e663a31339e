"""A page that is watched: what it loads, says and refuses, and what an audit finds in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

from e2e.conftest import AXE

DEVICES = {"desktop": (1280, 900), "phone": (360, 780)}

# Before anything of the page runs: what the policy refuses, and how far things move.
_WATCH = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
window.moved = 0;
new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
  if (!entry.hadRecentInput) window.moved += entry.value;
})).observe({ type: "layout-shift", buffered: true });
"""

_AUDIT = """async (leave) => {
  const found = await axe.run({ exclude: leave }, { resultTypes: ["violations"] });
  return found.violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => [one.id, ...one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160))])
    .map((told) => told.join(" | "));
}"""

_OUTSIDE = """() => [...document.querySelectorAll("body *")]
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
  .filter((one) => !one.closest(".scroll, nav, pre"))
  .slice(0, 3).map((one) => `${one.tagName}.${one.className}`)"""


@dataclass
class Watched:
    """A page, and everything that went wrong in it."""

    page: Page
    host: str
    wrong: list[str] = field(default_factory=list)

    def said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.wrong.append(f"console: {message.text}")

    def asked(self, request: Request) -> None:
        if urlsplit(request.url).netloc != self.host:
            self.wrong.append(f"asked elsewhere: {request.url}")

    def failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # whoever goes on leaves what was on its way
            self.wrong.append(f"failed: {request.url}")

    def answered(self, response: Response) -> None:
        if response.status >= 400:
            self.wrong.append(f"{response.status}: {response.url}")

    def audit(self, *leave: str) -> list[str]:
        """Serious and critical findings of axe-core."""
        self.page.evaluate(AXE.read_text())
        found: list[str] = self.page.evaluate(_AUDIT, [[one] for one in leave])
        return found

    def outside(self) -> list[str]:
        """What makes the page wider than the screen."""
        wide = self.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        found: list[str] = self.page.evaluate(_OUTSIDE) or ["something"]
        return found if wide else []

    def moved(self) -> float:
        """How much of the page moved after it was first drawn (cumulative layout shift)."""
        found: float = self.page.evaluate("window.moved")
        return found


@contextmanager
def watched(
    browser: Browser, url: str, theme: str = "light", device: str = "desktop", **options: Any
) -> Iterator[Watched]:
    """A fresh page in a time zone that is not UTC."""
    width, height = DEVICES[device]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        locale="en-GB",
        timezone_id="Europe/Istanbul",
        base_url=f"{url}/",
        **options,
    )
    context.set_default_timeout(20_000)
    context.add_init_script(_WATCH)
    page = context.new_page()
    found = Watched(page, urlsplit(url).netloc)
    page.on("console", found.said)
    page.on("pageerror", lambda error: found.wrong.append(f"script: {error}"))
    page.on("request", found.asked)
    page.on("requestfailed", found.failed)
    page.on("response", found.answered)
    yield found
    context.close()
