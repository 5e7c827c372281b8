"""A book's first account, planned: for tests that have a book and want its plan."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from domain.books.book import read_account, read_market
from domain.plan import plan
from domain.telling import plan_json
from domain.values.policy import Mode, Policy
from domain.values.purpose import FULL, Purpose
from domain.values.snapshot import Snapshot
from policy import in_force


def snapshot_of(book: Mapping[str, Any]) -> tuple[Snapshot, Policy]:
    """The snapshot of a book's first account and the numbers in force. Raises BookRefused where the book is."""
    market_part = {key: value for key, value in book.items() if key != "accounts"}
    day = date.fromisoformat(book["as_of"])
    numbers = in_force(day)
    market = read_market(market_part, numbers)
    snapshot = Snapshot(
        as_of=day,
        account=read_account(book["accounts"][0], 0, market),
        targets=market.targets,
        models=market.models,
        securities=market.securities,
        fresh_from=day,
        household_sales=tuple(
            sale
            for at, other in enumerate(book["accounts"])
            if other["id"] in market.household(book["accounts"][0]["id"])
            for sale in read_account(other, at, market).recent_sales
        ),
    )
    return snapshot, numbers.overridden(market.policy)


def planned(book: Mapping[str, Any], mode: Mode, purpose: Purpose = FULL) -> dict[str, Any]:
    """The plan's JSON. Raises BookRefused where the book is."""
    return plan_json.as_json(plan(*snapshot_of(book), mode, purpose=purpose))
