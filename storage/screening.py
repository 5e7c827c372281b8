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
from domain.money import ZERO
from domain.snapshot import MANAGED, Account, Sleeve
from domain.targets import Band
from storage.snapshots import Snapshots
from storage.values import overrides_from_json

MARGIN = 1e-9  # of what the account holds and owes: far above the error of a float

# The planner knows how many rows a page has; so it plans for them each time, and looks a page's rows up by index.
PLANNING = text(
    "SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('random_page_cost', '1.1', true),"
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
# without a fresh price makes it NaN, which is inside no band. `spot` is the number of the component's band, or -1.
VALUES = """
    WITH page AS MATERIALIZED (
      SELECT a.id, a.target_id, a.policy,
        a.status = 'open'
        AND (a.target_id IS NULL OR (a.rebalanced_target_id = a.target_id AND a.rebalanced_target_version = t.version))
        AND NOT EXISTS (SELECT FROM restrictions r WHERE r.account_id = a.id)
        AND NOT EXISTS (SELECT FROM withdrawals w WHERE w.account_id = a.id) AS plain
      FROM accounts a LEFT JOIN targets t ON t.id = a.target_id
      WHERE a.rebalancing AND a.id COLLATE "C" > %(after)s
        AND (CAST(%(upto)s AS text) IS NULL OR a.id COLLATE "C" <= %(upto)s)
      ORDER BY a.id COLLATE "C" LIMIT %(size)s
    ), kinds AS MATERIALIZED (
      SELECT * FROM unnest(CAST(%(targets)s AS text[]), CAST(%(policies)s AS jsonb[]), CAST(%(kinds)s AS int[]))
        AS given (target, policy, kind)
    ), bands AS MATERIALIZED (
      SELECT kind, component, CAST(spot - 1 AS int) AS spot
      FROM unnest(CAST(%(band_kinds)s AS int[]), CAST(%(components)s AS text[])) WITH ORDINALITY
        AS given (kind, component, spot)
    ), fresh AS MATERIALIZED (
      SELECT s.symbol, latest.price FROM securities s, LATERAL (
        SELECT price, as_of FROM prices p
        WHERE p.symbol = s.symbol AND p.as_of <= %(as_of)s ORDER BY p.as_of DESC LIMIT 1
      ) latest WHERE latest.as_of >= %(fresh_from)s
    ), numbered AS MATERIALIZED (
      SELECT page.id, CASE WHEN page.plain THEN kinds.kind END AS kind,
        CAST(row_number() OVER (ORDER BY page.id COLLATE "C") - 1 AS int) AS at
      FROM page LEFT JOIN kinds ON kinds.target = coalesce(page.target_id, '') AND kinds.policy = page.policy
    ), opened AS MATERIALIZED (
      SELECT n.at, n.kind, s.id, s.model_id, s.cash
      FROM numbered n JOIN sleeves s ON s.account_id = n.id AND s.status = 'open' AND s.kind <> 'protected'
      WHERE n.kind >= 0
    ), parts AS (
      SELECT min(o.at) AS at, min(o.kind) AS kind, 'model:' || min(o.model_id) AS component,
        min(o.cash) + coalesce(sum(h.quantity * coalesce(f.price, 'NaN')), 0) AS value
      FROM opened o LEFT JOIN holdings h ON h.sleeve_id = o.id LEFT JOIN fresh f ON f.symbol = h.symbol
      WHERE o.model_id IS NOT NULL GROUP BY o.id
      UNION ALL
      SELECT o.at, o.kind, 'security:' || h.symbol, h.quantity * coalesce(f.price, 'NaN')
      FROM opened o JOIN holdings h ON h.sleeve_id = o.id LEFT JOIN fresh f ON f.symbol = h.symbol
      WHERE o.model_id IS NULL
      UNION ALL
      SELECT at, kind, 'cash', cash FROM opened WHERE model_id IS NULL
    ), valued AS (
      SELECT array_agg(parts.at) AS ats, array_agg(coalesce(bands.spot, -1)) AS spots,
        array_agg(CAST(parts.value AS float8)) AS worths
      FROM parts LEFT JOIN bands ON bands.kind = parts.kind AND bands.component = parts.component
    )
    SELECT ids, kinds, ats, spots, worths
    FROM (SELECT array_agg(id ORDER BY at) AS ids, array_agg(coalesce(kind, -1) ORDER BY at) AS kinds FROM numbered) n,
      valued
"""


BLOCK = 5_000  # accounts a query: what is in memory at once


@dataclass(frozen=True, slots=True)
class Screened:
    """A page of so many accounts, up to `last`, and those among them that are to be looked at closely."""

    accounts: int
    last: str | None
    doubtful: Sequence[str]


@dataclass(slots=True)
class _Terms:
    """What keeps accounts inside, by kind: a kind is a target and the numbers that an account overrides.

    The bands of all kinds are in one list, each at its spot; `number` is None for a kind that is always doubtful.
    """

    number: dict[tuple[str | None, str], int | None] = field(default_factory=dict)
    kinds: list[int] = field(default_factory=list)
    components: list[str] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    fresh_from: date = date.min

    def add(self, kind: tuple[str | None, str], bands: Mapping[str, Band] | None) -> None:
        if bands is None:
            self.number[kind] = None
            return
        number = self.number[kind] = 1 + max((each for each in self.number.values() if each is not None), default=-1)
        for component, band in bands.items():
            self.kinds.append(number)
            self.components.append(component)
            self.lower.append(float(band.lower))
            self.upper.append(float(band.upper))


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
        known = {kind: number for kind, number in self.terms.number.items() if number is not None}
        driver = self.connection.connection.driver_connection
        if not isinstance(driver, Psycopg):
            raise TypeError(f"psycopg is needed, not {type(driver).__name__}")
        with driver.cursor(binary=True) as cursor:  # binary: a page is tens of thousands of numbers
            found = cursor.execute(
                VALUES,
                page
                | {
                    "targets": [target or "" for target, _ in known],
                    "policies": [policy for _, policy in known],
                    "kinds": list(known.values()),
                    "band_kinds": self.terms.kinds,
                    "components": self.terms.components,
                    "as_of": self.as_of,
                    "fresh_from": self.terms.fresh_from,
                },
            ).fetchone()
        ids, kinds, ats, spots, worths = found or ([],) * 5
        if not ids:
            return [], []
        sure = self._sure(np.array(kinds), np.array(ats or [], int), np.array(spots or [], int), np.array(worths or []))
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

    def _sure(self, kinds: Any, whose: Any, spots: Any, worth: Any) -> Any:
        """For each account, whether all its values lie inside their bands, whatever a float's error is."""
        count = len(kinds)
        lowers, uppers = np.array([*self.terms.lower, 0.0]), np.array([*self.terms.upper, 0.0])  # last: in no band
        lower, upper = lowers[spots], uppers[spots]
        managed = np.bincount(whose, worth, count)
        margin = MARGIN * np.bincount(whose, np.abs(worth), count)
        total, room = managed[whose], margin[whose]
        # 0 in a band that begins at 0, and anything in one that ends at 1, are inside without any arithmetic.
        reaches = (worth >= 0) & ((lower == 0) | (worth - lower * total > room))
        stays = (upper >= 1) | ((upper == 0) & (worth == 0)) | (upper * total - worth > room)
        outside = np.bincount(whose, ~(reaches & stays), count)
        required = np.bincount(np.array(self.terms.kinds, int), lowers[:-1] > 0, 1 + int(kinds.max(initial=0)))
        there = np.bincount(whose, lower > 0, count)
        return (kinds >= 0) & (managed > margin) & (outside == 0) & (there == required[kinds])


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
