"""Reads the market as domain values: all of it, or what a page of accounts needs.

A price is the latest of or before a day; models and targets are their current versions.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, Text, and_, bindparam, func, select, true

import policy as policy_numbers
from domain.values.money import ZERO
from domain.values.policy import Policy
from domain.values.snapshot import Model, ModelHolding, Security, Target, TargetComponent
from domain.values.snapshot_json import overrides_from_json
from policy import trading_days
from storage.schema.tables import book_days, model_holdings, models, prices, securities, target_components, targets
from storage.values import among_given, band_from_json, by_key, exact

HowMany = Literal["all", "one", "many"]


@dataclass(frozen=True, slots=True)
class BookDay:
    """The business day of the last book. `historical`: it is judged from its own day (DAY-3)."""

    as_of: date
    historical: bool
    policy: Mapping[str, object]

    def fresh_from(self, as_of: date, today: date, explicit: bool, max_age: int, oldest_price: date) -> date:
        """The oldest date that a price may have (QUEUE-3).

        Counted from today (DAY-3); from `as_of` where the book is historical, or somebody asked for that day.
        """
        judged_from = as_of if self.historical or explicit else today
        return trading_days.oldest_allowed(judged_from, max_age, oldest_price)

    def numbers(self, day: date) -> Policy:
        """The policy in force on a day, with the numbers that the book overrides."""
        return policy_numbers.in_force(day).overridden(self.policy)


BOOK_DAY = select(book_days.c.as_of, book_days.c.historical, book_days.c.policy)


def book_day(connection: Connection) -> BookDay | None:
    """The business day; None where no book was ever loaded."""
    row = connection.execute(BOOK_DAY).one_or_none()
    return None if row is None else BookDay(row.as_of, row.historical, overrides_from_json(row.policy))


def read_securities(connection: Connection, as_of: date, symbols: Collection[str] | None = None) -> dict[str, Security]:
    """Securities by symbol with their latest prices; None for `symbols` is all of them."""
    rows = connection.execute(_securities(_how_many(symbols)), {"as_of": as_of} | _keys(symbols))
    return {
        row.symbol: Security(
            row.symbol,
            row.name,
            ZERO if row.worthless else row.price,
            as_of if row.worthless or row.as_of is None else row.as_of,
            row.increment,
            row.type,
            row.asset_class,
            row.identical_group,
            row.worthless,
        )
        for row in rows
    }


def read_models(connection: Connection, ids: Collection[str] | None = None) -> dict[str, Model]:
    """Models by id; None for `ids` is all of them."""
    held: dict[str, list[tuple[str | None, Any]]] = {}
    heads: dict[str, Any] = {}
    for row in connection.execute(_models(_how_many(ids)), _keys(ids)):
        heads[row.id] = row
        held.setdefault(row.id, []).append((row.symbol, row.weight))
    return {
        key: Model(
            id=key,
            name=head.name,
            manager=head.manager,
            investment_minimum=head.minimum,
            version=head.version,
            holdings=tuple(ModelHolding(symbol, weight) for symbol, weight in held[key] if symbol is not None),
            cash_weight=next((weight for symbol, weight in held[key] if symbol is None and weight is not None), ZERO),
        )
        for key, head in heads.items()
    }


def read_targets(connection: Connection, ids: Collection[str] | None = None) -> dict[str, Target]:
    """Targets by id, and the sub-targets that they reach; None for `ids` is all of them."""
    lines: dict[str, list[TargetComponent]] = {}
    heads: dict[str, Any] = {}
    for row in connection.execute(_targets(_how_many(ids)), _keys(ids)):
        heads[row.id] = row
        component = TargetComponent(
            row.kind, row.ref, row.weight, band_from_json(row.threshold), band_from_json(row.precision)
        )
        lines.setdefault(row.id, []).extend([component] if row.kind is not None else [])
    return {
        key: Target(key, head.name, tuple(lines[key]), head.version, overrides_from_json(head.policy))
        for key, head in heads.items()
    }


def _keys(wanted: Collection[str] | None) -> dict[str, Any]:
    """The parameter of a statement that is narrowed to some keys."""
    if wanted is None:
        return {}
    return {"key": next(iter(wanted))} if len(wanted) == 1 else {"keys": list(wanted)}


def _how_many(wanted: Collection[str] | None) -> HowMany:
    """One has a statement of its own, whose plan the database keeps: that of many it makes anew for each list."""
    if wanted is None:
        return "all"
    return "one" if len(wanted) == 1 else "many"


def _is_wanted(column: ColumnElement[Any], wanted: HowMany) -> ColumnElement[bool]:
    return column == bindparam("key", type_=Text) if wanted == "one" else among_given(column)


# The statements are made once each: to build one costs more than to run it.


@cache
def _securities(wanted: HowMany) -> Select[Any]:
    latest = (
        select(exact(prices.c.price).label("price"), prices.c.as_of)
        .where(prices.c.symbol == securities.c.symbol, prices.c.as_of <= bindparam("as_of"))
        .order_by(prices.c.as_of.desc())
        .limit(1)
        .lateral("latest")
    )
    query = select(
        securities.c.symbol,
        securities.c.name,
        latest.c.price,
        latest.c.as_of,
        exact(securities.c.quantity_increment).label("increment"),
        securities.c.type,
        securities.c.asset_class,
        securities.c.identical_group,
        securities.c.worthless,
    ).select_from(securities.outerjoin(latest, true()))
    return _narrowed(query, securities.c.symbol, wanted)


@cache
def _models(wanted: HowMany) -> Select[Any]:
    current = and_(model_holdings.c.model_id == models.c.id, model_holdings.c.version == models.c.version)
    query = select(
        models.c.id,
        models.c.name,
        models.c.manager,
        exact(models.c.investment_minimum).label("minimum"),
        models.c.version,
        model_holdings.c.symbol,
        exact(model_holdings.c.weight).label("weight"),
    ).select_from(models.outerjoin(model_holdings, current))
    return _narrowed(query, models.c.id, wanted, model_holdings.c.position)


@cache
def _targets(wanted: HowMany) -> Select[Any]:
    current = and_(target_components.c.target_id == targets.c.id, target_components.c.version == targets.c.version)
    query = select(
        targets.c.id,
        targets.c.name,
        targets.c.version,
        targets.c.policy,
        target_components.c.kind,
        func.coalesce(
            target_components.c.model_id, target_components.c.symbol, target_components.c.sub_target_id
        ).label("ref"),
        exact(target_components.c.weight).label("weight"),
        target_components.c.threshold,
        target_components.c.precision,
    ).select_from(targets.outerjoin(target_components, current))
    if wanted != "all":
        reached = select(targets.c.id).where(_is_wanted(targets.c.id, wanted)).cte("reached", recursive=True)
        below = (
            select(target_components.c.sub_target_id)
            .select_from(reached.join(targets, targets.c.id == reached.c.id).join(target_components, current))
            .where(target_components.c.sub_target_id.is_not(None))
        )
        query = query.where(targets.c.id.in_(select(reached.union(below).c.id)))
    return query.order_by(by_key(targets.c.id), target_components.c.position)


def _narrowed(query: Select[Any], key: Any, wanted: HowMany, *then: Any) -> Select[Any]:
    """The query, for the keys that are given or all, in the order of keys."""
    return (query if wanted == "all" else query.where(_is_wanted(key, wanted))).order_by(by_key(key), *then)
