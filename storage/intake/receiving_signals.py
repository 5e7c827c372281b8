"""A manager's signal taken in: a model's new version, whole or not at all."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from domain.books.book import BookRefused, Market, Problem, read_market
from domain.values.snapshot import Model
from domain.values.snapshot_json import overrides_as_json
from storage.actor import Actor
from storage.connection import Books, Transaction
from storage.intake.delivered_files import Source, keep
from storage.market.market import take_turn
from storage.market.reading import read_models

KEYS = ("id", "version", "holdings")


@dataclass(frozen=True, slots=True)
class SignalReceived:
    """A version that is stored, and how many accounts hold a sleeve of the model.

    `again`: it was stored before, and its trades were never begun.
    """

    model_id: str
    version: int
    before: int
    sleeves: int
    again: bool


def receive_signal(
    books: Books,
    raw: Mapping[str, Any],
    actor: Actor,
    ready: Callable[[], object] = lambda: None,
    source: Source | None = None,
) -> SignalReceived:
    """Stores a model's new version (SIGNAL-1). Raises BookRefused with all its problems: then nothing has changed.

    `ready` is asked before anything is stored, and raises where the version could not be traded. `source` is the file
    that it came by, which is kept.
    """
    with books.transaction(actor) as transaction:
        take_turn(transaction.connection)
        model_id = raw.get("id")
        known = read_models(transaction.connection, [model_id] if isinstance(model_id, str) else [])
        before = known.get(str(model_id))
        problems = [*_misshapen(raw, before)]
        market = _read(transaction, raw, before, problems)
        if problems or market is None or before is None:
            raise BookRefused(problems)
        after = market.models[before.id]
        again = _is_waiting(transaction, before, after)
        problems += [] if again else _not_above(before, after)
        if problems:
            raise BookRefused(problems)
        ready()
        if source is not None:
            keep(transaction, source, "model")
        if not again:
            transaction.market.edit_models(market)
            transaction.signals.receive(after.id, before.version, after.version)
        return SignalReceived(after.id, after.version, before.version, transaction.signals.holders(after.id), again)


def _misshapen(raw: Mapping[str, Any], before: Model | None) -> Iterator[Problem]:
    """What a signal needs beyond what a model in a book does."""
    for key in raw:
        if key not in KEYS:
            yield Problem(str(key), f"is not a key of a signal: there is {', '.join(KEYS)}")
    if "version" not in raw:
        yield Problem("version", "is missing")
    if before is None and isinstance(raw.get("id"), str):
        yield Problem("id", f'unknown model "{raw["id"]}": load a book that has it first')


def _read(
    transaction: Transaction, raw: Mapping[str, Any], before: Model | None, problems: list[Problem]
) -> Market | None:
    """The market with the model as the signal has it; what is wrong with that joins the problems."""
    day = transaction.market.book_day()
    as_of = day.as_of if day else date.max
    stays = {"name": before.name, "manager": before.manager} if before else {}
    stays |= {"investment_minimum": str(before.investment_minimum)} if before else {}
    stated = {key: raw[key] for key in KEYS if key in raw}
    form = {
        "as_of": str(as_of) if day else "2199-12-31",
        "policy": overrides_as_json(day.policy) if day else {},
        "models": [stated | stays],
    }
    try:
        return read_market(form, transaction.market.policy(as_of), transaction.market.market(as_of))
    except BookRefused as flaw:
        problems += (Problem(_inside(each.path), each.message) for each in flaw.problems)
        return None


def _inside(path: str) -> str:
    """A problem's place in the file of one signal."""
    return path.removeprefix("models[0]").removeprefix(".")


def _weights(model: Model) -> object:
    return frozenset((each.symbol, each.weight) for each in model.holdings), model.cash_weight


def _is_waiting(transaction: Transaction, before: Model, after: Model) -> bool:
    """True where the very same signal was stored before and its trades were never begun."""
    if (before.version, _weights(before)) != (after.version, _weights(after)):
        return False
    signal = transaction.signals.row(after.id, after.version)
    return signal is not None and signal.begun_at is None


def _not_above(before: Model, after: Model) -> Iterator[Problem]:
    if after.version == before.version:
        yield Problem("version", f"{after.version} is there already: a signal brings a version that is not")
    elif after.version < before.version:
        yield Problem("version", f"{after.version} is below {before.version}, which the database has: it only rises")
