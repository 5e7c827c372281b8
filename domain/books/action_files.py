"""Files of corporate actions: what they state, and what is wrong with it. All problems are told together."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.books.book import BookRefused, Problem, parsed
from domain.books.book_schema import Day, Id, NonNegative, Positive
from domain.books.corporate_actions import CorporateAction, Kind

NEEDED: Mapping[str, tuple[str, ...]] = {
    "split": ("new", "old"),
    "reverse_split": ("new", "old"),
    "symbol_change": ("to",),
    "cash_dividend": ("amount",),
}
MAY: Mapping[str, tuple[str, ...]] = {"split": ("price",), "reverse_split": ("price",)}
TERMS = ("new", "old", "price", "to", "amount")
COLUMNS = ("id", "type", "symbol", "date")  # of a CSV file; the terms besides, as far as they are needed


class ActionForm(BaseModel):
    """One action: its terms are those that its type needs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Id
    type: Literal["split", "reverse_split", "symbol_change", "cash_dividend"]
    symbol: Id
    day: Day = Field(alias="date")
    new: Positive | None = None
    old: Positive | None = None
    price: NonNegative | None = None  # of a whole new share: fractions are paid out at it
    to: Id | None = None
    amount: Positive | None = None


class ActionsForm(BaseModel):
    """A file of actions, in the order in which they happen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    actions: list[ActionForm]


def read_actions(raw: object, today: date) -> tuple[CorporateAction, ...]:
    """The actions of a file. Raises BookRefused with all its problems."""
    problems: list[Problem] = []
    form = parsed(ActionsForm, raw, "", {}, problems)
    if form is None or problems:
        raise BookRefused(problems or [Problem("", "an object with a list of actions is needed")])
    problems += _unsound(form.actions, today)
    if not form.actions:
        problems.append(Problem("actions", "there is none in it"))
    if problems:
        raise BookRefused(problems)
    return tuple(
        CorporateAction(each.id, each.type, each.symbol, each.day, each.new, each.old, each.price, each.to, each.amount)
        for each in form.actions
    )


def _unsound(forms: Sequence[ActionForm], today: date) -> Iterator[Problem]:
    seen: set[str] = set()
    for at, each in enumerate(forms):
        path = f"actions[{at}]"
        if each.id in seen:
            yield Problem(f"{path}.id", f'"{each.id}" is there twice')
        seen.add(each.id)
        if each.day > today:
            yield Problem(f"{path}.date", f"{each.day} has not come: give the action on its day")
        needed, may = NEEDED[each.type], MAY.get(each.type, ())
        for name in TERMS:
            given = getattr(each, name) is not None
            if name in needed and not given:
                yield Problem(f"{path}.{name}", f"is missing: a {each.type} needs it")
            elif given and name not in (*needed, *may):
                yield Problem(f"{path}.{name}", f"says nothing of a {each.type}")
        yield from _wrong_way(path, each)
        if each.to == each.symbol:
            yield Problem(f"{path}.to", f"{each.to} is its symbol already")


def _wrong_way(path: str, each: ActionForm) -> Iterator[Problem]:
    """A split makes more shares of fewer, a reverse split fewer of more: else the two numbers were exchanged."""
    if each.new is None or each.old is None:
        return
    if each.type == "split" and each.new <= each.old:
        yield Problem(path, f"a split makes more shares: {each.new} for {each.old} does not. Were they exchanged?")
    if each.type == "reverse_split" and each.new >= each.old:
        yield Problem(
            path, f"a reverse split makes fewer shares: {each.new} for {each.old} does not. Were they exchanged?"
        )


def terms(action: CorporateAction) -> dict[str, str]:
    """An action's terms as texts, as they are kept."""
    given: dict[str, Decimal | str | None] = {name: getattr(action, name) for name in TERMS}
    return {
        name: f"{each:f}" if isinstance(each, Decimal) else each for name, each in given.items() if each is not None
    }


def from_terms(action_id: str, kind: Kind, symbol: str, day: date, kept: Mapping[str, str]) -> CorporateAction:
    """An action from its terms as they are kept."""
    numbers = {name: Decimal(kept[name]) for name in TERMS if name in kept and name != "to"}
    return CorporateAction(action_id, kind, symbol, day, to=kept.get("to"), **numbers)


def of_table(rows: Sequence[tuple[int, tuple[str, ...]]], columns: Sequence[str]) -> dict[str, Any]:
    """A CSV file's rows as the object that a JSON file would have been; an empty cell says nothing."""
    return {"actions": [{name: text for name, text in zip(columns, texts, strict=True) if text} for _, texts in rows]}
