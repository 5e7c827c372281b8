"""Model signals: which versions came, by how much they change a model, and whose sleeves they trade."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Integer, Row, cast, func, select, update
from sqlalchemy.dialects.postgresql import insert

from domain.executing.blocks import ROT_1, in_turn
from domain.planning.signals import SIGNAL_1, SIGNAL_2, largest_change
from domain.values.money import ZERO
from domain.values.snapshot import Model, ModelHolding
from storage import account_locks
from storage.market.reading import read_models
from storage.record import documents
from storage.record.audit import Audit
from storage.schema.deliveries import model_signals
from storage.schema.desk import desk_legs
from storage.schema.execution import orders, rebalances
from storage.schema.tables import accounts, model_holdings, models, sleeves
from storage.values import among, by_key, exact
from storage.work.rebalances import SIGNAL


class UnknownSignal(LookupError):
    """No model has that id, or it never had that version."""


class ModelSignals:
    """The signals as one transaction sees and changes them."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def row(self, model_id: str, version: int) -> Row[Any] | None:
        """The signal of a version, where it was one."""
        return self.connection.execute(
            select(model_signals).where(model_signals.c.model_id == model_id, model_signals.c.version == version)
        ).one_or_none()

    def receive(self, model_id: str, before: int, version: int) -> None:
        """Notes a version that came as a signal."""
        self.connection.execute(
            insert(model_signals).values(model_id=model_id, version=version, received_by=self.audit.actor.who)
        )
        self.audit.record(
            "model signal received",
            rule=SIGNAL_1.code,
            before={"model": model_id, "version": before},
            after={"model": model_id, "version": version},
        )

    def holders(self, model_id: str) -> int:
        """How many accounts have an open sleeve of the model."""
        held = (sleeves.c.model_id == model_id) & (sleeves.c.status == "open")
        return self.connection.scalar(select(func.count()).where(held)) or 0

    def current(self, model_id: str) -> int | None:
        """The model's newest version; None where nobody knows it."""
        return self.connection.scalar(select(models.c.version).where(models.c.id == model_id))

    def begin(self, model_id: str, version: int) -> Row[Any]:
        """Notes that a version is traded now, and by how much it changes any weight (SIGNAL-2); once.

        A version that came with a book was sent by nobody, and trades nothing. Raises UnknownSignal.
        """
        newest = self.current(model_id)
        if newest is None:
            raise UnknownSignal(f'unknown model "{model_id}": load a book that has it')
        versions = self._versions(model_id)
        if version not in versions:
            raise UnknownSignal(
                f'model "{model_id}" has no version {version}: its newest is {newest}. A new one comes by '
                "`rebalancer model signal FILE`"
            )
        known = self.row(model_id, version)
        if known is None:
            raise UnknownSignal(
                f'version {version} of model "{model_id}" came by a book, not as a signal: nothing is traded by it. A '
                "manager's signal comes by `rebalancer model signal FILE`"
            )
        if known.begun_at is None:
            change = self._largest_change(model_id, version, versions)
            self._set(model_id, version, begun_at=func.now(), largest_change=change)
            self.audit.record(
                "model signal begun",
                rule=SIGNAL_2.code,
                after={"model": model_id, "version": version, "largest_change": str(change)},
            )
        begun = self.row(model_id, version)
        assert begun is not None
        return begun

    def end(self, model_id: str, version: int, result: Mapping[str, object], superseded: bool) -> None:
        """Notes what came of a signal. One that a newer version took the place of has not ended: see `_bases`."""
        ended = {} if superseded else {"ended_at": func.now()}
        self._set(model_id, version, result=dict(result), **ended)
        self.audit.record("model signal ended", rule=SIGNAL_1.code, after=dict(result))

    def in_turn(self, model_id: str, version: int) -> tuple[str, ...]:
        """The custodians of the accounts with an open sleeve of the model, in the version's turn; recorded (ROT-1)."""
        held = sleeves.c
        found = select(accounts.c.custodian).join(sleeves, held.account_id == accounts.c.id)
        open_ones = found.where(held.model_id == model_id, held.status == "open").distinct()
        custodians = in_turn(self.connection.scalars(open_ones), version)
        told = {"model": model_id, "version": version, "custodians": list(custodians)}
        self.audit.record("custodians in turn", rule=ROT_1.code, after=told)
        return custodians

    def page(self, model_id: str, after: str, limit: int, custodians: Sequence[str] = ()) -> Sequence[str]:
        """The next accounts behind `after` with an open sleeve of the model, by id, locked: those of one custodian,
        which take their turns, and last of any that had none when the signal began (ROT-1). All, where none is given.
        """
        account_locks.by_rising_ids(self.connection)
        held, order, at = sleeves.c, by_key(sleeves.c.account_id), accounts.c.custodian
        turns = [*(at == each for each in custodians), at.not_in(custodians)]
        if after and custodians:
            now = self.connection.scalar(select(at).where(accounts.c.id == after))
            turns = turns[custodians.index(now) if now in custodians else len(custodians) :]
        for turn in turns:
            found = self.connection.scalars(
                select(held.account_id)
                .join(accounts, accounts.c.id == held.account_id)
                .where(held.model_id == model_id, held.status == "open", order > after, turn)
                .order_by(order)
                .limit(limit)
                .with_for_update(of=accounts, key_share=True)
            ).all()
            if found:
                return found
            after = ""
        return []

    def rebalances_of(self, request_id: str, account_ids: Sequence[str]) -> Sequence[Any]:
        """What the signal's rebalances of some accounts came to so far."""
        columns = (rebalances.c.account_id, rebalances.c.start_key, rebalances.c.status, rebalances.c.approved_at)
        return self.connection.execute(
            select(*columns).where(rebalances.c.request_id == request_id, among(rebalances.c.account_id, account_ids))
        ).all()

    def under_way(self, account_ids: Sequence[str]) -> Sequence[Any]:
        """The rebalances of some accounts that have not ended, signals' aside where they do not trade."""
        columns = (rebalances.c.account_id, rebalances.c.workflow_id, rebalances.c.stage, rebalances.c.kind)
        return self.connection.execute(
            select(*columns).where(among(rebalances.c.account_id, account_ids), rebalances.c.stage != "ENDED")
        ).all()

    def resting(self, account_ids: Sequence[str]) -> list[str]:
        """Those of the accounts on which a rebalance executes that merely waits for an order at the venue."""
        at_venue = select(orders.c.leg).where(orders.c.rebalance_id == rebalances.c.id, orders.c.status == "WORKING")
        at_desk = select(desk_legs.c.leg).where(
            desk_legs.c.rebalance_id == rebalances.c.id, desk_legs.c.ended_at.is_(None)
        )
        found = select(rebalances.c.account_id).where(
            among(rebalances.c.account_id, account_ids),
            rebalances.c.stage == "EXECUTING",
            at_venue.exists() | at_desk.exists(),
        )
        return list(self.connection.scalars(found.order_by(by_key(rebalances.c.account_id))))

    def old_plans(self, model_id: str, version: int, after: str, limit: int) -> Sequence[Any]:
        """Rebalances behind `after` that wait for an approval of a plan made with an older version of the model."""
        snapshot = documents.content(rebalances, "snapshot")
        planned = cast(func.json_extract_path_text(snapshot, "models", model_id, "version"), Integer)
        return self.connection.execute(
            select(rebalances.c.id, rebalances.c.workflow_id)
            .where(
                rebalances.c.stage == "PENDING_APPROVAL",
                rebalances.c.kind != SIGNAL,
                rebalances.c.id > after,
                planned < version,
            )
            .order_by(rebalances.c.id)
            .limit(limit)
        ).all()

    def _largest_change(self, model_id: str, version: int, versions: Mapping[int, Model]) -> Decimal:
        bases = [versions[each] for each in self._bases(model_id, version, versions)]
        return max((largest_change(base, versions[version]) for base in bases), default=ZERO)

    def _bases(self, model_id: str, version: int, versions: Mapping[int, Model]) -> list[int]:
        """The versions that sleeves may have been brought to: the last one that all were, and every one since.

        A book's version counts as one that all were brought to; a signal's only once it has ended.
        """
        lower = sorted(each for each in versions if each < version)
        unended = set(
            self.connection.scalars(
                select(model_signals.c.version).where(
                    model_signals.c.model_id == model_id, model_signals.c.ended_at.is_(None)
                )
            )
        )
        settled = [each for each in lower if each not in unended]
        return [each for each in lower if not settled or each >= settled[-1]]

    def _versions(self, model_id: str) -> dict[int, Model]:
        """Every version of a model; name, manager and minimum are the present ones."""
        present = read_models(self.connection, [model_id])[model_id]
        lines: dict[int, list[tuple[str | None, Decimal]]] = {present.version: []}
        for version, symbol, weight in self.connection.execute(
            select(model_holdings.c.version, model_holdings.c.symbol, exact(model_holdings.c.weight))
            .where(model_holdings.c.model_id == model_id)
            .order_by(model_holdings.c.version, model_holdings.c.position)
        ):
            lines.setdefault(version, []).append((symbol, weight))
        return {
            version: Model(
                model_id, present.name, present.manager, present.investment_minimum, version,
                tuple(ModelHolding(symbol, weight) for symbol, weight in held if symbol is not None),
                sum((weight for symbol, weight in held if symbol is None), ZERO),
            )
            for version, held in lines.items()
        }  # fmt: skip

    def _set(self, model_id: str, version: int, **values: Any) -> None:
        self.connection.execute(
            update(model_signals)
            .where(model_signals.c.model_id == model_id, model_signals.c.version == version)
            .values(**values)
        )
