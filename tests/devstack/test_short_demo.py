"""The demo by FIX for one account: every process of the product, from nothing to reconciled books.

The whole demo is a trial: tests/docs/test_demo_fix.py.
"""

from pathlib import Path

import pytest

from devstack.demo import BOOK, Operator
from devstack.demo_fix import SESSION, Wired
from devstack.stack import Stack


@pytest.mark.timeout(300)
def test_an_account_is_rebalanced_by_fix(tmp_path: Path, said: list[str]) -> None:
    home = tmp_path / "home"
    wired = Wired(home)
    with Stack(home, temporal_port=0, ui_port=None, application=wired.application, say=said.append) as stack:
        operator = Operator(home, wired.environment)
        gateway = operator.environment | {"REBALANCER_DATABASE_URL": stack.database_url}
        with wired.running(gateway, said.append, lambda: operator.run("fix", "status")):
            operator.say("load", str(BOOK))
            operator.run("submit", "A-103", "--approval", "automatic", "--by", "ann", "--wait")
            (ended,) = operator.run("history", "--account", "A-103")
            shown = operator.run("show", ended["rebalance_id"])
            (session,) = operator.run("fix", "status")
    assert shown["status"] == "COMPLETE", shown
    assert (session["session"], session["state"]) == (SESSION, "logged on")
    assert session["orders"], session
