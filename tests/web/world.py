"""A console in a real browser: the whole stack with the demo's book, and Debian's Chromium, headless."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from devstack.ports import free_port
from devstack.stack import Stack
from policy import in_force
from policy.clock import the_clock
from reading.files.book_file import open_book
from storage.actor import Actor
from storage.connection import Books
from storage.engine import connect
from storage.intake.loading import load

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
PATIENCE = 60_000  # milliseconds for what workers do; the machine may be busy


def chromium() -> str:
    """The browser by name. Skips with the reason where there is none, but never where CI is set."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        told = f"no browser: none of {', '.join(NAMES)} is installed (apt-get install chromium)"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    return found


@dataclass
class World:
    """The stack, its books, and browsers in it. `troubles` are what the browser's console complained of."""

    stack: Stack
    books: Books
    browser: Browser
    troubles: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        """Where the console is."""
        return str(self.stack.console_url)

    @contextmanager
    def as_(self, name: str, **given: object) -> Iterator[Page]:
        """A page of a fresh browser profile in which that person is signed in."""
        with self.profile(**given) as context:
            yield self.signed_in(context, name)

    @contextmanager
    def profile(self, **given: object) -> Iterator[BrowserContext]:
        """A fresh profile."""
        context = self.browser.new_context(base_url=self.base, **given)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE)
        try:
            yield context
        finally:
            context.close()

    def signed_in(self, context: BrowserContext, name: str) -> Page:
        """A page that shows what needs that person."""
        page = context.new_page()
        page.on("console", lambda said: self._heard(said.type, said.text))
        page.on("pageerror", lambda flaw: self.troubles.append(str(flaw)))
        page.goto("/sign-in")
        page.get_by_role("button", name=f"{name} ·").click()
        page.wait_for_url(f"{self.base}/")
        return page

    def _heard(self, kind: str, said: str) -> None:
        if kind in {"error", "warning"} and "status of 4" not in said:  # refusals are pages with such a status
            self.troubles.append(said)


def not_accessible(page: Page, path: str) -> str:
    """What axe finds on a page, light and dark, in words; nothing where everybody can use it.

    Only colours differ in the dark: looking at all else again would take as long again.
    """
    page.goto(path)
    told = ""
    for scheme, options in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        found = Axe().run(page, options={"resultTypes": ["violations"], **options})
        if found.violations_count:
            told += f"{path}, {scheme}\n{found.generate_report()}\n"
    return told


@contextmanager
def world(home: Path) -> Iterator[World]:
    """The stack as `make up` starts it, on ports of its own, with a browser."""
    path = chromium()
    with Stack(home, temporal_port=0, ui_port=None, console_port=free_port(), say=lambda line: None) as stack:
        engine = connect(stack.database_url)
        books = Books(engine)
        book, today = open_book(Path(__file__).parents[2] / "examples" / "demo.yaml"), the_clock().today()
        load(books, book.market, book.accounts, in_force(today), today, Actor("ann"))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            yield World(stack, books, browser)
            browser.close()
        engine.dispose()


def planned(page: Page, *accounts: str) -> str:
    """Has accounts planned from the queue, and waits until they wait for an approval; where the request is."""
    page.goto("/queue")
    for each in accounts:
        page.get_by_role("checkbox", name=f"Choose {each}", exact=True).check()
    page.get_by_role("button", name="Plan the chosen").click()
    page.wait_for_url("**/requests/Q-*")
    count = f"Review {len(accounts)} plan"
    expect(page.get_by_role("link", name=count)).to_be_visible(timeout=PATIENCE)  # by itself, nobody reloads
    return page.url
