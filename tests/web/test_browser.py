"""A day at the console in a real browser: operator, approver, auditor; keys, narrow screens, races, a dead worker."""

import os
import signal
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.web.world import PATIENCE, World, not_accessible, planned, world

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]
PAGES = ("/", "/queue", "/requests", "/approvals", "/accounts", "/accounts/A-103", "/accounts/A-103/diagnosis",
         "/targets", "/targets/BALANCED", "/models/HEALTH", "/breaks", "/record", "/exports", "/rules", "/policy",
         "/status", "/nothing", "/queue?reason=MANUAL")  # fmt: skip
ADMINS = ("/people", "/keys", "/webhooks", "/me")


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("console")) as made:
        with made.as_("ann") as ann:
            ann.goto("/queue")
            ann.get_by_role("button", name="Evaluate now").click()
            found = ann.get_by_role("checkbox", name="Choose A-114", exact=True)
            expect(found).to_be_visible(timeout=PATIENCE)  # what is found joins the page by itself
        yield made


def test_a_day_of_an_operator_an_approver_and_an_auditor(there: World) -> None:
    with there.as_("ann") as ann, there.as_("ben") as ben, there.as_("cleo") as cleo:
        request = planned(ann, "A-103", "A-104")
        expect(ann).to_have_title("2 to approve · " + request.rpartition("/")[2] + " · rebalancer")
        ann.goto(request + "/review")
        expect(ann.get_by_text("You may not approve")).to_be_visible()

        ben.goto("/approvals")
        ben.get_by_role("link", name="Review").click()
        ben.get_by_role("link", name="By security").click()
        expect(ben.get_by_role("region", name="The same trades by security")).to_be_visible()
        ben.get_by_role("button", name="Approve these 2 plans").click()
        expect(ben.get_by_text("Approved 2")).to_be_visible()
        ann.goto(request)
        expect(ann.locator("h1 .status")).to_have_text("complete", timeout=PATIENCE)

        cleo.goto("/record")
        cleo.get_by_role("button", name="Verify all of it").click()
        expect(cleo.get_by_role("heading", name="The record is what was recorded")).to_be_visible()
        cleo.goto(request)
        cleo.get_by_role("link", name="R-").first.click()
        cleo.get_by_role("link", name="How it was derived").click()
        expect(cleo.get_by_text("the same plan, byte for byte")).to_be_visible()
        cleo.go_back()
        cleo.get_by_role("link", name="Its story").click()
        expect(cleo.get_by_text("ann asked for a full rebalance").first).to_be_visible()
    assert there.troubles == []


def test_by_the_keyboard_alone(there: World) -> None:
    with there.as_("ann") as page:
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("g")
        page.keyboard.press("q")
        page.wait_for_url("**/queue")
        page.keyboard.press("j")
        page.keyboard.press("x")
        expect(page.get_by_text("1 chosen")).to_be_visible()
        page.keyboard.press("/")
        expect(page.get_by_role("searchbox")).to_be_focused()
        page.get_by_role("button", name="Plan the chosen").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/requests/Q-*")
        page.keyboard.press("g")
        page.keyboard.press("s")
        page.wait_for_url("**/status")


def test_keys_can_be_switched_off(there: World) -> None:
    with there.as_("ann") as page:
        page.keyboard.press("?")
        page.get_by_label("Single keys do this").uncheck()
        page.get_by_role("button", name="Close").click()
        page.keyboard.press("g")
        page.keyboard.press("q")
        page.wait_for_timeout(500)
        assert page.url == f"{there.base}/"


def test_without_a_script(there: World) -> None:
    """Everything is read and done, with pages that are loaded."""
    with there.as_("ann", java_script_enabled=False) as page:
        page.goto("/queue?reason=LOW_CASH")
        page.get_by_role("checkbox", name="Choose A-105").check()
        page.get_by_role("button", name="Plan the chosen").click()
        page.wait_for_url("**/requests/Q-*")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Request Q-")
        for path in PAGES[:6]:
            assert (page.goto(path) or pytest.fail(path)).status == 200


def test_on_a_narrow_screen_nothing_is_cut_off(there: World) -> None:
    """Nor what is on a card on a wide one: what is wider than its region scrolls there, and the region says so."""
    _has_asked(there)
    for name, paths in (("dora", PAGES), ("ada", ADMINS)):
        with there.as_(name) as page:
            made = _one_of_each(page) if name == "dora" else []
            listed = [*paths, *made]
            for path in ["/", *made]:
                page.goto(path)
                cut = page.locator(".card").evaluate_all("all => all.filter(e => e.scrollWidth > e.clientWidth).length")
                assert cut == 0, f"{path} cuts a card off"
        with there.as_(name, viewport={"width": 390, "height": 844}) as page:
            for path in listed:
                page.goto(path)
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= 390, f"{path} is {wide} wide"


def test_on_paper_there_are_no_buttons(there: World) -> None:
    """Nor anything else that nobody can press there, on any page; what is listed is."""
    for name, paths in (("dora", PAGES), ("ada", ADMINS)):
        with there.as_(name) as page:
            page.emulate_media(media="print")
            for path in paths:
                page.goto(path)
                expect(page.locator("button:visible, .button:visible, [type=search]:visible")).to_have_count(0)
                expect(page.get_by_role("navigation")).to_be_hidden()
                expect(page.locator("main")).to_be_visible()
            if name == "dora":
                page.goto("/queue")
                expect(page.get_by_role("region", name="Accounts in the queue")).to_be_visible()
                assert len(page.pdf()) > 10_000


@pytest.mark.trial
def test_everybody_can_use_it(there: World) -> None:
    """Axe finds nothing on any page, light or dark."""
    _has_asked(there)
    with there.as_("dora") as page:
        paths = [*PAGES, *_one_of_each(page)]
        assert len(paths) > len(PAGES)
        for path in paths:
            assert not (found := not_accessible(page, path)), found


def _has_asked(there: World) -> None:
    """There is a request: where a test is run by itself, no other has asked for one."""
    with there.as_("ann") as ann:
        ann.goto("/requests")
        if not ann.locator("tbody th a").count():
            planned(ann, "A-105")


def _one_of_each(page: Page) -> list[str]:
    """Pages of what there is now: a request, its review, a rebalance, its derivation and story."""
    page.goto("/requests")
    request = str(page.locator("tbody th a").last.get_attribute("href"))
    page.goto(request)
    rebalance = str(page.locator("tbody a[href^='/rebalances/']").first.get_attribute("href"))
    return [request, f"{request}/review", rebalance, f"{rebalance}/explain", f"{rebalance}/story"]


def test_two_who_approve_the_same_at_once(there: World) -> None:
    """One of them did it; the other is told who, and nothing happens twice."""
    with there.as_("ann") as ann, there.as_("ben") as ben, there.as_("dora") as dora:
        planned(ann, "A-114")
        rebalance = ann.locator("tbody a[href^='/rebalances/']").first.get_attribute("href")
        for each in (ben, dora):
            each.goto(str(rebalance))
        with ben.expect_navigation(wait_until="commit"), dora.expect_navigation(wait_until="commit"):
            at = 1000 * (time.time() + 3)  # one moment for both: the page of whoever is later takes the button away
            for each in (ben, dora):
                button = each.get_by_role("button", name="Approve this plan")
                button.evaluate("(button, at) => setTimeout(() => button.click(), at - Date.now())", at)
        told = [each.locator("body").inner_text(timeout=PATIENCE) for each in (ben, dora)]
        assert sum("it is being executed" in each for each in told) >= 1, told
        assert all("Traceback" not in each for each in told)
        ann.goto(str(rebalance))
        expect(ann.locator("h1 .status")).to_have_text("complete", timeout=PATIENCE)
    with there.books.reading() as books:
        approvals = books.connection.exec_driver_sql(
            "SELECT count(*) FROM rebalances WHERE account_id = 'A-114' AND approved_by IS NOT NULL"
        ).scalar()
    assert approvals == 1


@pytest.mark.trial
def test_a_worker_that_dies_is_seen_as_such(there: World) -> None:
    """
    the worker is killed while a page watches    the page says that nobody is at work, by itself
    an account is submitted                      accepted, not taken up yet
    another worker comes                         the same page goes on, by itself
    """
    assert there.stack.workers is not None
    with there.as_("ann") as watching, there.as_("ann") as page:
        os.kill(there.stack.workers.children[0].pid, signal.SIGKILL)
        page.goto("/queue")
        page.get_by_role("checkbox", name="Choose A-102").check()
        page.get_by_role("button", name="Plan the chosen").click()
        expect(page.get_by_text("Accepted, not taken up yet")).to_be_visible()
        expect(watching.get_by_text("No worker is at work")).to_be_visible(timeout=2 * PATIENCE)
        expect(watching).to_have_title("no worker · What needs you · rebalancer")
        there.stack.look_after()
        expect(page.get_by_role("link", name="Review 1 plan")).to_be_visible(timeout=2 * PATIENCE)
        expect(watching.get_by_text("No worker is at work")).to_be_hidden(timeout=PATIENCE)


def test_a_console_that_goes_away_says_so_and_comes_back(there: World) -> None:
    assert there.stack.console is not None
    with there.as_("ann") as page:
        page.goto("/queue")
        expect(page.locator("#pulse")).to_be_visible()
        os.kill(there.stack.console.children[0].pid, signal.SIGKILL)
        expect(page.get_by_text("The console does not answer")).to_be_visible(timeout=PATIENCE)
        there.stack.look_after()
        expect(page.get_by_text("The console does not answer")).to_be_hidden(timeout=PATIENCE)
