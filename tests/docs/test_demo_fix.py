"""The demo by FIX: its page is what it prints, and every account ends as it does without FIX."""

import pytest

from tests.docs import demo_fix


@pytest.mark.trial
@pytest.mark.timeout(600)
def test_the_page_is_what_the_demo_prints() -> None:
    again = "run .venv/bin/python -m tests.docs.demo_fix, and read whether the words around it are still true"
    assert demo_fix.PAGE.lasting(demo_fix.PAGE.shown()) == demo_fix.PAGE.lasting(demo_fix.printed()), again


def test_every_account_ends_as_it_does_without_fix() -> None:
    by_fix, without = (demo_fix.outcomes(each.shown()) for each in (demo_fix.PAGE, demo_fix.BESIDE))
    assert by_fix == without
    assert by_fix.count("COMPLETE") > 10
