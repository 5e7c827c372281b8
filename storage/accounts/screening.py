"""Screening: which accounts of a page are inside their bands for sure, by their values alone.

Most accounts are, every day. They are found here with one query a page, which brings back their packed positions, and
sums of columns; what is left is doubtful, and decided one by one by `domain.evaluation.evaluate`.

Here nobody is ever flagged: the sums are compared with `domain.evaluation.terms` in floating point, with a margin far
above its error, and a value within the margin of a bound is doubtful. An account is doubtful, too, where its values are
not all that counts: not open, restricted, with a withdrawal, or not yet rebalanced to what its target is now.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from psycopg import Connection as Psycopg
from sqlalchemy import Connection, text

from domain.evaluation import terms
from domain.targets.targets import Band
from domain.values.money import ZERO
from domain.values.snapshot import CASH, MANAGED, Account, Sleeve
from domain.values.snapshot_json import overrides_from_json
from storage.accounts.snapshots import Snapshots

ENTRY = np.dtype([("component", ">i4"), ("security", ">i4"), ("quantity", ">f8")])  # as PostgreSQL sends them
CASH_NUMBER = 0
MARGIN = 1e-9  # of what the account holds and owes: far above the error of a float

# The planner knows how many rows a page has; so it plans for them each time, and looks a page's rows up by index.
PLANNING = text(
    "SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('random_page_cost', '0.3', true),"
    " set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true), set_config('work_mem', '64MB', true)"
)
KINDS = text(
    """
    SELECT DISTINCT target_id, policy FROM (
      SELECT target_id, policy FROM accounts
      WHERE rebalancing AND id COLLATE "C" > :after AND (CAST(:upto AS text) IS NULL OR id COLLATE "C" <= :upto)
      ORDER BY id COLLATE "C" LIMIT :size
    ) page
    """
)
# What of a page's accounts counts beside their values, and their positions as they are packed: those of an account
# without a row are packed here.
POSITIONS = """
    WITH page AS MATERIALIZED (
      SELECT id, CAST(row_number() OVER (ORDER BY id COLLATE "C") - 1 AS int) AS at, status, target_id, policy,
        rebalanced_target_id, rebalanced_target_version
      FROM accounts
      WHERE rebalancing AND id COLLATE "C" > %(after)s
        AND (CAST(%(upto)s AS text) IS NULL OR id COLLATE "C" <= %(upto)s)
      ORDER BY id COLLATE "C" LIMIT %(size)s
    ), kinds AS MATERIALIZED (
      SELECT * FROM unnest(CAST(%(targets)s AS text[]), CAST(%(policies)s AS jsonb[]), CAST(%(kinds)s AS int[]))
        AS given (target, policy, kind)
    ), judged AS MATERIALIZED (
      SELECT p.id, p.at, CASE
          WHEN p.status = 'open' AND (p.target_id IS NULL
              OR (p.rebalanced_target_id = p.target_id AND p.rebalanced_target_version = t.version))
            AND NOT EXISTS (SELECT FROM restrictions r WHERE r.account_id = p.id)
            AND NOT EXISTS (SELECT FROM withdrawals w WHERE w.account_id = p.id)
          THEN coalesce(kinds.kind, -1) ELSE -1 END AS kind
      FROM page p LEFT JOIN kinds ON kinds.target = coalesce(p.target_id, '') AND kinds.policy = p.policy
        LEFT JOIN targets t ON t.id = p.target_id
    ), held AS MATERIALIZED (
      SELECT a.id, a.at, a.kind, CASE WHEN a.kind = -1 THEN ''
        ELSE coalesce(packed.entries, packed_entries(a.id)) END AS entries
      FROM judged a LEFT JOIN packed_positions packed ON packed.account_id = a.id AND a.kind <> -1
    )
    SELECT array_agg(id ORDER BY at), array_agg(kind ORDER BY at), array_agg(length(entries) ORDER BY at),
      string_agg(entries, '' ORDER BY at)
    FROM held
"""
# A security without a fresh price has none here.
FRESH = text(
    """
    SELECT s.number, CAST(latest.price AS float8) AS price FROM securities s, LATERAL (
      SELECT price, as_of FROM prices p WHERE p.symbol = s.symbol AND p.as_of <= :as_of ORDER BY p.as_of DESC LIMIT 1
    ) latest WHERE latest.as_of >= :fresh_from
    """
)
NUMBERS = text(
    "SELECT 'model:' || id AS component, -number AS number FROM models"
    " UNION ALL SELECT 'security:' || symbol, number FROM securities"
)
BLOCK = 10_000  # accounts a query: what is in memory at once


@dataclass(frozen=True, slots=True)
class Screened:
    """A page of so many accounts, up to `last`, and those among them that are to be looked at closely."""

    accounts: int
    last: str | None
    doubtful: Sequence[str]


@dataclass(slots=True)
class _Terms:
    """What keeps accounts inside, by kind: a kind is a target and the numbers that an account overrides.

    Each kind has a row of bands; the band of cash is at place 0. `number` is None for a kind that is always doubtful.
    """

    number: dict[tuple[str | None, str], int | None] = field(default_factory=dict)
    bands: list[list[tuple[str, Band]]] = field(default_factory=list)
    fresh_from: date = date.min

    def add(self, kind: tuple[str | None, str], bands: Mapping[str, Band] | None) -> None:
        self.number[kind] = None if bands is None else len(self.bands)
        if bands is not None:
            self.bands.append(sorted(bands.items(), key=lambda each: each[0] != CASH))

    def parameters(self) -> dict[str, Any]:
        """The kinds, as the query takes them."""
        known = {kind: number for kind, number in self.number.items() if number is not None}
        return {
            "targets": [target or "" for target, _ in known],
            "policies": [policy for _, policy in known],
            "kinds": list(known.values()),
        }

    def places(self, numbers: Mapping[str, int]) -> tuple[Any, Any]:
        """Where the band of each component is, a row a kind: keys that rise, and a place for each (`_key`)."""
        placed = sorted(
            (_key(kind, numbers.get(component, CASH_NUMBER)), place)
            for kind, bands in enumerate(self.bands)
            for place, (component, _) in enumerate(bands)
            if component == CASH or component in numbers
        )
        return np.array([key for key, _ in placed], np.int64), np.array([place for _, place in placed], np.int64)

    def table(self) -> tuple[Any, Any]:
        """Lower and upper bounds, a row a kind; where a kind has no more bands, 0 to 0."""
        width = max(map(len, self.bands), default=1)
        bounds = np.zeros((2, len(self.bands), width))
        for number, bands in enumerate(self.bands):
            for place, (_, band) in enumerate(bands):
                bounds[:, number, place] = float(band.lower), float(band.upper)
        return bounds[0], bounds[1]


class Screening:
    """Screens pages of accounts in one transaction, which has to see the books at one moment.

    `alive` is called between queries, for whoever has to show that it lives.
    """

    def __init__(
        self,
        connection: Connection,
        snapshots: Snapshots,
        as_of: date,
        today: date,
        explicit: bool,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self.alive = alive
        self.connection = connection
        self.snapshots = snapshots
        self.as_of, self.today, self.explicit = as_of, today, explicit
        self.terms = _Terms()
        self.numbers: dict[str, int] = {row.component: row.number for row in connection.execute(NUMBERS)}
        self.placed = self.terms.places(self.numbers)
        self.priced: tuple[date, Any] | None = None
        connection.execute(PLANNING)

    def page(self, after: str, upto: str | None, size: int, most_doubtful: int) -> Screened:
        """The next accounts with rebalancing on behind `after`, at most up to `upto`.

        A page ends after `size` accounts, or with the last that may be doubtful; its `last` is None where there was
        no account left.
        """
        accounts, last, doubtful = 0, None, list[str]()
        while accounts < size and len(doubtful) < most_doubtful:
            wanted = min(BLOCK, size - accounts)
            ids, found = self._block(after if last is None else last, upto, wanted)
            self.alive()
            room = most_doubtful - len(doubtful)
            if len(found) > room:
                ids = ids[: 1 + ids.index(found[room - 1])]
            doubtful += found[:room]
            accounts += len(ids)
            last = ids[-1] if ids else last
            if len(ids) < wanted:
                break
        return Screened(accounts, last, doubtful)

    def _block(self, after: str, upto: str | None, size: int) -> tuple[list[str], list[str]]:
        """The next accounts in the order of their ids, and the doubtful among them."""
        page = {"after": after, "upto": upto, "size": size}
        self._learn({(row.target_id, _as_text(row.policy)): row.policy for row in self.connection.execute(KINDS, page)})
        driver = self.connection.connection.driver_connection
        if not isinstance(driver, Psycopg):
            raise TypeError(f"psycopg is needed, not {type(driver).__name__}")
        with driver.cursor(binary=True) as cursor:  # binary: a page is megabytes
            found = cursor.execute(POSITIONS, page | self.terms.parameters()).fetchone()
        ids, kinds, lengths, entries = found or (None,) * 4
        if not ids or entries is None:
            return [], []
        sure = self._sure(np.array(kinds), np.array(lengths) // ENTRY.itemsize, unpacked(entries))
        return ids, [ids[each] for each in np.flatnonzero(~sure)]

    def _places(self, keys: Any) -> Any:
        """Where the bands of components are among those of their accounts' kinds; -1 for what is in none."""
        known, places = self.placed
        if not len(known):
            return np.full(len(keys), -1)
        at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        return np.where(known[at] == keys, places[at], -1)

    def _learn(self, kinds: Mapping[tuple[str | None, str], Mapping[str, Any]]) -> None:
        """Asks the domain for the terms of kinds that have not been seen in this transaction."""
        new = {kind: policy for kind, policy in kinds.items() if kind not in self.terms.number}
        nobodies = [_nobody(target, policy) for (target, _), policy in new.items()]
        for kind, (empty, policy) in zip(
            new, self.snapshots.of_nobody(nobodies, self.as_of, self.today, self.explicit), strict=True
        ):
            self.terms.add(kind, terms(empty, policy))
            self.terms.fresh_from = max(self.terms.fresh_from, empty.fresh_from)
        if new:
            self.placed = self.terms.places(self.numbers)

    def _valued(self, security: Any, quantity: Any) -> Any:
        """What each quantity is worth; NaN, which is inside no band, where its security has no fresh price."""
        prices = self._prices()
        known = security < len(prices)
        return np.where(known, prices[np.where(known, security, CASH_NUMBER)], np.nan) * quantity

    def _prices(self) -> Any:
        """Fresh prices by the security's number; cash is worth itself."""
        if self.priced is None or self.priced[0] != self.terms.fresh_from:
            terms_ = {"as_of": self.as_of, "fresh_from": self.terms.fresh_from}
            fresh = self.connection.execute(FRESH, terms_).all()
            prices = np.full(1 + max((row.number for row in fresh), default=0), np.nan)
            prices[CASH_NUMBER] = 1
            prices[[row.number for row in fresh]] = [row.price for row in fresh]
            self.priced = self.terms.fresh_from, prices
        return self.priced[1]

    def _sure(self, kind: Any, entries: Any, held: Any) -> Any:
        """For each account, whether all its values lie inside their bands, whatever a float's error is.

        Its `kind` is below 0 where more than its values counts. Of `held`, so many `entries` are each account's.
        """
        count, plain = len(kind), np.flatnonzero(kind >= 0)
        whose = np.repeat(np.arange(count), entries)
        worth = self._valued(held["security"], held["quantity"])
        places = self._places(_key(kind[whose], held["component"].astype(np.int64)))
        lowers, uppers = self.terms.table()
        width = lowers.shape[1]
        known = places >= 0
        spots = (whose * width + places)[known]
        values = np.bincount(spots, worth[known], count * width).reshape(count, width)[plain]
        stray = np.bincount(whose[~known], worth[~known] != 0, count)[plain]  # in no band, and worth something
        owned = np.bincount(whose, np.abs(worth), count)[plain]
        lower, upper = lowers[kind[plain]], uppers[kind[plain]]
        total, margin = values.sum(axis=1, keepdims=True), MARGIN * owned[:, np.newaxis]
        # 0 in a band that begins at 0, and anything in one that ends at 1, are inside without any arithmetic.
        reaches = (values >= 0) & ((lower == 0) | (values - lower * total > margin))
        stays = (upper >= 1) | ((upper == 0) & (values == 0)) | (upper * total - values > margin)
        sure = np.zeros(count, bool)
        sure[plain] = (reaches & stays).all(axis=1) & (stray == 0) & (total > margin)[:, 0]
        return sure


def _key(kind: Any, component: Any) -> Any:
    """A number for a component of a kind, another for each: components are numbers of 32 bits."""
    return (kind << 33) + component


def _as_text(policy: Mapping[str, Any]) -> str:
    import json

    return json.dumps(policy, sort_keys=True)


def _nobody(target_id: str | None, policy: Mapping[str, Any]) -> Account:
    """An account of the target that holds nothing."""
    return Account(
        id="",
        name="",
        custodian="",
        tax_status="taxable",
        status="open",
        rebalancing=True,
        target_id=target_id,
        managed=Sleeve(MANAGED, ZERO, ()),
        policy=overrides_from_json(policy),
    )


def unpacked(entries: bytes) -> Any:
    """Packed entries as columns: an array of `ENTRY`, in the machine's own byte order."""
    return np.frombuffer(entries, ENTRY).astype(ENTRY.newbyteorder("="))
