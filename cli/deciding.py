"""One decision about one rebalance or request: sent, answered, and told as what happened (DECIDE-2)."""

import shlex
from dataclasses import dataclass, field
from typing import Any

from cli import connections
from cli.choosing import Item, Rebalance
from cli.decide import DONE, NOT_ANSWERED
from cli.updates import ANSWER, Reply, ask_again, running, send
from reading import words
from reading.refused import Refused


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: a line for standard output where something did, lines for standard error, the exit status."""

    about: dict[str, Any]
    code: int
    line: str = ""
    troubles: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As `--format json` has it."""
        return self.about


@dataclass(frozen=True, slots=True)
class Decision:
    """`update` is what is done to the item, `who` does it."""

    update: str
    item: Item
    who: str

    def send(self, said: dict[str, Any]) -> list[Outcome]:
        """Decides. Refused where there is nothing that could be decided about."""
        item, words = self.item, {"by": self.who} | said
        if item.workflow_id is not None and connections.run(running(item.workflow_id)):
            reply = connections.run(send(item.workflow_id, self.update, words))
            return [self._of_request(reply)]
        if not item.known:
            raise Refused(f"{item.id} is no rebalance and no request: see `rebalancer history` for the ids")
        open_ones = [each for each in item.rebalances if each.ended is None]
        if not open_ones:
            states = ", ".join(f"{each.rebalance_id} ended {each.ended}" for each in item.rebalances[:5])
            raise Refused(
                f"nothing of {item.id} is pending: {states or 'it has no rebalances'}. See `rebalancer show {item.id}`"
            )
        if item.is_request and self.update == "approve":  # its workflow is gone: each plan of the list by itself
            return [self._one(each, words | {"plan": each.plan}) for each in self._listed(words)]
        return [self._one(each, words) for each in open_ones]

    def ask_again(self, update_id: str) -> list[Outcome]:
        """What came of a decision that was sent before."""
        item = self.item
        workflow = item.workflow_id or item.rebalances[0].workflow_id
        reply = connections.run(ask_again(workflow, update_id))
        return [self._of_request(reply) if item.is_request else self._of(item.rebalances[0], reply)]

    def _listed(self, said: dict[str, Any]) -> list[Rebalance]:
        """The plans of the list that was shown. Refused where it is not what is pending (DECIDE-1)."""
        from cli.seeing import list_of
        from domain.approvals import is_shown

        about, current = [each for each in self.item.pending if not each.liquidation], list_of(self.item)
        if not about:
            raise Refused(f"nothing of {self.item.id} but liquidations is pending: approve each by its own id")
        if not is_shown(said.get("plan") or "", current):
            raise Refused(
                f"approval refused: it does not name the plans that are pending (DECIDE-1), as list {current}. Look at "
                f"them: rebalancer show {self.item.id}"
            )
        return about

    def _one(self, each: Rebalance, said: dict[str, Any]) -> Outcome:
        meant = {"rebalance_id": each.rebalance_id, "round": each.round}
        try:
            return self._of(each, connections.run(send(each.workflow_id, self.update, said | meant, ANSWER)))
        except Refused as refused:
            return self._told(each, "refused", str(refused), 1)

    def _of(self, each: Rebalance, reply: Reply) -> Outcome:
        if reply.answer is None:
            return self._told(each, "unanswered", self._unanswered(each.rebalance_id, reply), NOT_ANSWERED, reply)
        outcome = reply.answer.get("outcome")
        if outcome in {None, "executing"}:
            at_open = f", sent at the open, {opens}" if (opens := reply.answer.get("opens_at")) else ""
            told = f"{DONE[self.update]} by {self.who}{': executing' if outcome else ''}{at_open}"
            return self._told(each, outcome or DONE[self.update], told, 0)
        why = f"{reply.answer['why']}. See it: rebalancer show {each.rebalance_id}"
        again = ", and was planned again" if outcome == "void" else ""
        return self._told(each, outcome, f"the approval is {outcome}{again}: {why}", 1)

    def _told(self, each: Rebalance, outcome: str, answer: str, code: int, reply: Reply | None = None) -> Outcome:
        about: dict[str, Any] = {
            "rebalance_id": each.rebalance_id,
            "account_id": each.account_id,
            "ok": code == 0,
            "outcome": outcome,
            "answer": answer,
        }
        if reply is not None:
            about["update_id"] = reply.update_id
        line = f"{each.rebalance_id}  {each.account_id}  {answer}"
        return Outcome(about, code, line) if code == 0 else Outcome(about, code, troubles=[line])

    def _of_request(self, reply: Reply) -> Outcome:
        id_, answer = self.item.id, reply.answer
        if answer is None:
            told = {"request_id": id_, "outcome": "unanswered", "update_id": reply.update_id}
            return Outcome(told, NOT_ANSWERED, troubles=[f"{id_}: {self._unanswered(id_, reply)}"])
        troubles = [f"account {each['account_id']}: {each['reason']}" for each in answer["refused"]]
        apart = answer.get("liquidations", [])
        notes = [f"{each} is a liquidation, and waits for an approval by its own name (DECIDE-1)" for each in apart]
        done = f"{id_}  {words.counted(answer['accounts'], 'account')} {DONE[self.update]} by {self.who}"
        line = done if answer["accounts"] else ""
        return Outcome({"request_id": id_, **answer}, 1 if troubles else 0, line, troubles + notes)

    def _unanswered(self, id_: str, reply: Reply) -> str:
        """That it was sent, how it is taken back, and how its answer is asked for."""
        name, who = shlex.quote(id_), shlex.quote(self.who)
        back = f"Take it back: rebalancer cancel {name} --by {who}. " if self.update == "approve" else ""
        return (
            f"sent, and not answered yet: {reply.why}. It may still take effect. {back}"
            f"Ask again: rebalancer {self.update} {name} --again {reply.update_id}"
        )
