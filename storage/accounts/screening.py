"""Screening: which accounts of a page are inside their bands for sure, by their values alone.

Most accounts are, every day. They are found here with one query a page, which sums their holdings exactly and brings
back a number a component; what is left is doubtful, and decided one by one by `domain.evaluation.evaluate`.

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
# A component's value is a model sleeve's, a holding's of the managed sleeve, or the managed sleeve's cash. A holding
# without a fresh price makes it NaN, which is inside no band. `place` is where the band of the component is among those
# of the account's kind, or below 0 for what is in none: a number of its own, so that no two of them are added up.
VALUES = """
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
    ), bands AS MATERIALIZED (
      SELECT * FROM unnest(CAST(%(band_kinds)s AS int[]), CAST(%(components)s AS text[]), CAST(%(places)s AS int[]))
        AS given (kind, component, place)
    ), fresh AS MATERIALIZED (
      SELECT s.symbol, latest.price FROM securities s, LATERAL (
        SELECT price, as_of FROM prices p
        WHERE p.symbol = s.symbol AND p.as_of <= %(as_of)s ORDER BY p.as_of DESC LIMIT 1
      ) latest WHERE latest.as_of >= %(fresh_from)s
    ), judged AS MATERIALIZED (
      SELECT p.id, p.at, CASE
          WHEN p.status = 'open' AND (p.target_id IS NULL
              OR (p.rebalanced_target_id = p.target_id AND p.rebalanced_target_version = t.version))
            AND NOT EXISTS (SELECT FROM restrictions r WHERE r.account_id = p.id)
            AND NOT EXISTS (SELECT FROM withdrawals w WHERE w.account_id = p.id)
          THEN coalesce(kinds.kind, -1) ELSE -1 END AS kind
      FROM page p LEFT JOIN kinds ON kinds.target = coalesce(p.target_id, '') AND kinds.policy = p.policy
        LEFT JOIN targets t ON t.id = p.target_id
    ), opened AS MATERIALIZED (
      SELECT j.at, j.kind, s.id, s.model_id, s.cash
      FROM judged j JOIN sleeves s ON s.account_id = j.id AND s.status = 'open' AND s.kind <> 'protected'
      WHERE j.kind <> -1
    ), modelled AS MATERIALIZED (
      SELECT o.at, coalesce(b.place, -o.id) AS place, o.id, o.cash
      FROM opened o LEFT JOIN bands b ON b.kind = o.kind AND b.component = 'model:' || o.model_id
      WHERE o.model_id IS NOT NULL
    ), parts AS (
      SELECT m.at, m.place, sum(h.quantity * coalesce(f.price, 'NaN')) AS value
      FROM modelled m JOIN holdings h ON h.sleeve_id = m.id LEFT JOIN fresh f ON f.symbol = h.symbol
      GROUP BY m.at, m.place
      UNION ALL
      SELECT at, place, cash FROM modelled WHERE cash <> 0
      UNION ALL
      SELECT o.at, coalesce(b.place, -1), h.quantity * coalesce(f.price, 'NaN')
      FROM opened o JOIN holdings h ON h.sleeve_id = o.id LEFT JOIN fresh f ON f.symbol = h.symbol
        LEFT JOIN bands b ON b.kind = o.kind AND b.component = 'security:' || h.symbol
      WHERE o.model_id IS NULL
      UNION ALL
      SELECT at, 0, cash FROM opened WHERE model_id IS NULL AND cash <> 0
    )
    SELECT
      (SELECT array_agg(id ORDER BY at) FROM page),
      (SELECT array_agg(kind ORDER BY at) FROM judged),
      array_agg(at), array_agg(place), array_agg(CAST(value AS float8))
    FROM parts
"""
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
        """The kinds and the places of their bands, as the query takes them."""
        known = {kind: number for kind, number in self.number.items() if number is not None}
        places = [
            (number, component, place)
            for number, bands in enumerate(self.bands)
            for place, (component, _) in enumerate(bands)
        ]
        return {
            "targets": [target or "" for target, _ in known],
            "policies": [policy for _, policy in known],
            "kinds": list(known.values()),
            "band_kinds": [number for number, _, _ in places],
            "components": [component for _, component, _ in places],
            "places": [place for _, _, place in places],
            "fresh_from": self.fresh_from,
        }

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
        with driver.cursor(binary=True) as cursor:  # binary: a page is tens of thousands of numbers
            found = cursor.execute(VALUES, page | self.terms.parameters() | {"as_of": self.as_of}).fetchone()
        ids, kinds, whose, places, worth = found or (None,) * 5
        if not ids:
            return [], []
        sure = self._sure(
            np.array(kinds), np.array(whose or [], int), np.array(places or [], int), np.array(worth or [])
        )
        return ids, [ids[each] for each in np.flatnonzero(~sure)]

    def _learn(self, kinds: Mapping[tuple[str | None, str], Mapping[str, Any]]) -> None:
        """Asks the domain for the terms of kinds that have not been seen in this transaction."""
        new = {kind: policy for kind, policy in kinds.items() if kind not in self.terms.number}
        nobodies = [_nobody(target, policy) for (target, _), policy in new.items()]
        for kind, (empty, policy) in zip(
            new, self.snapshots.of_nobody(nobodies, self.as_of, self.today, self.explicit), strict=True
        ):
            self.terms.add(kind, terms(empty, policy))
            self.terms.fresh_from = max(self.terms.fresh_from, empty.fresh_from)

    def _sure(self, kind: Any, whose: Any, places: Any, worth: Any) -> Any:
        """For each account, whether all its values lie inside their bands, whatever a float's error is.

        Its `kind` is below 0 where more than its values counts. A value of `worth` belongs to the account `whose` and
        to the band at its place.
        """
        count, plain = len(kind), np.flatnonzero(kind >= 0)
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
