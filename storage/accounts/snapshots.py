"""Snapshots: what decisions are made from, taken from the books at one moment, for one account or a page of them.

A snapshot holds what its account needs and no more, in the order of keys, so that it is small to keep and the same
books give the same bytes.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date

from sqlalchemy import Connection

from domain.tax.household_trades import sales_look_back_to
from domain.values.keys import named
from domain.values.policy import Policy
from domain.values.snapshot import Account, Model, Security, Snapshot, Target
from storage.accounts import households, versions
from storage.accounts.reading import StoredAccount, read_accounts
from storage.market.reading import BookDay, book_day, read_models, read_securities, read_targets


class UnknownAccount(LookupError):
    """No account has that id."""

    def __init__(self, account_id: str) -> None:
        super().__init__(f'unknown account "{account_id}"')
        self.account_id = account_id


class Snapshots:
    """The snapshots of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def take(
        self,
        account_id: str,
        as_of: date | None,
        today: date,
        trade_date: date | None = None,
        day: BookDay | None = None,
    ) -> tuple[Snapshot, Policy]:
        """One account as it is now, at the prices of a day (None: the book's), and the policy of that day.

        `today` tells how old prices are, and `trade_date` on which day what is planned would trade, where neither the
        day was asked for nor the book is a historical one: that is then its own day (DAY-2, DAY-3).
        Target and account may override the policy; the plan applies that. `day`: the business day, where the
        transaction has read it. Raises UnknownAccount.
        """
        taken = self._of(read_accounts(self.connection, [account_id]), as_of, today, None, trade_date, day)
        if not taken:
            raise UnknownAccount(account_id)
        return taken[0]

    def seen(self, account_id: str, trade_date: date) -> str | None:
        """What `storage.accounts.versions.seen` says of an account."""
        return versions.seen(self.connection, account_id, trade_date)

    def targets(self, target_id: str | None) -> Mapping[str, Target]:
        """A target and those that it reaches, as a snapshot has them."""
        return {} if target_id is None else read_targets(self.connection, {target_id})

    def of(
        self,
        ids: Collection[str],
        as_of: date | None,
        today: date,
        explicit: bool | None = None,
        trade_date: date | None = None,
    ) -> list[tuple[Snapshot, Policy]]:
        """The accounts that exist among `ids`, by id, each as `take` gives it, with a fixed number of queries.

        `explicit` says whether somebody asked for the day; where it is left out, whoever gave one did.
        """
        return self._of(read_accounts(self.connection, ids), as_of, today, explicit, trade_date)

    def of_nobody(
        self, accounts_: Iterable[Account], as_of: date, today: date, explicit: bool
    ) -> list[tuple[Snapshot, Policy]]:
        """Snapshots of accounts that are in no book, in their order: what everybody with their target shares."""
        imagined = {str(at): StoredAccount(each, None, None, None, {}) for at, each in enumerate(accounts_)}
        return self._of(imagined, as_of, today, explicit, None)

    def _of(
        self,
        found: Mapping[str, StoredAccount],
        as_of: date | None,
        today: date,
        explicit: bool | None,
        trade_date: date | None,
        day: BookDay | None = None,
    ) -> list[tuple[Snapshot, Policy]]:
        day = day or book_day(self.connection)
        if not found or day is None:
            return []
        at = as_of or day.as_of
        market = _NeededMarket(self.connection, found.values(), at)
        numbers = day.numbers(at)
        asked = as_of is not None if explicit is None else explicit
        traded = at if trade_date is None or asked or day.historical else trade_date
        others = households.elsewhere(self.connection, found.values(), traded, numbers.wash_sale_days)
        since = sales_look_back_to(traded, numbers.wash_sale_days)
        taken = []
        for stored in found.values():
            account = _with_sales_since(stored.account, since)
            targets, models, securities = market.of(account)
            max_age = _max_age(account, targets, numbers)
            oldest = min((each.price_as_of for each in securities.values()), default=at)
            snapshot = Snapshot(
                as_of=at,
                account=account,
                targets=targets,
                models=models,
                securities=securities,
                fresh_from=day.fresh_from(at, today, asked, max_age, oldest),
                open_breaks=stored.open_breaks,
                rebalanced_to=stored.rebalanced_to,
                household_sales=others.get(account.id, households.ALONE).sales,
                household_buys=others.get(account.id, households.ALONE).buys,
                trade_date=traded,
            )
            taken.append((snapshot, numbers))
        return taken


class _NeededMarket:
    """The part of the market that a page of accounts needs, read once, and each account's share of it."""

    def __init__(self, connection: Connection, found: Iterable[StoredAccount], as_of: date) -> None:
        held = [stored.account for stored in found]
        self.targets = read_targets(connection, {each.target_id for each in held if each.target_id is not None})
        models = {model for target in self.targets.values() for model in _refs(target, "model")}
        self.models = read_models(connection, models.union(*map(_sleeve_models, held)))
        symbols = {symbol for target in self.targets.values() for symbol in _refs(target, "security")}
        symbols |= {holding.symbol for model in self.models.values() for holding in model.holdings}
        self.securities = read_securities(connection, as_of, symbols.union(*map(_held, held)))
        self._of_target: dict[str | None, tuple[Mapping[str, Target], set[str], set[str]]] = {None: ({}, set(), set())}

    def of(self, account: Account) -> tuple[Mapping[str, Target], Mapping[str, Model], Mapping[str, Security]]:
        """Targets, models and securities of one account, each by key."""
        targets, models, symbols = self._named(account.target_id)
        sleeve_models = _sleeve_models(account)
        symbols = symbols.union(
            _held(account), (holding.symbol for each in sleeve_models for holding in self.models[each].holdings)
        )
        return (
            targets,
            {key: self.models[key] for key in sorted(models | sleeve_models)},
            {key: self.securities[key] for key in sorted(symbols)},
        )

    def _named(self, target_id: str | None) -> tuple[Mapping[str, Target], set[str], set[str]]:
        """What a target names, itself and its sub-targets included: targets, models, symbols."""
        if target_id not in self._of_target:
            reached: set[str] = set()
            waiting = {str(target_id)}
            while waiting:
                reached |= waiting
                waiting = {ref for each in waiting for ref in _refs(self.targets[each], "target")} - reached
            targets = {key: self.targets[key] for key in sorted(reached)}
            models = {ref for target in targets.values() for ref in _refs(target, "model")}
            symbols = {ref for target in targets.values() for ref in _refs(target, "security")}
            symbols |= {holding.symbol for key in models for holding in self.models[key].holdings}
            self._of_target[target_id] = (targets, models, symbols)
        return self._of_target[target_id]


def _with_sales_since(account: Account, since: date) -> Account:
    """The account without what it sold so long ago that nothing looks at it."""
    sales = account.recent_sales
    if not sales or min(each.date for each in sales) >= since:
        return account
    return replace(account, recent_sales=tuple(each for each in sales if each.date >= since))


def _refs(target: Target, kind: str) -> set[str]:
    return {component.ref for component in target.components if component.kind == kind and component.ref is not None}


def _sleeve_models(account: Account) -> set[str]:
    return {named(sleeve.key).ref for sleeve in account.model_sleeves}


def _held(account: Account) -> set[str]:
    held = {holding.symbol for sleeve in account.sleeves for holding in sleeve.holdings}
    restricted = {each.symbol for each in account.restrictions} | {each.by for each in account.restrictions if each.by}
    return held | restricted | {holding.symbol for holding in account.protected}


def _max_age(account: Account, targets: Mapping[str, Target], numbers: Policy) -> int:
    target = targets[account.target_id] if account.target_id is not None else None
    return numbers.overridden(target.policy if target else {}, account.policy).price_max_age_days
