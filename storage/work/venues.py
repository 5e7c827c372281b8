"""What operators set for the venues: the terms of each, and the paper venue's scenario. Every change is recorded."""

from dataclasses import asdict, dataclass, fields
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from storage.record.audit import Audit
from storage.schema.execution import paper_accounts
from storage.schema.tables import securities
from storage.schema.venues import ALLOWED, END, OFF, paper_lost, paper_scenario, venue_terms


@dataclass(frozen=True, slots=True)
class SetBlocks:
    """Whether a venue's orders are sent in blocks, and how; as it is where nobody set it. None: the desk's own."""

    blocks: str = OFF
    window_seconds: int | None = None
    cut_off: time | None = None
    leave: str = ALLOWED
    unfilled: str = END
    de_minimis: int | None = None  # None: off (ALLOC-6)


ONE_BY_ONE = SetBlocks()


@dataclass(frozen=True, slots=True)
class SetTerms:
    """A venue's terms as somebody set them; None is without a limit."""

    orders_per_second: Decimal | None
    patience_seconds: int | None
    sends: str | None  # None: as such a venue does of itself
    set_by: str
    set_at: datetime
    desk: SetBlocks = ONE_BY_ONE


@dataclass(frozen=True, slots=True)
class SetScenario:
    """The paper venue's scenario as somebody set it."""

    told: dict[str, Any]
    set_by: str
    set_at: datetime


class VenueSettings:
    """The venues' settings in one transaction."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def terms(self, venue: str) -> SetTerms | None:
        """The terms that were set for a venue; None where none were."""
        row = self.connection.execute(select(venue_terms).where(venue_terms.c.venue == venue)).one_or_none()
        if row is None:
            return None
        desk = SetBlocks(*(getattr(row, each.name) for each in fields(SetBlocks)))
        return SetTerms(row.orders_per_second, row.patience_seconds, row.sends, row.set_by, row.set_at, desk)

    def set_terms(
        self,
        venue: str,
        orders_per_second: Decimal | None,
        patience_seconds: int | None,
        sends: str | None = None,
        desk: SetBlocks = ONE_BY_ONE,
    ) -> None:
        """Sets a venue's terms for every worker, from now on."""
        before = self.terms(venue)
        values = {"orders_per_second": orders_per_second, "patience_seconds": patience_seconds, "sends": sends}
        values |= asdict(desk)
        whose = {"set_by": self.audit.actor.who, "set_at": func.now()}
        self.connection.execute(
            insert(venue_terms)
            .values(venue=venue, **values, **whose)
            .on_conflict_do_update(index_elements=["venue"], set_=values | whose)
        )
        self.audit.record(
            "venue terms set",
            before=None
            if before is None
            else _told(venue, before.orders_per_second, before.patience_seconds, before.sends, before.desk),
            after=_told(venue, orders_per_second, patience_seconds, sends, desk),
        )

    def scenario(self) -> SetScenario | None:
        """The paper venue's scenario, or None: it is kind."""
        row = self.connection.execute(select(paper_scenario)).one_or_none()
        return None if row is None else SetScenario(row.told, row.set_by, row.set_at)

    def set_scenario(self, told: dict[str, Any] | None) -> None:
        """Sets the paper venue's scenario, or with None makes the venue kind again."""
        before = self.scenario()
        self.connection.execute(delete(paper_scenario))
        self.connection.execute(delete(paper_lost))
        if told is not None:
            self.connection.execute(insert(paper_scenario).values(told=told, set_by=self.audit.actor.who))
        self.audit.record(
            "paper venue's scenario set" if told is not None else "paper venue's scenario cleared",
            before=before.told if before else None,
            after=told,
        )

    def paper_names(self) -> tuple[set[str], set[str]]:
        """The accounts that the paper custodian has, and the symbols that are known."""
        return (
            set(self.connection.scalars(select(paper_accounts.c.account_id))),
            set(self.connection.scalars(select(securities.c.symbol))),
        )


def _told(
    venue: str, orders_per_second: Decimal | None, patience_seconds: int | None, sends: str | None, desk: SetBlocks
) -> dict[str, object]:
    blocks: dict[str, object] = {} if desk == ONE_BY_ONE else asdict(desk)
    if desk.cut_off is not None:
        blocks["cut_off"] = f"{desk.cut_off:%H:%M}"
    return blocks | {
        "venue": venue,
        "orders_per_second": None if orders_per_second is None else str(orders_per_second),
        "patience_seconds": patience_seconds,
        "sends": sends,
    }
