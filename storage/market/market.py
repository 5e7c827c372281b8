"""The market's records: securities and prices, models and targets with their versions, and the business day."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from domain.books.book import Market, Problem
from domain.days import DAY_4
from domain.queue import TARGET_6
from domain.targets.targets import TargetRefused, flatten
from domain.telling.plan_json import price_text
from domain.values.policy import Policy
from domain.values.snapshot import Model, Security, Target
from domain.values.snapshot_json import overrides_as_json
from policy import in_force
from storage.market.identifiers import replace_stated
from storage.market.reading import BookDay, book_day, read_models, read_securities, read_targets
from storage.record.audit import Audit
from storage.schema.tables import (
    accounts,
    book_days,
    model_holdings,
    models,
    prices,
    securities,
    target_components,
    targets,
)
from storage.values import among, band_as_json, by_key, exact

ONE_AT_A_TIME = 0x6C6F_6164  # the advisory lock of whoever changes the market; any number that nobody else uses


NEWEST_SPLITS = text(
    "SELECT DISTINCT ON (symbol) symbol, day, id FROM corporate_actions WHERE kind IN ('split', 'reverse_split')"
    " ORDER BY symbol, day DESC"
)


@dataclass(slots=True)
class Changes:
    """What a market changed: ids by kind (`securities`, `prices`, `models`, `targets`), and new versions of targets."""

    created: dict[str, list[str]] = field(default_factory=dict)
    replaced: dict[str, list[str]] = field(default_factory=dict)
    new_versions: dict[str, tuple[int, int]] = field(default_factory=dict)  # target id -> the old one, the new one

    def note(self, kind: str, key: str, existed: bool) -> None:
        """Notes that something was created or replaced."""
        (self.replaced if existed else self.created).setdefault(kind, []).append(key)


def take_turn(connection: Connection) -> None:
    """Waits until nobody else changes the market, and keeps others from it until the transaction ends."""
    connection.execute(select(func.pg_advisory_xact_lock(ONE_AT_A_TIME)))


class MarketRecords:
    """The market as one transaction sees and changes it."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def market(self, as_of: date) -> Market:
        """Everything but the accounts, with the prices of a day."""
        groups: dict[str, list[str]] = {}
        for household, member in self.connection.execute(
            select(accounts.c.household_id, accounts.c.id)
            .where(accounts.c.household_id.is_not(None))
            .order_by(by_key(accounts.c.household_id), by_key(accounts.c.id))
        ):
            groups.setdefault(household, []).append(member)
        day = self.book_day()
        return Market(
            as_of,
            day.policy if day else {},
            read_securities(self.connection, as_of),
            read_models(self.connection),
            read_targets(self.connection),
            {household: tuple(members) for household, members in groups.items()},
            day is not None and day.historical,
        )

    def book_day(self) -> BookDay | None:
        """The business day of the last book; None where none was ever loaded."""
        return book_day(self.connection)

    def is_security(self, symbol: str) -> bool:
        """True where a security has the symbol."""
        return self.connection.scalar(select(securities.c.symbol).where(securities.c.symbol == symbol)) is not None

    def readable(self) -> bool:
        """False while a book is being loaded; else none will be until this transaction ends."""
        return bool(self.connection.scalar(select(func.pg_try_advisory_xact_lock_shared(ONE_AT_A_TIME))))

    def policy(self, day: date) -> Policy:
        """The policy in force on a day, with the numbers that the last book overrides."""
        known = self.book_day()
        return known.numbers(day) if known else in_force(day)

    def fresh_from(
        self, as_of: date, today: date, explicit: bool, max_age: int, oldest_price: date | None = None
    ) -> date:
        """The oldest date that a price may have on a day (QUEUE-3).

        Prices are judged from `as_of` where somebody asked for that day (`explicit`), or where the book is a
        historical one; else from `today` (DAY-3). With `oldest_price` the calendar is asked only where that one is old.
        """
        day = self.book_day()
        historical = day is not None and day.historical
        return BookDay(as_of, historical, {}).fresh_from(as_of, today, explicit, max_age, oldest_price or date.min)

    def set_book_day(self, as_of: date, overrides: Mapping[str, object], historical: bool) -> bool:
        """Notes the business day of a book; False where it is the same already."""
        before = self.book_day()
        if before == BookDay(as_of, historical, dict(overrides)):
            return False
        values = {"as_of": as_of, "historical": historical, "policy": overrides_as_json(overrides)}
        self.connection.execute(
            insert(book_days).values(**values).on_conflict_do_update(index_elements=["single"], set_=values)
        )
        self.audit.record(
            "business day set",
            rule=DAY_4.code,
            before=None
            if before is None
            else {
                "as_of": before.as_of,
                "historical": before.historical,
                "policy": overrides_as_json(before.policy),
            },
            after=values,
        )
        return True

    def move_book_day(self, as_of: date) -> None:
        """Makes a later day the business day, as newer prices do. A historical book stays one."""
        before = self.book_day()
        if before is None:
            raise LookupError("no book was ever loaded: there is no business day to move")
        self.connection.execute(update(book_days).values(as_of=as_of))
        self.audit.record("business day moved", rule=DAY_4.code, before={"as_of": before.as_of}, after={"as_of": as_of})

    def refusals(self, market: Market, paths: Mapping[tuple[str, str], str]) -> Iterator[Problem]:
        """What the database does not take of a market: models that fall back, targets that others can't contain.

        `paths` says where in the file a model or target stands, by `("models", id)` and `("targets", id)`.
        """
        known = read_models(self.connection, market.models)
        for key, model in market.models.items():
            before = known.get(key)
            where = paths.get(("models", key), f"models.{key}")
            if before is not None and model.version < before.version:
                yield Problem(
                    f"{where}.version",
                    f"{model.version} is below {before.version}, which the database has: versions only rise",
                )
            elif before is not None and model.version == before.version and _strategy(model) != _strategy(before):
                yield Problem(
                    f"{where}.holdings",
                    f"version {model.version} has other holdings in the database: a change needs a higher version",
                )
        yield from self._before_splits(market, paths)
        policy = in_force(market.as_of).overridden(market.policy)
        for key in sorted(_containing(market.targets, set(paths_of(paths, "targets")))):
            if ("targets", key) in paths:
                continue  # read with the book
            try:
                flatten(market.targets[key], market.targets, policy.overridden(market.targets[key].policy))
            except TargetRefused as flaw:
                yield Problem("targets", f"target {key}, which the database has, would no longer hold: {flaw}")

    def _before_splits(self, market: Market, paths: Mapping[tuple[str, str], str]) -> Iterator[Problem]:
        """Prices of before a split that was applied: they are of shares that are no more, as those of a file are."""
        splits = self.connection.execute(NEWEST_SPLITS).all()
        named = [row.symbol for row in splits if ("securities", row.symbol) in paths]
        stated = {symbol: market.securities[symbol] for symbol in named if symbol in market.securities}
        priced = [each for each in stated.values() if each.price is not None and not each.worthless]
        there = self._prices_there(priced) if priced else {}
        for row in splits:
            each = stated.get(row.symbol)
            if each is None or each.price is None or each.worthless or each.price_as_of is None:
                continue
            if each.price_as_of < row.day and there.get((each.symbol, each.price_as_of)) != each.price:
                yield Problem(
                    f"{paths['securities', each.symbol]}.price",
                    f"{price_text(each.price)} is of {each.price_as_of}, before the split of {row.day} that was "
                    f"applied ({row.id}): give one of that day or later",
                )

    def apply(self, market: Market) -> Changes:
        """Creates what is new and replaces what differs; an edited target is a new version (TARGET-6)."""
        changes = Changes()
        self._apply_securities(market, changes)
        self._apply_models(market, changes)
        self._apply_targets(market, changes)
        return changes

    def edit_targets(self, market: Market) -> Changes:
        """The targets alone, as `apply` does them."""
        changes = Changes()
        self._apply_targets(market, changes)
        return changes

    def edit_models(self, market: Market) -> Changes:
        """The models alone, as `apply` does them."""
        changes = Changes()
        self._apply_models(market, changes)
        return changes

    def _apply_securities(self, market: Market, changes: Changes) -> None:
        known = read_securities(self.connection, market.as_of, market.securities)
        differing = [each for key, each in market.securities.items() if known.get(key) != each]
        named = [
            each for each in differing if (old := known.get(each.symbol)) is None or _listing(old) != _listing(each)
        ]
        if named:
            line = insert(securities)
            news = {key: line.excluded[key] for key in _listing(named[0])}
            self.connection.execute(
                line.on_conflict_do_update(index_elements=["symbol"], set_=news),
                [{"symbol": each.symbol, **_listing(each)} for each in named],
            )
        for each in named:
            changes.note("securities", each.symbol, each.symbol in known)
        self._apply_identifiers(market, changes)
        self._apply_prices([each for each in differing if each.price is not None and not each.worthless], changes)

    def _apply_identifiers(self, market: Market, changes: Changes) -> None:
        """What securities are called elsewhere; who states none keeps those that are there."""
        differing = replace_stated(self.connection, market.identifiers)
        for symbol, (before, after) in differing.items():
            changes.note("identifiers", symbol, bool(before))
            self.audit.record(
                "identifiers replaced",
                before={"symbol": symbol, "identifiers": before},
                after={"symbol": symbol, "identifiers": after},
            )

    def _prices_there(self, priced: Collection[Security]) -> dict[tuple[str, date | None], Any]:
        """The prices that the database has of the securities on the days of theirs."""
        query = select(prices.c.symbol, prices.c.as_of, exact(prices.c.price)).where(
            among(prices.c.symbol, [each.symbol for each in priced]),
            prices.c.as_of.in_({each.price_as_of for each in priced}),
        )
        return {(symbol, day): price for symbol, day, price in self.connection.execute(query)}

    def _apply_prices(self, priced: list[Security], changes: Changes) -> None:
        there = self._prices_there(priced)
        news = [each for each in priced if there.get((each.symbol, each.price_as_of)) != each.price]
        if not news:
            return
        line = insert(prices)
        self.connection.execute(
            line.on_conflict_do_update(index_elements=["symbol", "as_of"], set_={"price": line.excluded.price}),
            [{"symbol": each.symbol, "as_of": each.price_as_of, "price": each.price} for each in news],
        )
        corrected = [each for each in news if (each.symbol, each.price_as_of) in there]
        for each in news:
            changes.note("prices", each.symbol, each in corrected)
        self.audit.record(
            "prices loaded",
            before={f"{each.symbol} {each.price_as_of}": there[each.symbol, each.price_as_of] for each in corrected},
            after={"prices": len(news), **{f"{each.symbol} {each.price_as_of}": each.price for each in corrected}},
        )

    def _apply_models(self, market: Market, changes: Changes) -> None:
        known = read_models(self.connection, market.models)
        for key, model in market.models.items():
            before = known.get(key)
            if before is not None and _described(before) == _described(model):
                continue
            values = {
                "name": model.name,
                "manager": model.manager,
                "investment_minimum": model.investment_minimum,
                "version": model.version,
            }
            self._put(models, key, values)
            if before is None or before.version != model.version:
                self._keep_holdings(model)
            changes.note("models", key, before is not None)
            self.audit.record(
                "model created" if before is None else "model replaced",
                before=None if before is None else {"model": key, "version": before.version},
                after={"model": key, **values},
            )

    def _keep_holdings(self, model: Model) -> None:
        lines: list[tuple[str | None, Any]] = [(each.symbol, each.weight) for each in model.holdings]
        if model.cash_weight:
            lines.append((None, model.cash_weight))
        if lines:
            self.connection.execute(
                insert(model_holdings),
                [
                    {"model_id": model.id, "version": model.version, "position": at, "symbol": symbol, "weight": weight}
                    for at, (symbol, weight) in enumerate(lines)
                ],
            )

    def _apply_targets(self, market: Market, changes: Changes) -> None:
        known = read_targets(self.connection, market.targets)
        differing = [
            key for key, each in market.targets.items() if key not in known or _stated(known[key]) != _stated(each)
        ]
        there = [key for key in differing if key in known]
        edited = {key for key in there if _allocation(known[key]) != _allocation(market.targets[key])}
        moved = {key for key in there if known[key].components != market.targets[key].components}
        renewed = edited | (_containing(market.targets, moved) & known.keys())
        touched = sorted(renewed.union(differing))
        versions = {key: known[key].version + (key in renewed) if key in known else 1 for key in touched}
        for key in touched:  # all first, so that components may name any of them
            target, before = market.targets[key], known.get(key)
            values = {"name": target.name, "version": versions[key], "policy": overrides_as_json(target.policy)}
            self._put(targets, key, values)
            changes.note("targets", key, before is not None)
            self.audit.record(
                "target created" if before is None else "target replaced",
                rule=TARGET_6.code if key in renewed else None,
                before=None if before is None else {"target": key, **_as_audited(before)},
                after={"target": key, **_as_audited(target), "version": versions[key]},
            )
        for key in touched:
            if key in renewed:
                changes.new_versions[key] = (known[key].version, versions[key])
            if key in renewed or key not in known:
                self._keep_components(market.targets[key], versions[key])

    def _keep_components(self, target: Target, version: int) -> None:
        lines = [
            {
                "target_id": target.id,
                "version": version,
                "position": at,
                "kind": each.kind,
                "model_id": each.ref if each.kind == "model" else None,
                "symbol": each.ref if each.kind == "security" else None,
                "sub_target_id": each.ref if each.kind == "target" else None,
                "weight": each.weight,
                "threshold": band_as_json(each.threshold),
                "precision": band_as_json(each.precision),
            }
            for at, each in enumerate(target.components)
        ]
        if lines:
            self.connection.execute(insert(target_components), lines)

    def _put(self, table: Any, key: str, values: dict[str, object]) -> None:
        self.connection.execute(
            insert(table).values(id=key, **values).on_conflict_do_update(index_elements=["id"], set_=values)
        )


def paths_of(paths: Mapping[tuple[str, str], str], kind: str) -> Iterator[str]:
    """The ids of one kind that a file names."""
    return (key for group, key in paths if group == kind)


def _containing(known: Mapping[str, Target], below: set[str]) -> set[str]:
    """The targets that contain one of `below` as a sub-target, on any level."""
    found: set[str] = set()
    waiting = set(below)
    while waiting:
        waiting = {
            key
            for key, target in known.items()
            if any(each.kind == "target" and each.ref in waiting for each in target.components)
        } - found
        found |= waiting
    return found


def _listing(security: Security) -> dict[str, object]:
    return {
        "name": security.name,
        "quantity_increment": security.quantity_increment,
        "type": security.type,
        "asset_class": security.asset_class,
        "identical_group": security.identical_group,
        "worthless": security.worthless,
    }


def _strategy(model: Model) -> tuple[object, ...]:
    return frozenset((each.symbol, each.weight) for each in model.holdings), model.cash_weight


def _described(model: Model) -> tuple[object, ...]:
    return model.name, model.manager, model.investment_minimum, model.version, _strategy(model)


def _allocation(target: Target) -> tuple[object, ...]:
    return target.components, dict(target.policy)


def _stated(target: Target) -> tuple[object, ...]:
    return target.name, *_allocation(target)


def _as_audited(target: Target) -> dict[str, object]:
    return {
        "name": target.name,
        "version": target.version,
        "components": {each.key: str(each.weight) for each in target.components},
        "policy": overrides_as_json(target.policy),
    }
