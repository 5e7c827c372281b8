"""Rebalances: one row an execution, with the snapshot it saw, the plan it made and the result it had."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Row,
    Text,
    TextClause,
    and_,
    bindparam,
    cast,
    desc,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from domain.values import purpose as purposes
from domain.values.outcome import Status
from domain.values.purpose import FULL, Purpose
from domain.values.rules import RULES_VERSION
from storage.record import documents
from storage.record.audit import Audit
from storage.schema.audit import rebalance_rounds
from storage.schema.execution import rebalance_numbers, rebalances
from storage.values import among, by_key, moment_of

Json = dict[str, Any]
NOTHING: Mapping[str, Any] = MappingProxyType({})
DECISION_KEPT = "decision kept"  # the audit record of a round: SHA-256 of its snapshot, policy and plan
DOCUMENT_MENDED = "document mended"  # what was kept under its hash was another text
KEEP_ROUND = text(  # the documents by their hashes
    "SELECT kept.round, kept.rules_version, kept.snapshot, kept.policy, kept.plan, of.account_id"
    " FROM keep_round(:of, :rules) AS kept, rebalances AS of WHERE of.id = :of"
)
ROUND_DOCUMENTS = ("snapshot", "policy", "plan")
DOCUMENTS = (*ROUND_DOCUMENTS, "execution")
_with_documents = [
    documents.content(rebalances, column.name) if column.name in DOCUMENTS else column for column in rebalances.c
]
LIGHT = [column for column in rebalances.c if column.name not in {*DOCUMENTS, "result"}]
UNDER_WAY = rebalances.c.stage != "ENDED"
TRADING = ("EXECUTING", "RECONCILING")  # its orders are written down, and its fills not yet in the books
SIGNAL = "signal"  # the kind of rebalance that a new model version makes


def digested(kept: ColumnElement[Any]) -> ColumnElement[str]:
    """The SHA-256 of JSON as it is kept, in hexadecimal digits."""
    return func.encode(func.sha256(func.convert_to(cast(kept, Text), "UTF8")), "hex")


# What every rebalance asks is made once: to build a statement costs more than to run it.
IT = rebalances.c.id == bindparam("of")
GET = select(*_with_documents).where(IT)
LOCKED = GET.with_for_update(of=rebalances)
STAGE = select(rebalances.c.stage).where(IT).with_for_update()
SENDING = select(rebalances.c.stage, rebalances.c.execution_digest).where(IT).with_for_update()
CONCLUDING = text(
    "SELECT r.stage, a.custodian,"
    " EXISTS (SELECT FROM orders AS o WHERE o.rebalance_id = r.id AND o.status IN ('NEW', 'SENT', 'WORKING')) AS open,"
    " EXISTS (SELECT FROM desk_legs AS d WHERE d.rebalance_id = r.id) AS in_blocks"
    " FROM rebalances AS r JOIN accounts AS a ON a.id = r.account_id WHERE r.id = :of"
)
BY_START = select(rebalances.c.id).where(rebalances.c.start_key == bindparam("start_key")).with_for_update()
ON_ACCOUNT = rebalances.c.account_id == bindparam("account_id")
OTHERS = (
    select(
        *(rebalances.c[name] for name in ("id", "kind", "stage", "request_id", "requested_by", "start_key")),
        rebalances.c.workflow_id,
        rebalances.c.workflow_started_at,
    )
    .where(ON_ACCOUNT, UNDER_WAY)
    .order_by(rebalances.c.id)
    .with_for_update()
)
PLAN_DIGEST = select(digested(documents.content(rebalances, "plan"))).where(IT)
EXECUTING = select(rebalances.c.id, rebalances.c.start_key).where(ON_ACCOUNT, rebalances.c.stage.in_(TRADING))
NUMBER = select(func.nextval(rebalance_numbers.name).label("number")).cte("next")
DIGITS = cast(NUMBER.c.number, Text)
CREATE = (
    insert(rebalances)
    .values(
        id=select("R-" + func.lpad(DIGITS, func.greatest(6, func.length(DIGITS)), "0")).scalar_subquery(),
        workflow_started_at=func.coalesce(bindparam("by_its_clock", type_=DateTime(timezone=True)), func.now()),
        stage="CHECKING",
    )
    .returning(rebalances.c.id)
)
SET = update(rebalances).where(IT)
# A new round forgets the plan before, and what a release before 0027 kept in the row itself.
KEEP_SNAPSHOT = documents.statement_keeping(
    "UPDATE rebalances SET round = :round, seen = :seen, stage = 'CHECKING',"
    " snapshot_digest = (SELECT digest FROM kept WHERE at = 1),"
    " policy_digest = (SELECT digest FROM kept WHERE at = 2), plan_digest = NULL,"
    " execution_digest = NULL, snapshot = NULL, policy = NULL, plan = NULL, execution = NULL, liquidation = false,"
    " rules_version = NULL, expires_at = NULL, approved_by = NULL, approved_at = NULL WHERE id = :of"
)
KEEP_PLAN = documents.statement_keeping(
    "UPDATE rebalances SET plan_digest = (SELECT digest FROM kept WHERE at = 1), plan = NULL, stage = :stage,"
    " expires_at = :expires_at, liquidation = :liquidation, rules_version = :rules_version WHERE id = :of"
)
KEEP_EXECUTION = documents.statement_keeping(
    "UPDATE rebalances SET execution_digest = (SELECT digest FROM kept WHERE at = 1), execution = NULL WHERE id = :of"
)
SUBMITTED = SET.where(rebalances.c.stage == "EXECUTING").values(stage="RECONCILING")
END = SET.values(ended_at=func.now())


class UnknownRebalance(LookupError):
    """There is no rebalance, and no request, of that id."""


@dataclass(frozen=True, slots=True)
class NewRebalance:
    """What a rebalance starts with. `start_key` names the start of a workflow: a reset run finds its own row by it."""

    account_id: str
    start_key: str
    workflow_id: str
    request_id: str | None
    purpose: Purpose
    mode: str
    approval: str
    requested_by: str
    overrides: tuple[str, ...]
    workflow_started_at: datetime | None = None  # by the server's clock; None: now
    requested_subject: str | None = None  # where the request was signed for


class Rebalances:
    """The rebalances of one transaction."""

    def __init__(self, connection: Connection, audit: Audit) -> None:
        self.connection = connection
        self.audit = audit

    def create(self, new: NewRebalance) -> str:
        """A new rebalance under way; its id is `R-` and a number that no other has."""
        made = str(
            self.connection.execute(
                CREATE,
                {
                    "account_id": new.account_id,
                    "start_key": new.start_key,
                    "workflow_id": new.workflow_id,
                    "request_id": new.request_id,
                    "kind": new.purpose.kind,
                    "purpose": None if new.purpose == FULL else purposes.as_json(new.purpose),
                    "mode": new.mode,
                    "approval": new.approval,
                    "requested_by": new.requested_by,
                    "requested_subject": new.requested_subject,
                    "overrides": list(new.overrides),
                    "by_its_clock": new.workflow_started_at,
                },
            ).scalar_one()
        )
        self.audit.record(
            "rebalance started",
            account_id=new.account_id,
            rebalance_id=made,
            after={
                **purposes.as_json(new.purpose),
                "mode": new.mode,
                "requested_by": new.requested_by,
                "request_id": new.request_id,
            },
        )
        return made

    def by_start(self, start_key: str) -> Row[Any] | None:
        """The rebalance of a workflow's start, locked."""
        held = self.connection.scalar(BY_START, {"start_key": start_key})
        return None if held is None else self.get(held)

    def under_way(self, account_id: str) -> Sequence[Any]:
        """What has not ended on an account, locked: at most one, and model signals' beside it; without documents."""
        return self.connection.execute(OTHERS, {"account_id": account_id}).all()

    def left_behind(self, workflow_id: str) -> Row[Any] | None:
        """The model signal's rebalance that an earlier run of its workflow has not ended, locked, or None."""
        return self._one_locked(rebalances.c.workflow_id == workflow_id, UNDER_WAY, rebalances.c.kind == SIGNAL)

    def executing(self, account_id: str) -> Any:
        """The rebalance that trades on an account now, or None (EXEC-3: there is never a second)."""
        return self.connection.execute(EXECUTING, {"account_id": account_id}).one_or_none()

    def in_flight(self, account_id: str) -> Row[Any] | None:
        """The rebalance that has not ended on an account; of several the one that trades, else the newest."""
        return self.connection.execute(
            select(*_with_documents)
            .where(rebalances.c.account_id == account_id, UNDER_WAY)
            .order_by(desc(rebalances.c.stage.in_(TRADING)), desc(rebalances.c.started_at), desc(rebalances.c.id))
            .limit(1)
        ).one_or_none()

    def all_under_way(self) -> Sequence[Any]:
        """Every rebalance that has not ended, oldest first, without their snapshots and plans."""
        of = rebalances.c
        columns = (of.id, of.account_id, of.stage, of.workflow_id, of.start_key, of.started_at)
        return self.connection.execute(select(*columns).where(UNDER_WAY).order_by(of.started_at, of.id)).all()

    def get(self, rebalance_id: str, lock: bool = False) -> Row[Any]:
        """A rebalance. Raises UnknownRebalance.

        A statement that waits for a row reads the row as it then is, and everything else as it was before: documents
        that whoever held it has added are missed, and read by a second one.
        """
        found = self.connection.execute(LOCKED if lock else GET, {"of": rebalance_id}).one_or_none()
        if found is not None and lock and _misses_documents(found):
            found = self.connection.execute(GET, {"of": rebalance_id}).one_or_none()
        if found is None:
            raise UnknownRebalance(rebalance_id)
        return found

    def _one_locked(self, *where: ColumnElement[bool]) -> Row[Any] | None:
        """The one rebalance, locked."""
        held = self.connection.scalar(select(rebalances.c.id).where(*where).with_for_update())
        return None if held is None else self.get(held)

    def stage(self, rebalance_id: str) -> str:
        """Where a rebalance stands, locked: without its snapshot and plan, for whoever asks before every order.

        Raises UnknownRebalance.
        """
        found = self.connection.scalar(STAGE, {"of": rebalance_id})
        if found is None:
            raise UnknownRebalance(rebalance_id)
        return str(found)

    def sending(self, rebalance_id: str) -> tuple[str, str | None]:
        """The same for whoever sends its orders, with the document that says how its buys were last sized."""
        found = self.connection.execute(SENDING, {"of": rebalance_id}).one_or_none()
        if found is None:
            raise UnknownRebalance(rebalance_id)
        return found.stage, found.execution_digest

    def concluding(self, rebalance_id: str) -> Row[Any]:
        """What has to be known before a rebalance is concluded: its stage, the custodian of its account, whether an
        order of it is `open`, and whether any went to the venue's desk (`in_blocks`). Raises UnknownRebalance.
        """
        found = self.connection.execute(CONCLUDING, {"of": rebalance_id}).one_or_none()
        if found is None:
            raise UnknownRebalance(rebalance_id)
        return found

    def keep_snapshot(
        self, rebalance_id: str, round_number: int, snapshot: Json, policy: Json, seen: str | None = None
    ) -> None:
        """Keeps what the rebalance decides from; a new round (EXEC-3) replaces it and forgets the old plan.

        `seen` are the versions of what the snapshot was taken from.
        """
        given = {"round": round_number, "seen": seen}
        self._kept(KEEP_SNAPSHOT, rebalance_id, [snapshot, policy], given)

    def keep_plan(self, rebalance_id: str, plan: Json, stage: str, expires_at: datetime | None) -> str:
        """Keeps the plan, and where it waits for an approval, until when; and the whole round, for ever.

        Its digest is the answer, which is what an approval names (DECIDE-1).
        """
        given = {
            "stage": stage,
            "expires_at": expires_at,
            "liquidation": bool(plan.get("liquidation")),
            "rules_version": RULES_VERSION,
        }
        (digest,) = self._kept(KEEP_PLAN, rebalance_id, [plan], given)
        self._keep_round(rebalance_id)
        return digest

    def digest(self, rebalance_id: str) -> str:
        """The SHA-256 of the plan, taken anew over its text as it is kept."""
        return str(self.connection.execute(PLAN_DIGEST, {"of": rebalance_id}).scalar_one())

    def _kept(
        self, keeping: TextClause, rebalance_id: str, contents: Sequence[Json], given: Mapping[str, Any] = NOTHING
    ) -> list[str]:
        """Keeps documents, and the rebalance with their names; their digests."""
        kept = documents.keep(self.connection, keeping, contents, {"of": rebalance_id, **given})
        for digest, mended in kept:
            if mended:
                self.audit.record(DOCUMENT_MENDED, rebalance_id=rebalance_id, after={"document": digest})
        return [digest for digest, _ in kept]

    def _keep_round(self, rebalance_id: str) -> None:
        """Keeps what a round decided from, and what it decided, where a new round and nobody else can replace it."""
        new = self.connection.execute(KEEP_ROUND, {"of": rebalance_id, "rules": RULES_VERSION}).one_or_none()
        if new is not None:
            of, after = new.account_id, {name: value for name, value in new._mapping.items() if name != "account_id"}
            self.audit.record(DECISION_KEPT, account_id=of, rebalance_id=rebalance_id, after=after)

    def rounds(self, rebalance_id: str, after: int = 0, size: int | None = None) -> Sequence[Row[Any]]:
        """What each round of a rebalance decided from, and what it decided; the newest last, behind a round."""
        kept = [documents.content(rebalance_rounds, name) for name in ROUND_DOCUMENTS]
        return self.connection.execute(
            select(*(each for each in rebalance_rounds.c if each.name not in ROUND_DOCUMENTS), *kept)
            .where(rebalance_rounds.c.rebalance_id == rebalance_id, rebalance_rounds.c.round > after)
            .order_by(rebalance_rounds.c.round)
            .limit(size)
        ).all()

    def approve(self, rebalance_id: str, by: str, at: datetime) -> None:
        """Notes who approved, and that execution starts."""
        self._set(rebalance_id, approved_by=by, approved_at=at, stage="EXECUTING")

    def keep_execution(self, rebalance_id: str, execution: Json) -> str:
        """Keeps what is executed of the plan once the buys are sized (ORDER-4): the books follow this, not the plan.

        Its digest is the answer.
        """
        (digest,) = self._kept(KEEP_EXECUTION, rebalance_id, [execution])
        return digest

    def submitted(self, rebalance_id: str) -> bool:
        """Every order has the venue's last word; False where that was known."""
        changed = self.connection.execute(SUBMITTED, {"of": rebalance_id})
        return bool(changed.rowcount)

    def end(self, rebalance_id: str, status: Status, issue: str | None, result: Json, planned: bool = False) -> None:
        """The end of a rebalance, in one of the five statuses. `planned`: its round has a plan, by the row's digest."""
        if not planned:  # a check refused it; a plan's round is kept already
            self._keep_round(rebalance_id)
        values = {"stage": "ENDED", "status": status, "issue": issue, "result": result}
        self.connection.execute(END, {"of": rebalance_id} | values)

    def _set(self, rebalance_id: str, **values: Any) -> None:
        self.connection.execute(SET, {"of": rebalance_id} | values)

    def listing(
        self,
        account_id: str | None = None,
        status: str | None = None,
        since: date | None = None,
        limit: int | None = 200,
        request_id: str | None = None,
        under_way: bool = False,
        before: tuple[str, str] | None = None,
        skip: int = 0,
    ) -> Sequence[Row[Any]]:
        """Rebalances, newest first, without their snapshots and plans; `status` may be a stage of those under way.

        `skip` are left out first, as pages by number have it. `before` is the place behind which they are: when one was
        started, in ISO 8601, and its id. Raises ValueError.
        """
        where: list[ColumnElement[bool]] = []
        if before is not None:
            place = tuple_(literal(moment_of(before[0])), literal(before[1]))
            where.append(tuple_(rebalances.c.started_at, rebalances.c.id) < place)
        if under_way:
            where.append(UNDER_WAY)
        if account_id:
            where.append(rebalances.c.account_id == account_id)
        if request_id:
            where.append(rebalances.c.request_id == request_id)
        if status:
            where.append(func.coalesce(rebalances.c.status, rebalances.c.stage) == status)
        if since:
            where.append(rebalances.c.started_at >= datetime.combine(since, time(), UTC))
        newest = (desc(rebalances.c.started_at), desc(rebalances.c.id))
        query = select(*LIGHT).where(and_(True, *where)).order_by(*newest)
        return self.connection.execute(query.offset(skip).limit(limit)).all()

    def waiting(self, account_ids: Collection[str], requested_by: str | None) -> Sequence[Row[Any]]:
        """Those that wait for an approval, by account: on some accounts, and that somebody asked for; else all."""
        where = [rebalances.c.stage == "PENDING_APPROVAL"]
        if account_ids:
            where.append(among(rebalances.c.account_id, account_ids))
        if requested_by:
            asked = func.lower(func.btrim(rebalances.c.requested_by))
            where.append(asked == func.lower(func.btrim(requested_by)))
        order = (by_key(rebalances.c.account_id), rebalances.c.id)
        return self.connection.execute(select(*LIGHT).where(*where).order_by(*order)).all()

    def failed(self, since: date) -> int:
        """How many that were started from that day in UTC have failed."""
        began = rebalances.c.started_at >= datetime.combine(since, time(), UTC)
        return self.connection.scalar(select(func.count()).where(rebalances.c.status == "FAILED", began)) or 0

    def plans(self, rebalance_ids: Collection[str]) -> Sequence[Any]:
        """The rebalances of these ids that have a plan, by account: with the plan, and what an approval of it names."""
        of = rebalances.c
        columns = (of.id, of.account_id, of.round, of.plan_digest, of.expires_at, of.requested_by, of.issue)
        plan = documents.content(rebalances, "plan")
        has_one = or_(of.plan_digest.is_not(None), of.plan.is_not(None))
        query = select(*columns, plan).where(among(of.id, rebalance_ids), has_one)
        return self.connection.execute(query.order_by(by_key(of.account_id), of.id)).all()

    def latest(self, account_id: str) -> Row[Any] | None:
        """The account's newest rebalance."""
        return self.connection.execute(
            select(*_with_documents)
            .where(rebalances.c.account_id == account_id)
            .order_by(desc(rebalances.c.started_at), desc(rebalances.c.id))
            .limit(1)
        ).one_or_none()


def _misses_documents(row: Row[Any]) -> bool:
    return any(row._mapping[f"{name}_digest"] is not None and row._mapping[name] is None for name in DOCUMENTS)
