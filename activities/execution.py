"""Execution: an approved plan becomes orders, each sent at most once, sells before buys.

No step waits for a fill: `submit_trades` sends what may be sent, `collect_fills` asks what became of it, and the
workflow sleeps in between.
"""

import contextlib
from collections import Counter
from typing import Any

from temporalio import activity

import policy
from activities.answers import all_said
from activities.context import Desk, actor, step
from activities.messages import (
    BeginExecution,
    CollectFills,
    DecisionVerified,
    ExecutionBegun,
    OrdersSubmitted,
    Step,
    SubmitTrades,
    VerifyDecision,
)
from activities.orders import CLOSED, OutOfSession, Over, Sender
from activities.turns import AccountBusy, by_turns, take_turn
from domain.approvals import DECIDE_1, is_shown, same_person
from domain.days import DAY_6
from domain.executing import execution
from domain.executing.execution import EXEC_3
from domain.tax.wash_sales import washed_since
from domain.values.policy import Policy
from domain.values.snapshot_json import kept, restored
from identity.claims import About, Claims
from identity.envelope import NotProven
from storage.connection import Transaction
from storage.faults import first_line
from storage.people.proof import ShownPlan
from storage.proving import (
    OF_THE_WORKFLOW,
    Said,
    about_of,
    as_actor,
    names_it,
    proven,
    proven_by_request,
    refused,
)
from storage.work.halts import Halted
from storage.work.orders import OPEN, UNACKNOWLEDGED
from storage.work.rebalances import SIGNAL
from venues.port import VenueBusy

# What of a snapshot may differ between plan and approval without the plan being made again: prices move all day, the
# toggle never stops a person, and what the household traded counts where it washes a buy of the plan.
NOT_THE_ACCOUNT = ("as_of", "trade_date", "securities", "fresh_from", "household_sales", "household_buys")


def changed_since(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What of the account, its target and its models is different from the snapshot that was planned (EXEC-3)."""
    parts = [name for name in before.keys() | now.keys() if name not in NOT_THE_ACCOUNT]
    changed = [name for name in sorted(parts) if name != "account" and before.get(name) != now.get(name)]
    if before.get("trade_date", before["as_of"]) != now.get("trade_date", now["as_of"]):  # unsaid, it is the book's day
        changed.append("trade_date")
    old, new = before["account"], now["account"]
    fields = sorted(old.keys() | new.keys())
    return changed + [name for name in fields if name != "rebalancing" and old.get(name) != new.get(name)]


def _canceller(books: Transaction, row: Any, said: Said) -> Claims | NotProven | None:
    request = books.requests.get(row.request_id) if row.request_id else None
    if request is not None and said.signed is not None and about_of(said.signed) == request.workflow_id:
        return proven_by_request(books, "cancel", request, None, said)
    if request is not None and said.signed is None:
        told = books.requests.account(request.id, row.account_id)
        if (
            told is not None
            and (told.decision, told.decided_by) == ("cancel", OF_THE_WORKFLOW)
            and said.by == told.decided_by
        ):
            return None  # the request's workflow was cancelled: nobody says so, and it can only stop
    return proven(books, "cancel", About(row.workflow_id, row.id, row.round), said)


def _not_proven(books: Transaction, row: Any, said: Said, proof: NotProven, act: str = "approve") -> ExecutionBegun:
    """Nothing is begun; the record has the attempt, and what it claimed."""
    books.audit.record(
        "approval not proven" if act == "approve" else "cancellation not proven",
        account_id=row.account_id,
        rebalance_id=row.id,
        rule=DECIDE_1.code,
        after=refused(act, said, proof) | {"round": row.round, "plan": row.plan_digest},
    )
    return ExecutionBegun(changed=[], refused=proof.reason)


class ExecutionSteps:
    """`begin_execution`, `submit_trades` and `collect_fills`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @step("begin_execution")
    def begin_execution(self, message: BeginExecution) -> ExecutionBegun:
        """Notes the approval and writes every order down, unless the account is not what was planned (EXEC-3).

        What may be handed over to the venue's desk then is, in the same transaction (BLOCK-4).
        """
        begun, _ = self._begun(message, sends=False)
        return begun

    def _begun(self, message: BeginExecution, sends: bool) -> tuple[ExecutionBegun, Sender | None]:
        """What came of an approval, and who sends its orders where it begins; the desk is awake, if it has to be.

        `sends`: as soon as that is committed, the orders are sent.
        """
        begun, sender = by_turns(self.desk, lambda _: self._begin(message, sends))
        if sender is not None:
            sender.knock()
        return begun, sender

    def _begin(self, message: BeginExecution, sends: bool) -> tuple[ExecutionBegun, Sender | None]:
        with self.desk.books.transaction(actor()) as books:
            begun, row, names = self._noted(books, message)
            if not begun.begins:
                return begun, None
            sender = Sender(self.desk, books, row, message.approved_at, names, fresh=names is not None)
            begun = begun.model_copy(update={"opens_at": sender.terms.opens_at(self.desk.now())})
            if sender.terms.blocks is not None:
                books.audit.actor = actor()
                if sender.hand_over_at_once(books):
                    begun = begun.model_copy(update={"stands": self._stands(books, message.rebalance_id, sender)})
            elif sends and names is not None:
                sender.begin(books)
            return begun, sender

    def _noted(self, books: Transaction, message: BeginExecution) -> tuple[ExecutionBegun, Any, dict[int, str] | None]:
        """The approval and the orders are, or why they are not; the rebalance as it was before; and the client order
        IDs of the orders by leg, where they were written down now.
        """
        books.accounts.locked(message.account_id)
        row = books.rebalances.get(message.rebalance_id, lock=True)
        if row.stage in {"EXECUTING", "RECONCILING", "ENDED"}:
            return ExecutionBegun(changed=[]), row, None
        if row.round != message.round:
            return ExecutionBegun(changed=[f"round {row.round} was planned meanwhile"]), row, None
        said = Said(message.approved_by, message.signed, message.approved_at)
        proof = self._approver(books, row, said)
        as_actor(books, proof)
        if isinstance(proof, NotProven):
            return _not_proven(books, row, said, proof), row, None
        if proof is None:
            books.audit.actor = actor(message.approved_by)
        else:
            message = message.model_copy(update={"approved_by": proof.name})
        books.epochs.ensure_compared()
        take_turn(books, message.account_id)
        books.accounts.lock_household(message.account_id)  # what its others are about to trade is seen here
        if row.expires_at is not None and self.desk.now() >= row.expires_at:
            return self._too_late(books, row, message), row, None
        changed = self._changed(books, row)
        digest = books.rebalances.digest(message.rebalance_id)
        if message.plan is not None and not is_shown(message.plan, digest):
            changed = [*changed, "the plan that is kept, which is not the one that was shown"]
        if changed:
            books.audit.record(
                "approval void: the account changed",
                account_id=message.account_id,
                rebalance_id=message.rebalance_id,
                rule=EXEC_3.code,
                after={"changed": changed, "approved_by": message.approved_by},
            )
            return ExecutionBegun(changed=changed), row, None
        books.rebalances.approve(message.rebalance_id, message.approved_by, message.approved_at)
        names = books.orders.create(books.epochs.current(), message.rebalance_id, execution.read(row.plan).legs)
        books.audit.record(
            "approved",
            account_id=message.account_id,
            rebalance_id=message.rebalance_id,
            rule=EXEC_3.code,
            after={
                "approved_by": message.approved_by,
                "orders": len(row.plan["orders"]),
                "round": row.round,
                "plan": digest,
                **({"unseen": True} if message.unseen else {}),
            },
        )
        return ExecutionBegun(changed=[]), row, names

    def _changed(self, books: Transaction, row: Any) -> list[str]:
        """What is different from what was planned (EXEC-3): nothing, where nothing of it was written since."""
        if row.seen is not None and row.seen == books.snapshots.seen(row.account_id, self.desk.trade_date()):
            return []
        now, policy = books.snapshots.take(row.account_id, None, self.desk.today(), self.desk.trade_date())
        changed = changed_since(row.snapshot, kept(now))
        return changed or washed_since(row.plan, restored(row.snapshot), now, policy)

    def _approver(self, books: Transaction, row: Any, said: Said) -> Claims | NotProven | None:
        """Who approved, proven; None where nobody had to, or a typed name is enough; else why it is not."""
        if said.signed is None and (row.kind == SIGNAL or (row.approval == "automatic" and not row.liquidation)):
            return None
        proof = self._signed_approval(books, row, said)
        if not isinstance(proof, Claims) or not restored(row.snapshot).numbers(Policy.from_json(row.policy)).four_eyes:
            return proof
        asked = row.requested_subject
        if asked == proof.sub or (asked is None and same_person(row.requested_by, proof.name)):
            return NotProven(f"{proof.name} asked for this rebalance and may not approve it too (four eyes)", proof)
        return proof

    def _signed_approval(self, books: Transaction, row: Any, said: Said) -> Claims | NotProven | None:
        plan = ShownPlan(row.id, row.round, str(row.plan_digest))
        request = books.requests.get(row.request_id) if row.request_id and said.signed else None
        if request is not None and said.signed is not None and about_of(said.signed) == request.workflow_id:
            return proven_by_request(books, "approve", request, plan, said)
        evidence = policy.choice(policy.APPROVAL_EVIDENCE, self.desk.today())
        proof = proven(books, "approve", About(row.workflow_id, row.id, row.round), said, evidence)
        if isinstance(proof, Claims) and not names_it(proof, plan.plan):
            return NotProven(f"it is signed for another plan: {proof.about.plan}, not {plan.plan}", proof)
        return proof

    @step("verify_decision")
    def verify_decision(self, message: VerifyDecision) -> DecisionVerified:
        """Whether who cancels is proven to; one who is not is recorded, and not under the name that they claim."""
        with self.desk.books.transaction(actor()) as books:
            row = books.rebalances.get(message.rebalance_id)
            said = Said(message.by, message.signed, message.at)
            proof = _canceller(books, row, said)
            as_actor(books, proof)
            if not isinstance(proof, NotProven):
                return DecisionVerified(refused=None)
            return DecisionVerified(refused=_not_proven(books, row, said, proof, message.act).refused)

    def _too_late(self, books: Transaction, row: Any, message: BeginExecution) -> ExecutionBegun:
        """What could not begin before the close does not (DAY-6). A signal needs no approval: it is planned again."""
        books.audit.record(
            "approval void: the exchange has closed",
            account_id=message.account_id,
            rebalance_id=message.rebalance_id,
            rule=DAY_6.code,
            after={"expired_at": row.expires_at, "approved_by": message.approved_by},
        )
        if row.kind == SIGNAL:
            return ExecutionBegun(changed=["the exchange has closed since"])
        return ExecutionBegun(changed=[], expired=True)

    @step("submit_trades")
    def submit_trades(self, message: SubmitTrades) -> OrdersSubmitted | ExecutionBegun:
        """Sends the sells; once they have their last word, sizes the buys on what they brought (ORDER-4), sends those.

        Sends nothing twice: asked again, it goes on where it stopped. Asked with an approval, it begins the execution,
        in a transaction of its own, and sends only what that has written down. Where sending fails then, it says that
        it was begun: the workflow knows it at once, obeys whoever cancelled meanwhile, and asks again without one.
        """
        if message.approval is None:
            return self._send(message, self._under_way(message))
        try:
            begun, sender = self._begun(message.approval, sends=True)
        except AccountBusy:
            return ExecutionBegun(changed=[], busy=True)
        if not begun.begins or (begun.stands is not None and not begun.stands.sendable):
            return begun
        try:
            stands = self._send(message, sender)
        except Exception as flaw:  # whatever it is: the next step tries again, until all is said
            activity.logger.warning(
                "%s: begun, and not sent: %s", message.rebalance_id, first_line(flaw), exc_info=True
            )
            return begun
        return begun.model_copy(update={"stands": stands, "sent": True})

    def _send(self, message: Step, sender: Sender | None) -> OrdersSubmitted:
        """Sends what may be sent now; how the orders stand."""
        if sender is not None:
            try:
                if sender.too_late:
                    sender.stop(CLOSED, *UNACKNOWLEDGED)
                else:
                    sender.send_sells()
                    sender.send_buys()
            except (VenueBusy, Halted, OutOfSession) as wait:
                activity.logger.info("%s: %s", message.rebalance_id, wait)
            except Over:
                pass
        return self._standing(message, sender)

    @step("collect_fills")
    def collect_fills(self, message: CollectFills) -> OrdersSubmitted:
        """Asks the venue what became of the orders that work there; with `stop`, cancels what is open first."""
        sender = self._under_way(message)
        if sender is not None:
            with contextlib.suppress(Over):
                if message.stop is not None and message.timed_out:
                    sender.give_up(message.stop)
                elif message.stop is not None:
                    sender.give_back(message.stop)
                else:
                    sender.look()
        return self._standing(message, sender)

    def _under_way(self, message: Step) -> Sender | None:
        """Who sends the orders of the rebalance; nobody where none is open, as when the desk has told of the last ones,
        or it has ended: a reset workflow comes by again.
        """
        with self.desk.books.transaction(actor()) as books:
            orders = books.orders.standing(message.rebalance_id)
            if not any(order.status in OPEN for order in orders):
                return None
            row = books.rebalances.get(message.rebalance_id)
            names = {order.leg: order.client_order_id for order in orders}
            return Sender(self.desk, books, row, names=names) if row.stage == "EXECUTING" else None

    def _standing(self, message: Step, sender: Sender | None) -> OrdersSubmitted:
        """How the orders stand; where all have their last word, the rebalance moves on (EXEC-2)."""
        with sender.telling() if sender else self.desk.books.transaction(actor()) as books:
            if sender is None:
                books.rebalances.stage(message.rebalance_id)
            stands = self._stands(books, message.rebalance_id, sender)
            if not stands.open:
                all_said(books, message.rebalance_id, message.account_id, stands.statuses, stands.resized)
            return stands

    def _stands(self, books: Transaction, rebalance_id: str, sender: Sender | None) -> OrdersSubmitted:
        resized = sender.resized if sender else []
        orders = books.orders.standing(rebalance_id)
        statuses = dict(Counter(order.status for order in orders))
        if not any(order.status in OPEN for order in orders):
            return OrdersSubmitted(statuses=statuses, resized=resized)
        at_desk = {leg for leg, at in books.desk.of(rebalance_id).items() if at.ended_at is None}
        sent, working_since = books.orders.first_sent(rebalance_id, at_desk)
        sender = sender or Sender(self.desk, books, books.rebalances.get(rebalance_id))
        selling = any(order.side == "sell" and order.status in OPEN for order in orders)
        own = [order for order in orders if order.leg not in at_desk]
        sendable = [order for order in own if order.status in UNACKNOWLEDGED and (order.side == "sell" or not selling)]
        return OrdersSubmitted(
            statuses=statuses,
            resized=resized,
            working=sum(order.status == "WORKING" for order in own),
            sendable=len(sendable),
            at_desk=len(at_desk),
            give_up_at=sender.terms.give_up_at(sender.begun, sent, working_since),
            opens_at=sender.terms.opens_at(self.desk.now()) if sendable else None,
        )
