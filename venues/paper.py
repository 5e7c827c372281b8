"""The paper venue: venue and custodian in one, with a ledger of its own in the schema `paper`.

Each call is one transaction of its own, as it would be at a real venue: what the caller's transaction does, or whether
its process lives, changes nothing about an order that was taken. Kind as it is made, it fills whole at the given price
or rejects what would overdraw cash or shares; a scenario (`scenario`) makes it unkind.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import takewhile
from types import MappingProxyType

from sqlalchemy import Connection, Engine, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from domain.executing.blocks import is_child
from domain.executing.reconciliation import Ledger
from policy.clock import Clock
from storage.schema.execution import paper_accounts, paper_positions
from storage.schema.venues import paper_lost, paper_scenario
from venues import paper_blocks, paper_orders
from venues.port import Instruction, UnknownAtCustodian, VenueAnswer, VenueOrder, VenueUnreachable
from venues.scenario import KIND, KIND_TO_BLOCKS, BlockTreatment, Scenario, Treatment

PAPER = "PAPER"
TOLD = select(paper_scenario.c.told)
LEDGER = (
    select(paper_accounts.c.cash, paper_positions.c.symbol, paper_positions.c.quantity)
    .outerjoin_from(paper_accounts, paper_positions, paper_positions.c.account_id == paper_accounts.c.account_id)
    .where(paper_accounts.c.account_id == bindparam("of"))
)


class PaperVenue:
    """Venue and custodian in one."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.clock = clock

    def submit(self, order: VenueOrder) -> Sequence[VenueAnswer]:
        """Takes an order as the scenario has it; a repeated ID gets what became of the first."""
        with self.engine.begin() as connection:
            scenario = _scenario(connection)
            treatment = scenario.treatment(order) if scenario else KIND
            lost = treatment.lose_connection is not None and _lose(connection, order, treatment)
            answers: Sequence[VenueAnswer] = ()
            if not (lost and treatment.lose_connection == "before_accepting"):
                close = scenario.close if scenario else None
                said = paper_orders.take(connection, [(order, treatment)], self.clock.now(), close)
                answers = _answers(connection, [(order, treatment)], said)[0]
        if lost:
            raise VenueUnreachable(f"the connection to {PAPER} was lost while {order.client_order_id} was sent")
        return answers

    def submit_many(self, orders: Sequence[VenueOrder]) -> Sequence[Sequence[VenueAnswer]]:
        """As `submit`, of many in one transaction; one whose connection is to be lost is left to a call of its own."""
        with self.engine.begin() as connection:
            scenario = _scenario(connection)
            treated = [(order, scenario.treatment(order) if scenario else KIND) for order in orders]
            kept = list(takewhile(lambda each: each[1].lose_connection is None, treated))
            if kept:
                close = scenario.close if scenario else None
                return _answers(connection, kept, paper_orders.take(connection, kept, self.clock.now(), close))
        return [self.submit(orders[0])]

    def look(self, order: VenueOrder) -> Sequence[VenueAnswer]:
        """What became of an order, an account's or a block's."""
        with self.engine.begin() as connection:
            if is_child(order.client_order_id):
                paper_blocks.advance(connection, order, self.clock.now())
                return _of_block(connection, order, _fate(connection, order))
            paper_orders.advance(connection, order.account_id, self.clock.now())
            scenario = _scenario(connection)
            return _answers(connection, [(order, scenario.treatment(order) if scenario else KIND)])[0]

    def cancel(self, order: VenueOrder) -> Sequence[VenueAnswer]:
        """Cancels what is open of an order; an unseen one is written down as cancelled."""
        with self.engine.begin() as connection:
            if is_child(order.client_order_id):
                paper_blocks.cancel(connection, order, self.clock.now())
                return _of_block(connection, order, KIND_TO_BLOCKS)
            paper_orders.advance(connection, order.account_id, self.clock.now())
            paper_orders.cancel(connection, order)
            return _answers(connection, [(order, KIND)])[0]

    def submit_block(self, order: VenueOrder, accounts: Mapping[str, Decimal]) -> Sequence[VenueAnswer]:
        """Takes a block's child as the scenario has it. Whose it is, is not looked at before the allocation."""
        with self.engine.begin() as connection:
            fate = _fate(connection, order)
            lost = fate.lose_connection is not None and _lose(connection, order, fate)
            if not (lost and fate.lose_connection == "before_accepting"):
                paper_blocks.take(connection, order, fate, self.clock.now())
            answers = _of_block(connection, order, fate)
        if lost:
            raise VenueUnreachable(f"the connection to {PAPER} was lost while {order.client_order_id} was sent")
        return answers

    def reduce(self, order: VenueOrder, to: Decimal, asked: int = 1) -> Sequence[VenueAnswer]:
        """Makes a block's child smaller, as far as the scenario lets it."""
        with self.engine.begin() as connection:
            paper_blocks.reduce(connection, order, to, asked, self.clock.now())
            return _of_block(connection, order, KIND_TO_BLOCKS)

    def reduced(self, order: VenueOrder, to: Decimal, asked: int = 1) -> Decimal | None:
        """What a child came to."""
        with self.engine.begin() as connection:
            return paper_blocks.reduced(connection, order, asked)

    def allocate(self, told: Instruction) -> Mapping[str, str | None]:
        """Moves what was allocated into the accounts, or refuses it, account by account."""
        with self.engine.begin() as connection:
            of = VenueOrder("", told.block, told.side, told.symbol, Decimal(0), Decimal(0))
            return paper_blocks.allocate(connection, told, _fate(connection, of).refuse)

    def ledger(self, account_id: str) -> Ledger:
        """The custodian's own figures."""
        with self.engine.begin() as connection:
            rows = connection.execute(LEDGER, {"of": account_id}).all()
        if not rows:
            raise UnknownAtCustodian(f"the paper custodian has no account {account_id}")
        return Ledger(rows[0].cash, {row.symbol: row.quantity for row in rows if row.symbol is not None})


def _scenario(connection: Connection) -> Scenario | None:
    """The scenario in force, or None: then the venue is kind."""
    told = connection.execute(TOLD).scalar_one_or_none()
    return None if told is None else Scenario.model_validate(told)


def _fate(connection: Connection, order: VenueOrder) -> BlockTreatment:
    """What the scenario in force has of a block."""
    scenario = _scenario(connection)
    return scenario.block_treatment(order) if scenario else KIND_TO_BLOCKS


def _of_block(connection: Connection, order: VenueOrder, fate: BlockTreatment) -> Sequence[VenueAnswer]:
    found = paper_blocks.known(connection, order.client_order_id)
    if found is None:
        return ()
    return (found, found) if fate.twice else (found,)


def _lose(connection: Connection, order: VenueOrder, treatment: Treatment | BlockTreatment) -> bool:
    """Counts a connection lost; False once it was lost as often as the scenario wants."""
    times: int | None = connection.execute(
        insert(paper_lost)
        .values(client_order_id=order.client_order_id, times=1)
        .on_conflict_do_update(
            index_elements=["client_order_id"],
            set_={"times": paper_lost.c.times + 1},
            where=paper_lost.c.times < treatment.times,
        )
        .returning(paper_lost.c.times)
    ).scalar_one_or_none()
    return times is not None


def _answers(
    connection: Connection,
    treated: Sequence[tuple[VenueOrder, Treatment]],
    said: Mapping[str, VenueAnswer] = MappingProxyType({}),
) -> Sequence[Sequence[VenueAnswer]]:
    """How orders stand now, as was said or can be read, and, with `twice`, the same once more."""
    names = [order.client_order_id for order, _ in treated]
    unsaid = [name for name in names if name not in said]
    standing = {**said, **(paper_orders.standing(connection, unsaid) if unsaid else {})}
    found = [(standing.get(order.client_order_id), treatment) for order, treatment in treated]
    return [() if each is None else (each, each) if treatment.twice else (each,) for each, treatment in found]
