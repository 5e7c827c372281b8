"""Two people at a console where decisions are signed: a passkey made and used in a real browser, and what is proven."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import BrowserContext, Page, expect

from identity import passwords
from policy import DEFAULTS, FIRM_FILE
from storage.actor import Actor
from tests.web.world import PATIENCE, World, not_accessible, world

pytestmark = [pytest.mark.timeout(500), pytest.mark.xdist_group("browser"), pytest.mark.trial]
PASSWORD = "four words nobody knows"
PEOPLE = {"ann": ["operator"], "ben": ["approver"], "ada": ["admin"], "cleo": ["auditor"]}


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A stack where decisions are signed, and each approval vouched for by a passkey."""
    home = tmp_path_factory.mktemp("signed")
    numbers = yaml.safe_load(Path(DEFAULTS).read_text())
    since = {"from": "2020-01-01", "value": "passkey", "because": "large accounts"}
    firm = home / "firm.yaml"
    firm.write_text(yaml.safe_dump({"approval_evidence": numbers["approval_evidence"] | {"values": [since]}}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REBALANCER_IDENTITY", "signed")
        patch.setenv("REBALANCER_SIGNING_KEY", str(home / "signing-key.json"))
        patch.setenv(FIRM_FILE, str(firm))
        with world(home) as made:
            with made.books.transaction(Actor("deploy")) as work:
                for name, roles in PEOPLE.items():
                    work.people.add(name, roles, passwords.hashed(PASSWORD))
            yield made


def by_password(there: World, context: BrowserContext, name: str) -> Page:
    page = context.new_page()
    page.on("pageerror", lambda flaw: there.troubles.append(str(flaw)))
    page.goto("/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{there.base}/")
    return page


def with_a_device(context: BrowserContext, page: Page) -> None:
    """A device of this browser that asks who holds it, and is always told: them."""
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
               "isUserVerified": True, "automaticPresenceSimulation": True}  # fmt: skip
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_a_passkey_is_made_approves_and_signs_in(there: World) -> None:
    with there.profile() as hers, there.profile() as his:
        ann, ben = by_password(there, hers, "ann"), by_password(there, his, "ben")
        with_a_device(his, ben)

        ann.goto("/accounts/A-103")
        ann.get_by_role("button", name="Plan", exact=False).first.click()
        ann.wait_for_url("**/requests/Q-*")
        expect(ann.get_by_role("link", name="Review 1 plan")).to_be_visible(timeout=PATIENCE)

        ben.goto("/approvals")
        expect(ben.get_by_role("link", name="Review")).to_be_visible()
        with there.books.transaction() as work:
            waiting = work.rebalances.listing(status="PENDING_APPROVAL", limit=None)
        assert [each.account_id for each in waiting] == ["A-103"]
        ben.goto(f"/rebalances/{waiting[0].id}")
        ben.get_by_role("button", name="Approve").first.click()
        expect(ben.get_by_role("alert")).to_contain_text("you have no passkey yet")
        rebalance = ben.url

        ben.goto("/me")
        ben.get_by_role("button", name="Add a passkey").click()
        expect(ben.get_by_text("The passkey is yours")).to_be_visible()
        ben.goto(rebalance)
        ben.get_by_role("button", name="Approve").first.click()
        expect(ben.locator("h1 .status")).to_have_text("complete", timeout=PATIENCE)

        ben.goto("/me")
        ben.get_by_role("button", name="Sign out").click()
        ben.goto("/sign-in")
        ben.get_by_role("button", name="Sign in with a passkey").click()
        ben.wait_for_url(f"{there.base}/")
        ben.goto("/me")
        expect(ben.get_by_text("signed in by passkey")).to_be_visible()
    assert there.troubles == []
    told = story(there, rebalance.rpartition("/")[2])
    said = " ".join(told.split())
    assert max(map(len, said.split())) < 200, "an envelope is told by its beginning"
    assert "ben approved" in said and ", and vouched for it by passkey" in said
    verified = rebalancer(there, "audit", "verify")
    assert verified.returncode == 0, verified.stdout


def story(there: World, rebalance_id: str) -> str:
    """`audit show` of it; kept where a document wants to show it."""
    told = rebalancer(there, "audit", "show", rebalance_id)
    assert told.returncode == 0, told.stderr
    if keep := os.environ.get("KEEP_STORY"):
        Path(keep).write_text(told.stdout)
    return told.stdout


def rebalancer(there: World, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("rebalancer")), *words]
    env = os.environ | {"REBALANCER_DATABASE_URL": there.stack.database_url, "COLUMNS": "140",
                        "TEMPORAL_ADDRESS": there.stack.temporal.address}  # fmt: skip
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_pages_of_people_are_accessible(there: World) -> None:
    looked = 0
    with there.profile() as hers, there.profile() as his:
        ada, ann = by_password(there, hers, "ada"), by_password(there, his, "ann")
        for page, path in ((ada, "/people"), (ada, "/keys"), (ada, "/webhooks"), (ada, "/me"), (ann, "/me"),
                           (ann, "/loads"), (ann, "/targets/BALANCED/edit")):  # fmt: skip
            assert not (found := not_accessible(page, path)), found
            looked += 1
    assert looked == 7


def test_a_target_is_edited_by_the_keyboard_alone(there: World) -> None:
    with there.profile() as hers:
        ann = by_password(there, hers, "ann")
        ann.goto("/targets/BALANCED/edit")
        text = ann.get_by_label("The target, as a book has it")
        text.focus()
        ann.keyboard.press("Control+A")
        ann.keyboard.insert_text("id: BALANCED\ncomponents:\n  - cash: true\n    weight: much\n")
        ann.keyboard.press("Tab")
        ann.keyboard.press("Enter")
        expect(ann.get_by_role("alert")).to_contain_text("components[0].weight")
        text.focus()
        ann.keyboard.press("Control+A")
        ann.keyboard.insert_text("id: BALANCED\ncomponents:\n  - cash: true\n    weight: 1\n")
        ann.keyboard.press("Tab")
        ann.keyboard.press("Enter")
        expect(ann.get_by_text("Nothing is written yet.")).to_be_visible()
        ann.get_by_role("button", name="Store this version").focus()
        ann.keyboard.press("Enter")
        ann.wait_for_url("**/targets/BALANCED")
        expect(ann.get_by_text("BALANCED is version 2")).to_be_visible()
    assert there.troubles == []
