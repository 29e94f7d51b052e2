"""One Chromium for all browser tests; skipped with a reason where it cannot be had."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
AXE = ROOT / "node_modules/axe-core/axe.min.js"
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Visit:
    """An open page and what it did that a report page must not do."""

    page: object
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


@pytest.fixture(scope="package")
def chromium():
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: run .ci/browser")
    if not CHROMIUM.exists():
        pytest.skip("no /usr/bin/chromium: run .ci/browser")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def axe() -> str:
    if not AXE.exists():
        pytest.skip("no axe-core in node_modules: run .ci/browser")
    return AXE.read_text("utf-8")


@pytest.fixture
def visit(chromium) -> Iterator:
    """Opens a file; every request that is not a file is refused and recorded."""
    contexts = []

    def open_page(address: Path, width: int = 1200, height: int = 900) -> Visit:
        context = chromium.new_context(viewport={"width": width, "height": height}, locale="en-GB")
        contexts.append(context)
        seen = Visit(context.new_page())

        def judge(route) -> None:
            if route.request.url.startswith("file:"):
                route.continue_()
                return
            seen.requests.append(route.request.url)
            route.abort()

        context.route("**/*", judge)
        seen.page.on("console", lambda message: seen.messages.append(f"{message.type}: {message.text}"))
        seen.page.on("pageerror", lambda error: seen.messages.append(f"error: {error}"))

        def refuse(dialog) -> None:
            seen.messages.append(f"dialog: {dialog.message}")
            dialog.dismiss()

        seen.page.on("dialog", refuse)
        seen.page.goto(address.as_uri())
        return seen

    yield open_page
    for context in contexts:
        context.close()
